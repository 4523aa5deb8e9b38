"""A word table → the vectors of its words at every layer, in one pass of the model."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from chronoglot.encoding.batches import batches, vector_files
from chronoglot.encoding.encoder import Encoder
from chronoglot.encoding.tokens import Subwords
from chronoglot.encoding.windows import Window, windows
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.progress import Progress
from chronoglot.tables.words import Words

Pooling = Literal["mean", "first", "last"]
Long = Literal["window", "refuse"]


def write_vectors(
    encoder: Encoder,
    words: Words,
    outputs: Mapping[int, str | Path],
    *,
    pooling: Pooling,
    batch_tokens: int,
    long: Long,
) -> None:
    """Write the vectors of all words: one float32 .npy [words, dimension] a layer.

    `outputs` names the file of each layer that is asked for, 0 the embedding output. A word's
    vector is the mean, the first or the last of its subwords' hidden states (`pooling`).
    `batch_tokens` bounds a batch's subwords, special ones included; a sentence is never divided
    between batches. Sentences longer
    than the model's window are read in overlapping windows or refused (`long`); see
    `chronoglot.encoding.windows`.

    Raises UserError if the model lacks a layer, if there are no words, if a sentence is refused, or
    if a vector is not finite.
    """
    vectors = word_vectors(encoder, words, pooling=pooling, batch_tokens=batch_tokens, long=long)
    progress = Progress("encoded", len(words), "words")
    with vector_files(encoder, outputs, len(words)) as layers:
        for rows, of_layers in vectors:
            for layer, file in layers.items():
                file.write(rows, of_layers[layer])
            progress.add(len(rows))


def word_vectors(
    encoder: Encoder, words: Words, *, pooling: Pooling, batch_tokens: int, long: Long
) -> Iterator[tuple[NDArray[np.intp], list[NDArray[np.float32]]]]:
    """Batch by batch, rows of the word table and their vectors [rows, dimension] of layers 0 to L.

    Whole sentences, the longest first; every row comes once. The options are those of
    `write_vectors`, and so are the errors.
    """
    if not len(words):
        raise UserError("the word table has no words to encode")
    subwords = encoder.tokenize(words)
    _check_subwords(subwords, words)
    if long == "refuse":
        _refuse_long(subwords, words, encoder)
    return _word_vectors(encoder, words, subwords, pooling, batch_tokens)


def _word_vectors(
    encoder: Encoder, words: Words, subwords: Subwords, pooling: Pooling, batch_tokens: int
) -> Iterator[tuple[NDArray[np.intp], list[NDArray[np.float32]]]]:
    def size(sentence: _Sentence) -> int:
        return sum(part.stop - part.start + encoder.special for part in sentence.windows)

    for batch in batches(_sentences(words, subwords, encoder), size, batch_tokens):
        rows, bags = _rows(batch, subwords)
        parts = [part for sentence in batch for part in sentence.windows]
        positions = _positions(parts, encoder)
        states = encoder.hidden_states([subwords.ids[w.start : w.stop] for w in parts])
        layers = [_pool(state, positions, bags, pooling).cpu().numpy() for state in states]
        for number, vectors in enumerate(layers):
            if not np.isfinite(vectors).all():
                row = rows[~np.isfinite(vectors).all(axis=1)][0]
                raise UserError(
                    f"{encoder.name}: layer {number} is not finite in sentence "
                    f"{words.sentence_id[row]}, word {words.word[row]}; has the run diverged?"
                )
        yield rows, layers


class _Sentence(NamedTuple):
    """Its rows in the word table, and the windows that it is read in."""

    start: int
    stop: int
    windows: list[Window]


def _sentences(words: Words, subwords: Subwords, encoder: Encoder) -> Iterator[_Sentence]:
    """The longest first, so that sentences of like length are read together."""
    bounds = words.sentence_starts()
    lengths = np.diff(subwords.starts[bounds])
    for sentence in np.argsort(-lengths, kind="stable"):
        start, stop = int(bounds[sentence]), int(bounds[sentence + 1])
        parts = windows(subwords.starts[start : stop + 1], encoder.window)
        if sum(part.keep_stop - part.keep_start for part in parts) != lengths[sentence]:
            raise AssertionError(f"sentence {words.sentence_id[start]}: windows miss subwords")
        yield _Sentence(start, stop, parts)


def _rows(
    batch: Sequence[_Sentence], subwords: Subwords
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """A batch's rows of the word table, and where each one's subwords begin within the batch."""
    rows = np.concatenate([np.arange(sentence.start, sentence.stop) for sentence in batch])
    counts = subwords.starts[rows + 1] - subwords.starts[rows]
    return rows, np.cumsum(counts) - counts


def _positions(parts: Sequence[Window], encoder: Encoder) -> NDArray[np.int64]:
    """Which hidden state each kept subword of a batch has."""
    positions, offset = [], 0
    for part in parts:
        first = offset + encoder.lead - part.start
        positions.append(np.arange(first + part.keep_start, first + part.keep_stop))
        offset += part.stop - part.start + encoder.special
    return np.concatenate(positions)


def _pool(
    state: Tensor, positions: NDArray[np.int64], bags: NDArray[np.int64], pooling: Pooling
) -> Tensor:
    """One vector a word, [words, dimension], from the hidden states of a batch."""
    if pooling == "first":
        chosen, bags = positions[bags], np.arange(len(bags))
    elif pooling == "last":
        chosen, bags = positions[np.append(bags[1:], len(positions)) - 1], np.arange(len(bags))
    else:
        chosen = positions
    # It picks and averages in one step: an "embedding" is a subword's vector, a "bag" a word.
    return embedding_bag(
        torch.from_numpy(chosen).to(state.device),
        state,
        torch.from_numpy(bags).to(state.device),
        mode="mean",
    )


def _check_subwords(subwords: Subwords, words: Words) -> None:
    """A tokenizer that loses a word would shift all vectors after it."""
    if len(subwords.starts) != len(words) + 1:
        raise AssertionError(f"{len(subwords.starts) - 1} words tokenized of {len(words)}")
    if (empty := np.flatnonzero(np.diff(subwords.starts) < 1)).size:
        row = empty[0]
        raise AssertionError(
            f"sentence {words.sentence_id[row]}: word {words.word[row]} has no subword"
        )


def _refuse_long(subwords: Subwords, words: Words, encoder: Encoder) -> None:
    bounds = words.sentence_starts()
    lengths = np.diff(subwords.starts[bounds])
    longest = int(lengths.argmax())
    if lengths[longest] > encoder.window:
        raise UserError(
            f"sentence {words.sentence_id[bounds[longest]]} has {lengths[longest]} subwords, "
            f"but {encoder.name} reads {encoder.window} at once; set encoding.long to window, "
            "or leave the sentence out"
        )
