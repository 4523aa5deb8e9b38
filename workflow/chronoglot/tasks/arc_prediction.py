"""Is there a dependency arc from this modifier to this head?"""

import hashlib

import numpy as np
from numpy.typing import NDArray

from chronoglot.tables.words import Words
from chronoglot.tasks.base import Examples, ProbingTask, arc_inputs, gold_arcs


def examples(words: Words, split: str, seed: int) -> Examples:
    """Each gold arc of the split, and after it one negative, so that chance is 50 %.

    The negative pairs the same modifier with another word of its sentence, neither itself nor
    its head, drawn uniformly from the seed, the sentence's id and the modifier's place: it does
    not depend on the rest of the table. Sentences of fewer than three words have no negative
    and are left out, as is the root, whose head is no word.
    """
    modifier, head = gold_arcs(words, split)
    starts = words.sentence_starts()
    length = np.diff(starts)[words.sentence[modifier]]
    enough = length > 2
    modifier, head, length = modifier[enough], head[enough], length[enough]

    other = _uniform(_keys(words, starts, modifier, seed), length - 2)
    other += starts[words.sentence[modifier]]
    # The draw is a place among the words that are left without the modifier and its head.
    other += other >= np.minimum(modifier, head)
    other += other >= np.maximum(modifier, head)

    return Examples(
        item=np.repeat(modifier, 2),
        other=np.stack([head, other.astype(np.int32)], axis=1).ravel(),
        label=np.tile(np.array(["arc", "none"], dtype=object), len(modifier)),
    )


def _keys(
    words: Words, starts: NDArray[np.intp], modifier: NDArray[np.int32], seed: int
) -> NDArray[np.uint64]:
    """A number of 64 bits for each modifier, from the seed, its sentence's id and its place."""
    sentences, place = np.unique(words.sentence[modifier], return_inverse=True)
    digests = b"".join(
        hashlib.blake2b(f"{seed} {name}".encode(), digest_size=8).digest()
        for name in words.sentence_id[starts[sentences]]
    )
    stream = np.frombuffer(digests, dtype="<u8")[place]
    return stream + words.word[modifier].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _uniform(keys: NDArray[np.uint64], bound: NDArray[np.intp]) -> NDArray[np.int64]:
    """A number in [0, bound) for each key: SplitMix64's output (Steele et al. 2014), scaled."""
    bits = keys.copy()
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    bits ^= bits >> np.uint64(31)
    return ((bits >> np.uint64(32)) * bound.astype(np.uint64) >> np.uint64(32)).astype(np.int64)


TASK = ProbingTask("arc_prediction", "words", examples, arc_inputs)
