"""What a task is, and the examples and inputs that several tasks share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from chronoglot.tables.words import Words


@dataclass(frozen=True)
class Examples:
    """What a probe reads and what it should say; every array has one entry an example.

    `item` is the table's row of the word, of the arc's modifier or of the sentence pair; `other`
    that of the arc's head, -1 where the task is about one row; `label` the gold class.
    """

    item: NDArray[np.int32]
    other: NDArray[np.int32]
    label: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.item)

    def __getitem__(self, rows: slice) -> "Examples":
        return Examples(self.item[rows], self.other[rows], self.label[rows])


@dataclass(frozen=True)
class Task:
    """A task and the data of a language, or of a pair of languages, that it is scored on.

    `text` is held-out text, `words` a treebank, `pairs` labelled pairs of sentences, `parallel`
    sentences of two languages with gold links between their words.
    """

    name: str
    data: Literal["text", "words", "pairs", "parallel"]


@dataclass(frozen=True)
class ProbingTask(Task):
    """A task that a classifier reads from vectors, scored by accuracy; `data` is words or pairs.

    `examples(table, split, seed)` gives the examples of one split of a word table or a pair
    table, drawn from the seed where the task draws any; `inputs(vectors, examples)` their
    features, float32 [examples, inputs], from a layer's vectors, [rows of the table, dimension].
    """

    examples: Callable[..., Examples]
    inputs: Callable[[NDArray[np.float32], Examples], NDArray[np.float32]]


def item_inputs(vectors: NDArray[np.float32], examples: Examples) -> NDArray[np.float32]:
    """The item's own vector."""
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
