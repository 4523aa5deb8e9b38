"""A word table → the vectors of its words at every layer, in one pass of the model."""

import sys
import time
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
from chronoglot.encoding.tokens import Subwords
from chronoglot.encoding.windows import Window, windows
from chronoglot.errors import UserError
from chronoglot.files import whole
from chronoglot.words import Words

Pooling = Literal["mean", "first", "last"]
Long = Literal["window", "refuse"]

_SECONDS_BETWEEN_REPORTS = 5


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
    first or the last of its subwords' hidden states (`pooling`). `batch_tokens` bounds a batch,
    padding included; a sentence is never divided between batches. Sentences longer than the
    model's window are read in overlapping windows or refused (`long`); see
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
    if not len(words):
        raise UserError("the word table has no words to encode")
    subwords = encoder.tokenise(words)
    _check_subwords(subwords, words)
    if long == "refuse":
        _refuse_long(subwords, words, encoder)
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
        report = _Report(len(words.sentence_starts()) - 1)
        for batch in _batches(words, subwords, encoder, batch_tokens):
            rows, bags = _rows(batch, subwords)
            states = encoder.hidden_states([subwords.ids[w.start : w.stop] for w in batch.windows])
            positions = _positions(batch.windows, states[0].shape[1], encoder.lead)
            for number, (state, layer) in enumerate(zip(states, layers, strict=True)):
                vectors = _pool(state, positions, bags, pooling).cpu().numpy()
                if not np.isfinite(vectors).all():
                    row = rows[~np.isfinite(vectors).all(axis=1)][0]
                    raise UserError(
                        f"{encoder.name}: layer {number} is not finite in sentence "
                        f"{words.sentence_id[row]}, word {words.word[row]}; has the run diverged?"
                    )
                layer[rows] = vectors
            report.add(len(batch.spans), len(rows))
        for layer in layers:
            layer.flush()


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
    batch, longest = _Batch([], []), 0
    for sentence in np.argsort(-lengths, kind="stable"):
        start, stop = int(bounds[sentence]), int(bounds[sentence + 1])
        parts = windows(subwords.starts[start : stop + 1], encoder.window)
        if sum(part.keep_stop - part.keep_start for part in parts) != lengths[sentence]:
            raise AssertionError(f"sentence {words.sentence_id[start]}: windows miss subwords")
        width = max(part.stop - part.start for part in parts) + encoder.special
        # Windows of one sentence can be shorter than those of a shorter one.
        longest = max(longest, width)
        if batch.spans and (len(batch.windows) + len(parts)) * longest > batch_tokens:
            yield batch
            batch, longest = _Batch([], []), width
        batch.spans.append((start, stop))
        batch.windows.extend(parts)
    yield batch


def _rows(batch: _Batch, subwords: Subwords) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A batch's rows of the word table, and where each one's subwords begin within the batch."""
    rows = np.concatenate([np.arange(start, stop) for start, stop in batch.spans])
    counts = subwords.starts[rows + 1] - subwords.starts[rows]
    return rows, np.cumsum(counts) - counts


def _positions(parts: Sequence[Window], longest: int, lead: int) -> NDArray[np.int64]:
    """Where the vector of each subword of a batch is, the hidden states' rows laid end to end."""
    return np.concatenate(
        [
            np.arange(part.keep_start, part.keep_stop) + (row * longest + lead - part.start)
            for row, part in enumerate(parts)
        ]
    )


def _pool(
    state: Tensor, positions: NDArray[np.int64], bags: NDArray[np.int64], pooling: Pooling
) -> Tensor:
    """One vector a word, [words, dimension], from hidden states [texts, longest, dimension]."""
    if pooling == "first":
        chosen, bags = positions[bags], np.arange(len(bags))
    elif pooling == "last":
        chosen, bags = positions[np.append(bags[1:], len(positions)) - 1], np.arange(len(bags))
    else:
        chosen = positions
    # It picks and averages in one step: an "embedding" is a subword's vector, a "bag" a word.
    return embedding_bag(
        torch.from_numpy(chosen).to(state.device),
        state.reshape(-1, state.shape[-1]),
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


class _Report:
    """A line on standard error every few seconds."""

    def __init__(self, sentences: int) -> None:
        self._sentences, self._done, self._words = sentences, 0, 0
        self._began = self._last = time.monotonic()

    def add(self, sentences: int, words: int) -> None:
        self._done += sentences
        self._words += words
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_REPORTS or self._done == self._sentences:
            self._last = now
            speed = self._words / max(now - self._began, 1e-9)
            print(
                f"encoded {self._done} of {self._sentences} sentences, {speed:.0f} words/s",
                file=sys.stderr,
                flush=True,
            )
