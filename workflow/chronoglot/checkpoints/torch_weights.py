"""torch's own files of weights as safetensors, so that all checkpoints are read alike."""

import pickle
import re
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from chronoglot.checkpoints.weights import write_weights
from chronoglot.checkpoints.zipped import bad_record, without_wrappers
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.masquerade import masquerade


def write_safetensors(files: Sequence[Path], output: Path) -> None:
    """Write the tensors of all `files` (`pytorch_model.bin`, or its parts) into one file.

    They keep their types, and their names but for what a wrapper put before them. Tied weights,
    which are one in the file too, are written once, under their name in the model's body rather
    than in its head.

    A file is a pickle, which could name any function to call: only tensors are let through. Raises
    UserError if it holds anything else or is damaged.
    """
    read = {name: tensor for path in files for name, tensor in _read(path).items()}
    found = {bare: read[name] for bare, name in without_wrappers(read, files[0]).items()}
    # The body has more tensors than the head. Of names in one part the first is the owner's.
    sizes = Counter(map(_part, found))
    names: dict[tuple, str] = {}
    for name in sorted(found, key=lambda name: -sizes[_part(name)]):
        tensor = found[name]
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        names.setdefault(place if tensor.numel() else (name,), name)
    tensors = {name: _alone(found[name].detach()) for name in names.values()}
    write_weights(tensors, output)


def _part(name: str) -> str:
    """The part of the model that a tensor is of: `roberta`, `lm_head`."""
    return name.split(".")[0]


def _read(path: Path) -> Mapping[str, Tensor]:
    # An older pickle has no checksums.
    zipped = zipfile.is_zipfile(path)
    if damaged := bad_record(path) if zipped else None:
        raise UserError(f"{path}: {damaged}; fetch or copy it again")
    if not zipped and (what := masquerade(path)):
        raise UserError(f"{path}: is {what}")
    try:
        # Mapped, the numbers are in memory once, when they are written.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL ([\w.]+)", str(error))
        what = f"something other than tensors: {named[1]}" if named else "what torch cannot read"
        raise UserError(
            f"{path}: refused, because it holds {what}; take the checkpoint from another source"
        ) from None
    except Exception as error:  # a pickle cut anywhere provokes almost any
        raise UserError(f"{path}: damaged or cut short ({error})") from error
    if not isinstance(content, Mapping):
        raise UserError(f"{path}: no weights by name, but a {type(content).__name__}")
    for name, tensor in content.items():
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            raise UserError(
                f"{path}: holds more than dense tensors: {name!r} is a {type(tensor).__name__}; "
                "save the model's state_dict() alone"
            )
    return content


def _alone(tensor: Tensor) -> Tensor:
    """The tensor in memory of its own, in order, as safetensors have it."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return (
        tensor
        if whole and tensor.is_contiguous()
        else tensor.clone(memory_format=torch.contiguous_format)
    )
