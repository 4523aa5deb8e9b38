"""How large a model is."""

import json
from math import prod
from pathlib import Path

from chronoglot.runtime.errors import UserError

# What `config.json` calls the number of transformer blocks; BLOOM has the second name.
_LAYERS = ("num_hidden_layers", "n_layer")


def count_parameters(digest: Path) -> int:
    """Number of parameters by a checkpoint's digest.json; tied ones are stored, and count, once."""
    tensors = json.loads(digest.read_text(encoding="utf-8"))["tensors"].values()
    # Whole numbers are no parameters, but masks and positions that some models keep beside them.
    return sum(prod(tensor["shape"]) for tensor in tensors if "norm" in tensor)


def count_layers(folder: str | Path) -> int:
    """Number of transformer blocks by a model folder's config.json; UserError if it is not said."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return next(int(config[name]) for name in _LAYERS if name in config)
    except (OSError, ValueError, TypeError, StopIteration):
        raise UserError(f"{path}: does not say {' or '.join(_LAYERS)}") from None


def check_layers(folder: str | Path, layers: int | None) -> None:
    """Raise UserError if a model folder has another number of blocks; None: any will do."""
    if layers is not None:
        refuse_other_layers(count_layers(folder), layers, folder)


def refuse_other_layers(found: int, layers: int | None, where: str | Path) -> None:
    """Raise UserError if `found` are not the `layers` of the settings; None: any will do."""
    if layers is not None and found != layers:
        raise UserError(
            f"checkpoints.layers: {layers}, but {where} has {found} transformer blocks; set it to "
            f"{found}, or leave such checkpoints out"
        )
