"""The inputs of a probe, made a block of examples at a time so that memory stays bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronoglot.tasks.base import Examples, ProbingTask

BLOCK_BYTES = 1 << 23  # a block stays in the processor's cache while it is made and read twice
KEPT_BYTES = 1 << 31  # standardised features up to this size are made once and kept


@dataclass(frozen=True)
class Features:
    """The inputs of `examples` under a task, from a layer's `vectors`, [words, dimension]."""

    task: ProbingTask
    vectors: NDArray[np.float32]
    examples: Examples

    def __len__(self) -> int:
        return len(self.examples)

    def blocks(self, every: int = 1) -> Iterator[NDArray[np.float32]]:
        """The inputs in order, float32 [block, inputs]; or only every n-th block of them."""
        width = self.task.inputs(self.vectors, self.examples[:0]).shape[1]
        size = max(64, BLOCK_BYTES // (4 * width))
        for start in range(0, len(self), size * every):
            yield self.task.inputs(self.vectors, self.examples[start : start + size])

    def moments(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each input, the latter 1 where an input is constant."""
        origin = self.task.inputs(self.vectors, self.examples[:1])
        count, mean, squares = 0, np.float64(0), np.float64(0)
        for block in self.blocks():
            # Sums about the first example, and blocks merged as by Chan et al. (1983): single
            # precision is then lost on the spread alone, however far from zero an input lies.
            block -= origin
            part = block.mean(axis=0)
            block -= part
            shift, total = part.astype(np.float64) - mean, count + len(block)
            squares = squares + np.einsum("bi,bi->i", block, block)
            squares = squares + shift**2 * (count * len(block) / total)
            mean = mean + shift * (len(block) / total)
            count = total
        scale = np.sqrt(squares / count)
        return (origin[0] + mean).astype(np.float32), np.where(scale > 0, scale, 1).astype("f4")


class Standardised:
    """Features less their mean and divided by their scale; kept if small, else made anew."""

    def __init__(
        self, features: Features, mean: NDArray[np.float32], scale: NDArray[np.float32]
    ) -> None:
        self.features, self.mean, self.factor = features, mean, 1 / scale
        self._kept: list[NDArray[np.float32]] | None = None
        if len(features) * len(mean) * mean.itemsize <= KEPT_BYTES:
            self._kept = list(self._make())

    def __len__(self) -> int:
        return len(self.features)

    def blocks(self, every: int = 1) -> Iterator[NDArray[np.float32]]:
        """As `Features.blocks`, standardised."""
        return self._make(every) if self._kept is None else iter(self._kept[::every])

    def _make(self, every: int = 1) -> Iterator[NDArray[np.float32]]:
        for block in self.features.blocks(every):
            block -= self.mean
            block *= self.factor
            yield block
