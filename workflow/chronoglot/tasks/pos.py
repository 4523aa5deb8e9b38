"""Universal part of speech of a word from its vector."""

import numpy as np

from chronoglot.tables.words import Words
from chronoglot.tasks.base import Examples, ProbingTask, item_inputs

# fmt: off
CLASSES = frozenset([
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN",
    "PUNCT", "SCONJ", "SYM", "VERB", "X",
])
# fmt: on


def examples(words: Words, split: str, seed: int) -> Examples:
    """The split's words that bear one of the 17 universal classes; nothing is drawn."""
    rows = words.rows(split)
    upos = words.upos[rows]
    known = np.fromiter((tag in CLASSES for tag in upos), dtype=bool, count=len(upos))
    item = rows[known].astype(np.int32)
    return Examples(item=item, other=np.full_like(item, -1), label=upos[known])


TASK = ProbingTask("pos", "words", examples, item_inputs)
