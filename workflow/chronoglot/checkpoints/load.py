"""Read a fairseq checkpoint as data: weights and settings, never code."""

import pickle
import re
import zipfile
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.serialization import get_safe_globals, safe_globals

from chronoglot.errors import UserError


def load_fairseq(path: str | Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Weights by name and the model's settings from a checkpoint that fairseq saved.

    The file is a pickle, which could name any function to call; only tensors, plain values and
    `argparse.Namespace` (fairseq's settings) are let through, so nothing in it is ever run.

    Raises UserError if the file is absent, cut short, damaged, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    content = _read(path)
    if not isinstance(content, Mapping) or not isinstance(content.get("model"), Mapping):
        raise UserError(f"{path}: not a fairseq checkpoint: it has no weights under 'model'")
    state = dict(content["model"])
    if not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: not a fairseq checkpoint: its 'model' holds more than tensors")
    return state, _settings(content, path)


def _read(path: Path) -> object:
    # torch does not compare the checksums that it writes, and a flipped bit would become a weight.
    zipped = zipfile.is_zipfile(path)
    damaged = _cut_short(path) if not zipped else _bad_record(path)
    if damaged:
        raise UserError(f"{path}: {damaged}; delete it and run again")
    # Leaving a `safe_globals` block forgets its classes, even those that were allowed before it.
    allowed: list = [] if Namespace in get_safe_globals() else [Namespace]
    try:
        with safe_globals(allowed):
            # Mapped, the optimizer's state (two thirds of a checkpoint) is never read.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        if named:
            raise UserError(
                f"{path}: refused, because it holds something other than weights and settings: "
                f"{named[1]}, which would run on loading; take the checkpoint from another source"
            ) from None
        raise UserError(
            f"{path}: not a checkpoint that PyTorch can read; delete it and run again"
        ) from None
    except Exception as error:  # a pickle cut anywhere provokes almost any
        raise UserError(f"{path}: damaged or cut short; delete it and run again") from error


def _cut_short(path: Path) -> str | None:
    """What is wrong with a file that is no whole zip archive, if that can be told."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return "an empty file"
    return "a checkpoint cut short" if start == b"PK\x03\x04" else None


def _bad_record(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            record = archive.testzip()
    except (zipfile.BadZipFile, EOFError) as error:
        return f"a damaged checkpoint ({error})"
    return f"a damaged checkpoint (checksum of {record})" if record else None


def _settings(content: Mapping[str, object], path: Path) -> dict[str, object]:
    """The model's settings: under `cfg` since fairseq 0.10, under `args` before."""
    cfg = content.get("cfg")
    settings = cfg.get("model") if isinstance(cfg, Mapping) else content.get("args")
    if isinstance(settings, Namespace):
        return vars(settings)
    if isinstance(settings, Mapping):
        return dict(settings)
    raise UserError(f"{path}: not a fairseq checkpoint: it has no settings under 'cfg' or 'args'")
