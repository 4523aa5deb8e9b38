"""Sentence pairs beside each other: as words for the encoder, and as arrays for the methods."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from chronoglot.tables.gold_links import Link, Translation
from chronoglot.tables.words import Words

CHUNK_WORDS = 4096
"""Words, padding included, whose vectors are in memory at once: 160 MB for 13 layers of 768."""


class Chunk:
    """Sentence pairs padded to their longest source (m) and target (n).

    All bool [pairs, m, n]: `words` marks the cells of existing words, `judged` those of words that
    the annotators looked at, `sure` and `possible` the gold links.
    """

    def __init__(self, pairs: Sequence[Translation]) -> None:
        self._sentences = [
            *((pair.source, pair.source_space_before) for pair in pairs),
            *((pair.target, pair.target_space_before) for pair in pairs),
        ]
        self._lengths = np.array([len(tokens) for tokens, _ in self._sentences])
        m, n = (int(lengths.max()) for lengths in np.split(self._lengths, 2))
        self.words, self.judged, self.sure, self.possible = (
            np.zeros((len(pairs), m, n), dtype=bool) for _ in range(4)
        )
        for place, pair in enumerate(pairs):
            self.words[place, : len(pair.source), : len(pair.target)] = True
            self.judged[place] = np.outer(
                _judged(pair.source_judged, m), _judged(pair.target_judged, n)
            )
            _mark(self.sure[place], pair.sure)
            _mark(self.possible[place], pair.possible)

    def table(self, names: Sequence[str]) -> Words:
        """The words of all sources and then of all targets; `names` are their sentences' ids."""
        total = int(self._lengths.sum())
        sentence = np.repeat(np.arange(len(names), dtype=np.int32), self._lengths)
        return Words(
            split=np.full(total, "test"),
            sentence=sentence,
            sentence_id=np.array(names, dtype=object)[sentence],
            word=np.concatenate([np.arange(1, n + 1, dtype=np.int32) for n in self._lengths]),
            form=np.array([token for tokens, _ in self._sentences for token in tokens], object),
            upos=np.full(total, "X", dtype=object),
            head=np.zeros(total, dtype=np.int32),
            deprel=np.full(total, "dep", dtype=object),
            space_before=np.array([space for _, spaces in self._sentences for space in spaces]),
        )

    def padded(self, vectors: NDArray) -> tuple[NDArray, NDArray]:
        """The table's vectors as [pairs, m, dimension] and [pairs, n, dimension].

        What stands beyond a sentence's end means nothing.
        """
        starts = np.cumsum(self._lengths) - self._lengths
        source, target = (
            vectors[np.minimum(first[:, None] + np.arange(width), len(vectors) - 1)]
            for first, width in zip(np.split(starts, 2), self.words.shape[1:], strict=True)
        )
        return source, target


def _judged(places: Sequence[int] | None, width: int) -> NDArray[np.bool_]:
    if places is None:
        return np.ones(width, dtype=bool)
    return np.isin(np.arange(width), places)


def _mark(cells: NDArray[np.bool_], links: Sequence[Link]) -> None:
    if links:
        cells[tuple(np.array(links).T)] = True


def chunks(pairs: Sequence[Translation]) -> Iterator[list[int]]:
    """Numbers of pairs of like length, the longest first: `CHUNK_WORDS` or fewer, or one pair."""
    chunk: list[int] = []
    source = target = 0
    for number in sorted(range(len(pairs)), key=lambda n: -len(pairs[n].source + pairs[n].target)):
        source = max(source, len(pairs[number].source))
        target = max(target, len(pairs[number].target))
        if chunk and (len(chunk) + 1) * (source + target) > CHUNK_WORDS:
            yield chunk
            chunk = []
            source, target = len(pairs[number].source), len(pairs[number].target)
        chunk.append(number)
    yield chunk
