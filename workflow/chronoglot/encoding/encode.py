"""A word table → the vectors of its words at every layer, in one pass of the model."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import embedding_bag

from chronoglot.encoding.encoder import Encoder, load_encoder
from chronoglot.encoding.progress import Progress
from chronoglot.encoding.tokens import Subwords
from chronoglot.encoding.windows import Window, windows
from chronoglot.errors import UserError
from chronoglot.files import whole
from chronoglot.words import Words

Pooling = Literal["mean", "first", "last"]
Long = Literal["window", "refuse"]


def encode(
    model_folder: str | Path,
    words: Words,
    outputs: Sequence[str | Path],
    *,
    pooling: Pooling,
    batch_tokens: int,
    long: Long,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Write the vectors of all words at every layer: one float32 .npy [words, dimension] a layer.

    `outputs` are the files of layers 0 (embedding output) to L. A word's vector is the mean, the
    first or the last of its subwords' hidden states (`pooling`). `batch_tokens` bounds a batch's
    subwords, special ones included; a sentence is never divided between batches. Sentences longer
    than the model's window are read in overlapping windows or refused (`long`); see
    `chronoglot.encoding.windows`.

    Raises UserError if the folder is damaged, does not have as many layers as outputs, refuses a
    sentence, or yields a vector that is not finite.
    """
    torch.set_num_threads(threads)
    write_vectors(
        load_encoder(model_folder, device),
        words,
        outputs,
        pooling=pooling,
        batch_tokens=batch_tokens,
        long=long,
    )


def write_vectors(
    encoder: Encoder,
    words: Words,
    outputs: Sequence[str | Path],
    *,
    pooling: Pooling,
    batch_tokens: int,
    long: Long,
) -> None:
    """`encode` with an encoder that is loaded."""
    if len(outputs) != encoder.layers + 1:
        raise UserError(
            f"{encoder.name}: layers 0 to {encoder.layers} have {encoder.layers + 1} outputs, "
            f"not {len(outputs)}"
        )
    batches = word_vectors(encoder, words, pooling=pooling, batch_tokens=batch_tokens, long=long)
    progress = Progress("encoded", len(words), "words")
    with ExitStack() as stack:
        layers = [
            np.lib.format.open_memmap(
                stack.enter_context(whole(output)),
                mode="w+",
                dtype=np.float32,
                shape=(len(words), encoder.dimension),
            )
            for output in outputs
        ]
        for rows, vectors in batches:
            for layer, of_rows in zip(layers, vectors, strict=True):
                layer[rows] = of_rows
            progress.add(len(rows))
        for layer in layers:
            layer.flush()


def word_vectors(
    encoder: Encoder, words: Words, *, pooling: Pooling, batch_tokens: int, long: Long
) -> Iterator[tuple[NDArray[np.intp], list[NDArray[np.float32]]]]:
    """Batch by batch, rows of the word table and their vectors [rows, dimension] of layers 0 to L.

    Whole sentences, the longest first; every row comes once. The options are those of `encode`,
    and so are the errors.
    """
    if not len(words):
        raise UserError("the word table has no words to encode")
    subwords = encoder.tokenise(words)
    _check_subwords(subwords, words)
    if long == "refuse":
        _refuse_long(subwords, words, encoder)
    return _word_vectors(encoder, words, subwords, pooling, batch_tokens)


def _word_vectors(
    encoder: Encoder, words: Words, subwords: Subwords, pooling: Pooling, batch_tokens: int
) -> Iterator[tuple[NDArray[np.intp], list[NDArray[np.float32]]]]:
    for batch in _batches(words, subwords, encoder, batch_tokens):
        rows, bags = _rows(batch, subwords)
        positions = _positions(batch.windows, encoder)
        states = encoder.hidden_states([subwords.ids[w.start : w.stop] for w in batch.windows])
        layers = [_pool(state, positions, bags, pooling).cpu().numpy() for state in states]
        for number, vectors in enumerate(layers):
            if not np.isfinite(vectors).all():
                row = rows[~np.isfinite(vectors).all(axis=1)][0]
                raise UserError(
                    f"{encoder.name}: layer {number} is not finite in sentence "
                    f"{words.sentence_id[row]}, word {words.word[row]}; has the run diverged?"
                )
        yield rows, layers


@dataclass(frozen=True)
class _Batch:
    """Sentences that the model reads together: their rows in the word table, their windows."""

    spans: list[tuple[int, int]]
    windows: list[Window]


def _batches(
    words: Words, subwords: Subwords, encoder: Encoder, batch_tokens: int
) -> Iterator[_Batch]:
    """Sentences of like length together, the longest first, within the budget where one fits."""
    bounds = words.sentence_starts()
    lengths = np.diff(subwords.starts[bounds])
    batch, size = _Batch([], []), 0
    for sentence in np.argsort(-lengths, kind="stable"):
        start, stop = int(bounds[sentence]), int(bounds[sentence + 1])
        parts = windows(subwords.starts[start : stop + 1], encoder.window)
        if sum(part.keep_stop - part.keep_start for part in parts) != lengths[sentence]:
            raise AssertionError(f"sentence {words.sentence_id[start]}: windows miss subwords")
        more = sum(part.stop - part.start + encoder.special for part in parts)
        if batch.spans and size + more > batch_tokens:
            yield batch
            batch, size = _Batch([], []), 0
        batch.spans.append((start, stop))
        batch.windows.extend(parts)
        size += more
    yield batch


def _rows(batch: _Batch, subwords: Subwords) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """A batch's rows of the word table, and where each one's subwords begin within the batch."""
    rows = np.concatenate([np.arange(start, stop) for start, stop in batch.spans])
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
    """A tokeniser that loses a word would shift all vectors after it."""
    if len(subwords.starts) != len(words) + 1:
        raise AssertionError(f"{len(subwords.starts) - 1} words tokenised of {len(words)}")
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
