"""Vectors of words that behave like a transformer's, with classes that a linear probe can read.

Of the real ones they have what makes probes slow to fit: features that are strongly correlated (a
spectrum that falls as a power of the rank), far from zero and of very different scale; and classes
of very unequal size of which the best linear probe gets about nine in ten.
"""

from pathlib import Path

import numpy as np
from chronoglot.runtime.files import whole_folder
from chronoglot.tables.words import Words, write_words
from chronoglot.tasks.pos import CLASSES
from numpy.typing import NDArray

RELATIONS = 36  # universal ones, the root's left out
SENTENCE = 16  # words
_DECAY = 0.75  # of the standard deviation with the rank: from 1 to 0.007 at 768 dimensions
_FOCUS = 1.0  # decay, likewise, of what a latent feature says of the classes
_CERTAINTY = 0.93  # mean probability of the likeliest class


def write(folder: Path, train: int, held_out: int, dimension: int, layers: int) -> None:
    """Write `words.parquet`, of `train` words and twice `held_out`, and a file a layer.

    All layers say the same of the classes, each in other directions.
    """
    rng = np.random.default_rng(1)
    sizes = {"train": train, "dev": held_out, "test": held_out}
    total = sum(sizes.values())
    latent = rng.standard_normal((total, dimension), dtype=np.float32)
    table = _table(rng, sizes, latent)
    with whole_folder(folder) as temporary:
        write_words(table, temporary / "words.parquet")
        spread = np.arange(1, dimension + 1, dtype=np.float32) ** -_DECAY
        for layer in range(layers):
            turned, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
            centre = rng.standard_normal(dimension) * np.exp(rng.standard_normal(dimension))
            mixing = (spread[:, None] * turned).astype(np.float32)
            np.save(temporary / f"layer-{layer}.npy", latent @ mixing + centre.astype(np.float32))


def _table(rng: np.random.Generator, sizes: dict[str, int], latent: NDArray[np.float32]) -> Words:
    total = len(latent)
    row = np.arange(total)
    word = (row % SENTENCE + 1).astype(np.int32)
    sentence = (row // SENTENCE).astype(np.int32)
    length = np.minimum(SENTENCE, total - sentence * SENTENCE)
    head = rng.integers(1, length + 1).astype(np.int32)
    head[head == word] = 0  # a root here and there
    governor = np.where(head > 0, row - word + head, row)
    return Words(
        split=np.repeat(list(sizes), list(sizes.values())),
        sentence=sentence,
        sentence_id=np.array([f"s{number}" for number in sentence], dtype=object),
        word=word,
        form=np.full(total, "w", dtype=object),
        upos=_labels(rng, _scores(rng, latent, len(CLASSES)), sorted(CLASSES)),
        head=head,
        deprel=_labels(
            rng,
            _scores(rng, latent, RELATIONS) + _scores(rng, latent, RELATIONS)[governor],
            [f"relation{number:02}" for number in range(RELATIONS)],
        ),
        space_before=np.ones(total, dtype=bool),
    )


def _scores(rng: np.random.Generator, latent: NDArray, classes: int) -> NDArray[np.float32]:
    """Linear in the latent features, those of high rank counting most but none for nothing."""
    weights = np.arange(1, latent.shape[1] + 1)[:, None] ** -_FOCUS
    slopes = rng.standard_normal((latent.shape[1], classes)) * weights
    return latent @ (slopes / np.linalg.norm(slopes, axis=0)).astype(np.float32)


def _labels(
    rng: np.random.Generator, scores: NDArray[np.float32], names: list[str]
) -> NDArray[np.object_]:
    """Drawn by the softmax of scores that are scaled until the likeliest class is certain enough.

    Classes are as unequal as 1, 1/2, 1/3, ….
    """
    common = -np.log(np.arange(1, len(names) + 1))
    low, high = 0.0, 200.0
    while high - low > 0.01:
        middle = (low + high) / 2
        certainty = _softmax(middle * (scores[:5000] + common / 4)).max(axis=1).mean()
        low, high = (middle, high) if certainty < _CERTAINTY else (low, middle)
    cumulated = _softmax(high * (scores + common / 4)).cumsum(axis=1)
    drawn = (cumulated < rng.random((len(scores), 1))).sum(axis=1)
    return np.array(names, dtype=object)[np.minimum(drawn, len(names) - 1)]


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    exponential = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponential / exponential.sum(axis=1, keepdims=True)
