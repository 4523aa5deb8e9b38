"""Sentences that fit the model's window, and what becomes of those that do not.

A long sentence is read in windows that begin and end between words and overlap by half; each word's
vector comes from the window in which the word is farthest from the edges, so that it has context
on both sides. A single word longer than a window is read in parts, its vector pooled over all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """A run of subwords, `start` to `stop`, that the model reads at once.

    `keep_start` to `keep_stop` are those whose vectors are used; over the windows of a sentence
    they cover each subword once, in order.
    """

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def windows(starts: NDArray[np.int64], size: int) -> list[Window]:
    """The windows of one sentence.

    `starts` [words + 1] are the first subwords of its words, closed by the end of the last;
    `size` is the number of subwords that the model reads at once.
    """
    first, end = int(starts[0]), int(starts[-1])
    if end - first <= size:
        return [Window(first, end, first, end)]
    edges = _edges(starts, size)
    spans = list(_spans(edges, size))
    # Each unit (a word, or a part of a longer one) goes to the span where it is most central.
    depth = np.array(
        [
            np.where(
                (edges[:-1] >= start) & (edges[1:] <= stop),
                # The sentence's own edges are none: there is no context to miss beyond them.
                np.minimum(
                    edges[:-1] - start if start > first else size,
                    stop - edges[1:] if stop < end else size,
                ),
                -1,
            )
            for start, stop in spans
        ]
    )
    chosen = depth.argmax(axis=0)
    cuts = [int(edges[i]) for i in np.searchsorted(chosen, range(len(spans)))] + [end]
    return [
        Window(start, stop, cuts[i], cuts[i + 1])
        for i, (start, stop) in enumerate(spans)
        if cuts[i] < cuts[i + 1]
    ]


def _edges(starts: NDArray[np.int64], size: int) -> NDArray[np.int64]:
    """Where a window may begin and end: between words, and within words longer than a window."""
    cuts = [np.arange(a, b, size) for a, b in pairwise(starts)]
    return np.append(np.concatenate(cuts), starts[-1])


def _spans(edges: NDArray[np.int64], size: int) -> Iterator[tuple[int, int]]:
    """Runs of at most `size` subwords, each beginning near the middle of the one before."""
    begin = 0
    while True:
        # The last edge within reach; one unit at least, for none is longer than `size`.
        stop = int(np.searchsorted(edges, edges[begin] + size, side="right")) - 1
        yield int(edges[begin]), int(edges[stop])
        if stop == len(edges) - 1:
            return
        middle = (edges[begin] + edges[stop]) // 2
        nearer = int(np.searchsorted(edges, middle, side="right")) - 1
        # Forward always, but never past the end of this window.
        begin = min(max(nearer, begin + 1), stop)
