"""The word table: the one form in which a treebank reaches the encoder and the probes.

One row per syntactic word, ordered by split (train, dev, test), sentence and word. Row i of a
layer's vectors belongs to row i of the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chronoglot.tables.parquet import read_columns, write_columns

_LABEL = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    [
        ("split", _LABEL),
        ("sentence", pa.int32()),
        ("sentence_id", _LABEL),
        ("word", pa.int32()),
        ("form", pa.string()),
        ("upos", _LABEL),
        ("head", pa.int32()),
        ("deprel", _LABEL),
        ("space_before", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class Words:
    """A treebank's syntactic words; every array has one entry a word.

    `sentence` is a running number over the whole table, `word` counts from 1 within the
    sentence, `head` is the `word` of the head or 0 for the root, `deprel` the universal
    relation, `space_before` whether the text has a space before the word.
    """

    split: NDArray[np.str_]
    sentence: NDArray[np.int32]
    sentence_id: NDArray[np.object_]
    word: NDArray[np.int32]
    form: NDArray[np.object_]
    upos: NDArray[np.object_]
    head: NDArray[np.int32]
    deprel: NDArray[np.object_]
    space_before: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.word)

    def rows(self, split: str) -> NDArray[np.intp]:
        """Row numbers of the words of one split."""
        return np.flatnonzero(self.split == split)

    def sentence_starts(self) -> NDArray[np.intp]:
        """Row of each sentence's first word, by sentence number, closed by the number of words."""
        starts = np.flatnonzero(np.diff(self.sentence, prepend=-1))
        return np.append(starts, len(self))

    def texts(self) -> Iterator[str]:
        """The text of each sentence: its words, with a space where there is one."""
        for start, stop in pairwise(self.sentence_starts().tolist()):
            rows = zip(self.form[start:stop], self.space_before[start:stop], strict=True)
            yield "".join(f" {form}" if space else form for form, space in rows).removeprefix(" ")


def read_words(path: str | Path) -> Words:
    """Read a word table; raises UserError if the file is damaged or has other columns."""
    return Words(**read_columns(path, SCHEMA, "word"))


def write_words(words: Words, path: str | Path) -> None:
    """Write a word table."""
    write_columns(words, SCHEMA, path)
