"""What there is to compare of a checkpoint, in a few kilobytes: hashes, shapes and norms."""

import hashlib
import json
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from sentencepiece import SentencePieceProcessor

from chronoglot.checkpoints.manifest import check_manifest
from chronoglot.checkpoints.sketch import decoded, encoded, places
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

# Numbers of a tensor looked at together, so that memory stays bounded and the cache is used.
_CHUNK = 1 << 16
_SENTENCEPIECE = "sentencepiece.bpe.model"
_TOKENIZERS = ("tokenizer.json", _SENTENCEPIECE)


def digest(folder: str | Path) -> dict:
    """The digest of a model folder, ready for JSON.

    - `files`: name → `size` (bytes) and `sha256`.
    - `tensors`: name → `shape`, `dtype`, `sha256` of its bytes, and for floating-point ones `nan`
      and `infinite` (how many numbers are) and `norm` (Euclidean; null if any number is not
      finite), and for matrices of such `sketch` (see `chronoglot.checkpoints.sketch`).
    - `vocabulary`: `embeddings`, the ids that config.json speaks of, and `padding`, by how
      many fairseq's dictionary was padded; `tokenizer`, the file of the
      tokenizer (null: none that is known), and `ids`, those that it can give (null likewise).

    The same folder gives the same digest, to the bit. Raises UserError if a file is missing,
    damaged or changed since the folder was made.
    """
    folder = Path(folder)
    files = check_manifest(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise UserError(f"{folder}: no weights, for it has no file of safetensors")
    return {
        "files": files,
        "tensors": dict(sorted(item for path in weights for item in _tensors(path))),
        "vocabulary": _vocabulary(folder),
    }


def write_digest(folder: str | Path, path: str | Path) -> None:
    """Write the digest of a model folder as JSON; raises as `digest`."""
    content = digest(folder)
    with whole(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read_digest(path: str | Path) -> dict:
    """A digest that `write_digest` wrote; raises UserError if the file is damaged or another's."""
    try:
        found = dict(json.loads(Path(path).read_text(encoding="utf-8")))
        for tensor in found["tensors"].values():
            if "norm" in tensor and len(tensor["shape"]) > 1:
                decoded(tensor["sketch"])
        return found
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: not a digest of this version ({error!r}); delete it and run again"
        ) from error


def _tensors(path: Path) -> Iterator[tuple[str, dict]]:
    try:
        with safe_open(path, framework="pt") as file:
            for name in file.keys():  # noqa: SIM118
                part = file.get_slice(name)
                shape = part.get_shape()
                rows = max(1, _CHUNK // math.prod(shape[1:])) if math.prod(shape) else 1
                chunks = (
                    # A scalar cannot be sliced.
                    (part[start : start + rows] for start in range(0, shape[0], rows))
                    if shape
                    else iter([file.get_tensor(name)])
                )
                dtype = part.get_dtype()
                floating = dtype.startswith(("F", "BF"))
                taken = places(shape) if floating and len(shape) > 1 else None
                numbers = _numbers(chunks, floating, taken)
                yield name, {"shape": shape, "dtype": dtype, **numbers}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: not a readable file of weights ({error})") from error


def _numbers(
    chunks: Iterator[torch.Tensor], floating: bool, taken: NDArray[np.int64] | None
) -> dict:
    """Hash, and of floating-point numbers how many are not finite, the norm, and those `taken`."""
    hashed = hashlib.sha256()
    squares, nan, infinite = 0.0, 0, 0
    start, sample = 0, []
    for chunk in chunks:
        hashed.update(chunk.contiguous().flatten().view(torch.uint8).numpy().data)
        if floating:
            # numpy's sum, since that of torch depends on the number of threads.
            numbers = chunk.double().numpy().ravel()
            nan += int(np.isnan(numbers).sum())
            infinite += int(np.isinf(numbers).sum())
            squares += float(np.square(numbers).sum())
            if taken is not None:
                here = taken[np.searchsorted(taken, start) :] - start
                sample.append(numbers[here[here < numbers.size]])
                start += numbers.size
    found: dict = {"sha256": hashed.hexdigest()}
    if floating:
        norm = math.sqrt(squares) if not nan + infinite else None
        found |= {"nan": nan, "infinite": infinite, "norm": norm}
    if sample:
        found["sketch"] = encoded(np.concatenate(sample))
    return found


def _vocabulary(folder: Path) -> dict:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = next((name for name in _TOKENIZERS if (folder / name).is_file()), None)
    ids = _ids(folder / name) if name else None
    padding = config.get("vocab_padding")
    return {
        "embeddings": config.get("vocab_size"),
        "tokenizer": name,
        "ids": ids,
    } | ({"padding": padding} if padding else {})


def _ids(tokenizer: Path) -> int | None:
    """How many ids a tokenizer can give; None if it cannot be read."""
    if tokenizer.name == _SENTENCEPIECE:
        try:
            # fairseq's numbering: <pad> and <mask> besides the pieces.
            return SentencePieceProcessor(model_file=str(tokenizer)).get_piece_size() + 2
        except (OSError, RuntimeError):
            return None
    from tokenizers import Tokenizer

    try:
        return max(Tokenizer.from_file(str(tokenizer)).get_vocab().values()) + 1
    except Exception:  # the library raises nothing more particular
        return None
