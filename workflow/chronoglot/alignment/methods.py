"""Links from the similarity of word vectors: mutual argmax and itermax.

Both are those of SimAlign (Jalili Sabet et al. 2020, arXiv 2004.08728), without its distortion and
its null words. All arrays hold many sentence pairs at once, padded to the longest source (m) and
target (n); `words`, bool [pairs, m, n], marks the cells in which both words exist.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Links = NDArray[np.bool_]

ALPHA = 0.9
"""What a similarity counts for in itermax if one of its words is linked already."""

SHORTEST = 3
"""Itermax adds nothing in a pair with a sentence of fewer words."""


def similarity(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float32]:
    """(cosine + 1) / 2 of each source with each target vector: [pairs, m, n] in [0, 1].

    `source` [pairs, m, dimension], `target` [pairs, n, dimension]; the cosine with a vector of
    zeros is 0. Computed in double precision and rounded: so equal words tie, whatever they are
    padded with.
    """
    cosine = _unit(source) @ _unit(target).swapaxes(1, 2)
    return ((cosine + 1) / 2).astype(np.float32)


def _unit(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    vectors = vectors.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=2, keepdims=True)
    return vectors / np.where(norms == 0, 1, norms)


def mutual_argmax(similarities: NDArray[np.floating], words: NDArray[np.bool_]) -> Links:
    """Link the words that are each other's most similar, the first of several: [pairs, m, n]."""
    _, m, n = words.shape
    similarities = np.where(words, similarities, -np.inf)
    forward = similarities.argmax(axis=2)[:, :, None] == np.arange(n)
    backward = similarities.argmax(axis=1)[:, None, :] == np.arange(m)[:, None]
    return np.logical_and(forward, backward) & words


def itermax(similarities: NDArray[np.floating], words: NDArray[np.bool_]) -> Links:
    """Mutual argmax, and once more where words are left on both sides: [pairs, m, n].

    In the second pass a similarity counts in full if neither of its words is linked, `ALPHA` times
    if one is, and nothing if both are.
    """
    links = mutual_argmax(similarities, words)
    source, target = words.any(axis=2), words.any(axis=1)
    free_source = np.logical_and(source, ~links.any(axis=2))
    free_target = np.logical_and(target, ~links.any(axis=1))
    free = free_source[:, :, None].astype(int) + free_target[:, None, :]
    more = mutual_argmax(similarities * np.array([0, ALPHA, 1])[free], words) & (free > 0)
    long_enough = np.minimum(source.sum(axis=1), target.sum(axis=1)) >= SHORTEST
    goes_on = free_source.any(axis=1) & free_target.any(axis=1) & long_enough
    return links | (more & goes_on[:, None, None])


METHODS: dict[str, Callable[[NDArray[np.floating], NDArray[np.bool_]], Links]] = {
    "argmax": mutual_argmax,
    "itermax": itermax,
}
