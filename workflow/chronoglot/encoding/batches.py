"""What reading in batches takes: batches within a budget, and files that are filled by them."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from chronoglot.encoding.encoder import Encoder
from chronoglot.errors import UserError
from chronoglot.files import whole

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


@contextmanager
def vector_files(
    encoder: Encoder, outputs: Sequence[str | Path], rows: int
) -> Iterator[Sequence[NDArray[np.float32]]]:
    """Open `outputs`, the files of layers 0 to L, to be filled: float32 [rows, dimension] each.

    They appear under their names when all is written, or not at all. Raises UserError if there
    are not as many as layers.
    """
    if len(outputs) != encoder.layers + 1:
        raise UserError(
            f"{encoder.name}: layers 0 to {encoder.layers} have {encoder.layers + 1} outputs, "
            f"not {len(outputs)}"
        )
    with ExitStack() as stack:
        layers = [
            np.lib.format.open_memmap(
                stack.enter_context(whole(output)),
                mode="w+",
                dtype=np.float32,
                shape=(rows, encoder.dimension),
            )
            for output in outputs
        ]
        yield layers
        for layer in layers:
            layer.flush()
