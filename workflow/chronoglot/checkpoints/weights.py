"""Files of safetensors, as they are written here."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from chronoglot.checkpoints.zipped import without_wrappers
from chronoglot.runtime.errors import UserError

_PYTORCH = {"format": "pt"}


def write_weights(
    tensors: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors by name, readable for whom the user's umask lets read; safetensors alone would
    leave the file to its owner."""
    path.touch()
    mode = path.stat().st_mode
    save_file(dict(tensors), path, dict(metadata or _PYTORCH))
    path.chmod(mode)


def write_unwrapped(files: Sequence[Path], output: Path) -> bool:
    """Write the tensors of safetensors `files` into one, without what wrappers put before names.

    Where no name has a wrapper's nothing is written, and False returned. Raises UserError if a file
    cannot be read, or two tensors have one name then.
    """
    try:
        origin: dict[str, Path] = {}
        for path in files:
            with safe_open(path, framework="pt") as file:
                origin |= dict.fromkeys(file.keys(), path)
        names = without_wrappers(origin, files[0])
        if all(new == old for new, old in names.items()):
            return False
        tensors = {}
        for path in files:
            with safe_open(path, framework="pt") as file:
                for new, old in names.items():
                    if origin[old] == path:
                        tensors[new] = file.get_tensor(old)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{files[0]}: not readable weights ({error})") from error
    write_weights(tensors, output)
    return True
