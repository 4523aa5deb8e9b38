"""A trained probe on disk, for scoring it on other languages without training it again."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chronoglot.probing.linear import Probe
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

_ARRAYS = ("mean", "scale", "weights", "bias")


@dataclass(frozen=True)
class SavedProbe:
    """A probe and what else is asked of it: the size and the commonest label of its training."""

    probe: Probe
    majority: str
    train_items: int
    regularisation: float


def save_probe(saved: SavedProbe, path: Path) -> None:
    """Write a probe as .npz."""
    arrays = {name: getattr(saved.probe, name) for name in _ARRAYS}
    with whole(path) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            **arrays,
            classes=saved.probe.classes.astype(str),
            majority=saved.majority,
            train_items=saved.train_items,
            regularisation=saved.regularisation,
        )


def load_probe(path: Path) -> SavedProbe:
    """Read a probe; raises UserError if the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in _ARRAYS}
            probe = Probe(**arrays, classes=file["classes"].astype(object))
            return SavedProbe(
                probe,
                str(file["majority"]),
                int(file["train_items"]),
                float(file["regularisation"]),
            )
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"{path}: not a readable probe ({error}); delete it and run again"
        ) from error
