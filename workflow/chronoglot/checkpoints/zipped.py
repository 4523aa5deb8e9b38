"""The zip archive that torch's files of weights are: its checksums, and the names in it."""

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from chronoglot.runtime.errors import UserError

# What wrappers of a model put before the names of its tensors: distributed training, compilation.
_WRAPPERS = re.compile(r"^((module|_orig_mod)\.)+|(?<=\.)_orig_mod\.")


def bad_record(path: Path) -> str | None:
    """What is damaged in a zip archive, if anything is: torch compares none of its checksums."""
    try:
        with zipfile.ZipFile(path) as archive:
            record = archive.testzip()
    except Exception as error:  # of many kinds, as the bit that was flipped has it
        return f"a damaged checkpoint ({error})"
    return f"a damaged checkpoint (checksum of {record})" if record else None


def without_wrappers(names: Iterable[str], path: Path) -> dict[str, str]:
    """Tensors' names without what DistributedDataParallel and torch.compile put before → names.

    Raises UserError, naming the file at `path`, if two are the same then.
    """
    found: dict[str, str] = {}
    for name in names:
        bare = _WRAPPERS.sub("", name)
        if (other := found.setdefault(bare, name)) != name:
            raise UserError(f"{path}: holds {other} and {name}, two tensors of one name; keep one")
    return found


def divided_by_fsdp(names: Iterable[object]) -> bool:
    """Whether tensors of these names are a part of a model that FSDP divided among processes."""
    return any("flat_param" in str(name) or "_fsdp_wrapped" in str(name) for name in names)
