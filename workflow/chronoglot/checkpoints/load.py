"""Read a fairseq checkpoint as data: weights and settings, never code."""

import pickle
import re
import zipfile
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from torch.serialization import get_safe_globals, safe_globals

from chronoglot.checkpoints.zipped import bad_record, divided_by_fsdp, without_wrappers
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.masquerade import masquerade


class _StandIn:
    """Takes the place of an object of fairseq's or omegaconf's, of which only the data is read."""

    def __init__(self, *_: object) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        self.state = state


def _mapping(*_: object) -> OrderedDict:
    """In place of a mapping with a factory of values: torch fills no other class."""
    return OrderedDict()


# What settings and meters are made of besides plain values. None of these classes is imported, let
# alone called: a stand-in takes what was stored in them.
_STAND_INS = re.compile(r"(fairseq|omegaconf|typing|numpy)\.[\w.]+")
_BUILTINS = ("bool", "dict", "float", "int", "list", "str", "tuple")


def load_fairseq(path: str | Path) -> tuple[dict[str, Tensor], dict[str, object]]:
    """Weights by name and the model's settings from a checkpoint that fairseq saved.

    The file is a pickle, which could name any function to call. Only tensors, plain values and
    `argparse.Namespace` are let through; objects of fairseq and omegaconf (settings, meters)
    become stand-ins that hold their data. So nothing in the file is ever run.

    Raises UserError if the file is absent, cut short, damaged, or holds anything else.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    content = _read(path)
    if not isinstance(content, Mapping) or not isinstance(content.get("model"), Mapping):
        raise UserError(f"{path}: not a fairseq checkpoint: it has no weights under 'model'")
    if "shard_metadata" in content or divided_by_fsdp(content["model"]):
        raise UserError(
            f"{path}: one shard of a checkpoint that FSDP divided among processes; put them "
            "together with fairseq's scripts/consolidate_fsdp_shards.py, and give what it makes"
        )
    names = without_wrappers(content["model"], path)
    state = {bare: content["model"][name] for bare, name in names.items()}
    if not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(f"{path}: not a fairseq checkpoint: its 'model' holds more than tensors")
    return state, _settings(content, path)


def _read(path: Path) -> object:
    # torch does not compare the checksums that it writes, and a flipped bit would become a weight.
    zipped = zipfile.is_zipfile(path)
    damaged = _cut_short(path) if not zipped else bad_record(path)
    if damaged:
        raise UserError(f"{path}: {damaged}; delete it and run again")
    allowed: list = [
        (_mapping, "collections.defaultdict"),
        *((_StandIn, f"builtins.{name}") for name in _BUILTINS),
    ]
    # Leaving a `safe_globals` block forgets its classes, even those that were allowed before it.
    if Namespace not in get_safe_globals():
        allowed.append(Namespace)
    while True:
        try:
            with safe_globals(allowed):
                # Mapped, the optimizer's state (two thirds of a checkpoint) is never read.
                return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        except pickle.UnpicklingError as error:
            named = re.search(r"GLOBAL ([\w.]+)", str(error))
            if not named:
                raise UserError(
                    f"{path}: not a checkpoint that PyTorch can read; delete it and run again"
                ) from None
            # torch names one class at a time.
            stand_in = (_StandIn, named[1])
            if not _STAND_INS.fullmatch(named[1]) or stand_in in allowed:
                raise UserError(
                    f"{path}: refused, because it holds something other than weights and "
                    f"settings: {named[1]}, which would run on loading; take the checkpoint from "
                    "another source"
                ) from None
            allowed.append(stand_in)
        except Exception as error:  # a pickle cut anywhere provokes almost any
            raise UserError(f"{path}: damaged or cut short; delete it and run again") from error


def _cut_short(path: Path) -> str | None:
    """What is wrong with a file that is no whole zip archive, if that can be told."""
    with path.open("rb") as file:
        start = file.read(4)
    if not start:
        return "an empty file"
    if start == b"PK\x03\x04":
        return "a checkpoint cut short"
    what = masquerade(path)
    return f"is {what}" if what else None


def _settings(content: Mapping[str, object], path: Path) -> dict[str, object]:
    """The model's settings: under `cfg` since fairseq 0.10, under `args` before."""
    cfg = _plain(content.get("cfg"))
    settings = _plain(cfg.get("model") if isinstance(cfg, Mapping) else content.get("args"))
    if isinstance(settings, Mapping):
        return {str(name): _plain(value) for name, value in settings.items()}
    raise UserError(f"{path}: not a fairseq checkpoint: it has no settings under 'cfg' or 'args'")


def _plain(value: object) -> object:
    """What omegaconf's stand-in for a mapping, list or leaf holds; a namespace as a mapping."""
    if isinstance(value, _StandIn) and isinstance(value.state, Mapping):
        return _plain(value.state.get("_content", value.state.get("_val")))
    return vars(value) if isinstance(value, Namespace) else value
