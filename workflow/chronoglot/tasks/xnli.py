"""Does a premise entail a hypothesis, contradict it or neither, from the pair's vector?"""

import numpy as np

from chronoglot.tables.sentence_pairs import Pairs
from chronoglot.tasks.base import Examples, ProbingTask, item_inputs


def examples(pairs: Pairs, split: str, seed: int) -> Examples:
    """The split's pairs with their labels; nothing is drawn."""
    item = pairs.rows(split).astype(np.int32)
    return Examples(item=item, other=np.full_like(item, -1), label=pairs.label[item])


TASK = ProbingTask("xnli", "pairs", examples, item_inputs)
