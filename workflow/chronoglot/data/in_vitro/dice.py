"""Random draws that are the same in every process, on every machine, and fast one at a time."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Choice(Generic[T]):
    """Items by rank of frequency, drawn by the law of Zipf and Mandelbrot: 1 / (rank + 2)."""

    def __init__(self, items: Sequence[T]) -> None:
        self.items = tuple(items)
        self.cumulative = list(accumulate(1 / (rank + 2) for rank in range(1, len(items) + 1)))


class Dice:
    """A stream of draws that depends on `purpose` alone, whatever else is drawn elsewhere."""

    def __init__(self, *purpose: str | int) -> None:
        digest = hashlib.sha256("\n".join(map(str, purpose)).encode()).digest()
        self._generator = np.random.default_rng(int.from_bytes(digest, "big"))
        self._uniform = self._stream().__next__

    def _stream(self) -> Iterator[float]:
        while True:  # in blocks: one draw at a time costs numpy ten times as much
            yield from self._generator.random(4096).tolist()

    def chance(self, probability: float) -> bool:
        """True with the given probability."""
        return self._uniform() < probability

    def below(self, bound: int) -> int:
        """A whole number below `bound`, each as likely."""
        return int(self._uniform() * bound)

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[self.below(len(items))]

    def draw(self, choice: Choice[T]) -> T:
        """One of the items by frequency."""
        cumulative = choice.cumulative
        return choice.items[bisect_right(cumulative, self._uniform() * cumulative[-1])]

    def stratified(self, items: Sequence[T], share: float) -> list[T]:
        """A share of the items, spread evenly over their order (so over ranks of frequency)."""
        count = round(share * len(items))
        edges = [len(items) * k // count for k in range(count + 1)] if count else [0]
        return [items[first + self.below(last - first)] for first, last in pairwise(edges)]
