"""The zip archive that torch's files of weights are: its checksums, and the names in it."""

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

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


def unwrapped(name: str) -> str:
    """A tensor's name without what DistributedDataParallel and torch.compile put before it."""
    return _WRAPPERS.sub("", name)


def divided_by_fsdp(names: Iterable[object]) -> bool:
    """Whether tensors of these names are a part of a model that FSDP divided among processes."""
    return any("flat_param" in str(name) or "_fsdp_wrapped" in str(name) for name in names)
