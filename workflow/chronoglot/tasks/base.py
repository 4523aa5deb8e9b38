"""What a probing task is, and the examples and inputs that several tasks share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronoglot.words import Words


@dataclass(frozen=True)
class Examples:
    """What a probe reads and what it should say; every array has one entry an example.

    `item` is the row of the word, or of the arc's modifier, in the word table; `other` that of
    the arc's head, -1 where the task is about one word; `label` the gold class.
    """

    item: NDArray[np.int32]
    other: NDArray[np.int32]
    label: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.item)

    def __getitem__(self, rows: slice) -> "Examples":
        return Examples(self.item[rows], self.other[rows], self.label[rows])


@dataclass(frozen=True)
class ProbingTask:
    """A task read from word vectors by a classifier, scored by accuracy.

    `examples(words, split, seed)` gives the examples of one split, drawn from the seed where the
    task draws any; `inputs(vectors, examples)` their features, float32 [examples, dimension],
    from the vectors of a layer, [words, dimension].
    """

    name: str
    examples: Callable[[Words, str, int], Examples]
    inputs: Callable[[NDArray[np.float32], Examples], NDArray[np.float32]]


def word_inputs(vectors: NDArray[np.float32], examples: Examples) -> NDArray[np.float32]:
    """The word's own vector."""
    return vectors[examples.item]


def arc_inputs(vectors: NDArray[np.float32], examples: Examples) -> NDArray[np.float32]:
    """`[h_mod; h_head; h_mod ⊙ h_head]`, as Liu et al. (2019, arXiv 1903.08855) read arcs."""
    dimension = vectors.shape[1]
    inputs = np.empty((len(examples), 3 * dimension), dtype=np.float32)
    modifier, head, product = np.split(inputs, 3, axis=1)
    modifier[:] = vectors[examples.item]
    head[:] = vectors[examples.other]
    np.multiply(modifier, head, out=product)
    return inputs


def gold_arcs(words: Words, split: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Rows of the modifier and the head of each arc of a split; the root's word has no arc."""
    modifier = words.rows(split)
    modifier = modifier[words.head[modifier] > 0]
    first = words.sentence_starts()[words.sentence[modifier]]
    head = first + words.head[modifier] - 1
    return modifier.astype(np.int32), head.astype(np.int32)
