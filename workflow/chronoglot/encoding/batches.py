"""What reading in batches takes: batches within a budget, and files that are filled by them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from chronoglot.encoding.encoder import Encoder
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

Item = TypeVar("Item")


def batches(
    items: Iterable[Item], size: Callable[[Item], int], budget: int
) -> Iterator[list[Item]]:
    """Successive items whose sizes sum to at most `budget`, or one that is larger by itself."""
    batch: list[Item] = []
    total = 0
    for item in items:
        more = size(item)
        if batch and total + more > budget:
            yield batch
            batch, total = [], 0
        batch.append(item)
        total += more
    if batch:
        yield batch


class VectorFile:
    """A .npy file of float32 [rows, dimension] that is being filled, in any order.

    It is written to, not mapped into memory: a full disk is then an error and not the end of the
    process, and on a file system of a network others see all of it once it is closed.
    """

    def __init__(self, file: BinaryIO, rows: int, dimension: int) -> None:
        self._file, self._bytes = file, 4 * dimension
        layout = {"descr": "<f4", "fortran_order": False, "shape": (rows, dimension)}
        np.lib.format.write_array_header_1_0(file, layout)
        self._start = file.tell()
        file.truncate(self._start + rows * self._bytes)

    def write(self, rows: NDArray[np.intp], vectors: NDArray[np.float32]) -> None:
        """Fill the rows with these vectors; those that follow each other are written at once."""
        vectors = np.ascontiguousarray(vectors, "<f4")
        cuts = np.flatnonzero(np.diff(rows) != 1) + 1
        for start, stop in pairwise([0, *cuts.tolist(), len(rows)]):
            self._file.seek(self._start + int(rows[start]) * self._bytes)
            self._file.write(vectors[start:stop].data)


@contextmanager
def vector_files(
    encoder: Encoder, outputs: Mapping[int, str | Path], rows: int
) -> Iterator[Mapping[int, VectorFile]]:
    """Open `outputs`, layer → file, to be filled with `rows` vectors each.

    They appear under their names when all is written, or not at all. Raises UserError if the model
    lacks one of the layers, or none is asked for.
    """
    check_layers(outputs, encoder)
    with ExitStack() as names, ExitStack() as files:
        paths = {layer: names.enter_context(whole(output)) for layer, output in outputs.items()}
        yield {
            layer: VectorFile(files.enter_context(path.open("wb")), rows, encoder.dimension)
            for layer, path in paths.items()
        }


def check_layers(layers: Collection[int], encoder: Encoder) -> None:
    """Raises UserError if the model lacks one of these layers, or there is none."""
    if not layers:
        raise UserError("no layer to encode; name one or more of them")
    if missing := sorted(set(layers) - set(range(encoder.layers + 1))):
        raise UserError(f"{encoder.name} has layers 0 to {encoder.layers}, but not {missing[0]}")
