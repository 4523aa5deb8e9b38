"""A pair table → the vector of each pair at every layer, its two sentences read together."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import embedding_bag

from chronoglot.encoding.batches import batches, vector_files
from chronoglot.encoding.encode import Long
from chronoglot.encoding.encoder import Encoder
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.progress import Progress
from chronoglot.tables.sentence_pairs import Pairs

PairPooling = Literal["first", "mean"]


def write_pair_vectors(
    encoder: Encoder,
    pairs: Pairs,
    outputs: Mapping[int, str | Path],
    *,
    pooling: PairPooling,
    batch_tokens: int,
    long: Long,
) -> None:
    """Write the vectors of all pairs: one float32 .npy [pairs, dimension] a layer.

    `outputs` names the file of each layer that is asked for, 0 the embedding output. A pair is read
    as one text, by XLM-R as `<s> premise </s></s> hypothesis </s>`; its vector is that of the first
    token (`first`) or the mean over the subwords of both sentences (`mean`). `batch_tokens` bounds
    a batch's subwords, special ones included. Pairs longer than the model's window are shortened to
    it, which standard error tells, or refused (`long`); see `shortened`. Each distinct pair is read
    once.

    Raises UserError if the model lacks a layer, if there are no pairs, if `first` is asked of a
    model that reads from left to right, if a pair is refused or has no subword at all, or if a
    vector is not finite.
    """
    if not len(pairs):
        raise UserError("the pair table has no pairs to encode")
    if pooling == "first" and encoder.causal:
        raise UserError(
            f"{encoder.name}: reads from left to right, so that the vector of a pair's first token "
            "says nothing of the pair; set encoding.pair_pooling to mean"
        )
    readings = _readings(encoder, pairs, long)
    progress = Progress("encoded", len(pairs), "pairs")
    around = len(encoder.separator) + encoder.special

    def size(reading: _Reading) -> int:
        return len(reading) + around

    with vector_files(encoder, outputs, len(pairs)) as layers:
        for batch in batches(readings, size, batch_tokens):
            counts = [len(reading.rows) for reading in batch]
            rows = np.array([row for reading in batch for row in reading.rows])
            for number, vectors in enumerate(_vectors(batch, encoder, pooling)):
                finite = np.isfinite(vectors).all(axis=1)
                if not finite.all():
                    raise UserError(
                        f"{encoder.name}: layer {number} is not finite in "
                        f"{_name(pairs, batch[finite.argmin()])}; has the run diverged?"
                    )
                if number in layers:
                    layers[number].write(rows, np.repeat(vectors, counts, axis=0))
            progress.add(len(rows))


def shortened(premise: int, hypothesis: int, room: int) -> tuple[int, int]:
    """How many subwords of the two sentences are read where there is room for `room` in all.

    They are taken from the end of the longer sentence, and of both in turn once these are equally
    long; an odd one is left to the sentence that was longer. It is `longest_first` of
    `transformers`.
    """
    shorter = min(premise, hypothesis, room // 2)
    longer = min(max(premise, hypothesis), room - shorter)
    return (longer, shorter) if premise > hypothesis else (shorter, longer)


@dataclass(frozen=True)
class _Reading:
    """A distinct pair as the model reads it: subwords of its sentences, its rows in the table."""

    premise: NDArray[np.int64]
    hypothesis: NDArray[np.int64]
    rows: list[int]

    def __len__(self) -> int:
        return len(self.premise) + len(self.hypothesis)


def _name(pairs: Pairs, reading: _Reading) -> str:
    row = reading.rows[0]
    return f"{pairs.split[row]} pair {pairs.pair_id[row]}"


def _readings(encoder: Encoder, pairs: Pairs, long: Long) -> list[_Reading]:
    """The distinct pairs, the longest first, each sentence tokenized once."""
    rows: dict[tuple[str, str], list[int]] = {}
    for row, texts in enumerate(zip(pairs.premise, pairs.hypothesis, strict=True)):
        rows.setdefault(texts, []).append(row)
    ids = {text: encoder.text_ids(text) for texts in rows for text in texts}
    room = encoder.window - len(encoder.separator)
    readings, cut = [], 0
    for (premise, hypothesis), same in rows.items():
        full = _Reading(ids[premise], ids[hypothesis], same)
        if not len(full):
            raise UserError(
                f"{_name(pairs, full)}: neither sentence has a character that the model reads; "
                "leave the pair out"
            )
        if len(full) > room and long == "refuse":
            raise UserError(
                f"{_name(pairs, full)} has {len(full)} subwords, but {encoder.name} reads {room} "
                "at once; set encoding.long to window, which shortens it, or leave the pair out"
            )
        cut += len(same) * (len(full) > room)
        p, h = shortened(len(full.premise), len(full.hypothesis), room)
        readings.append(_Reading(full.premise[:p], full.hypothesis[:h], same))
    if cut:
        print(
            f"{cut:,} of {len(pairs):,} pairs are shortened to the {room} subwords that "
            f"{encoder.name} reads at once",
            file=sys.stderr,
        )
    return sorted(readings, key=len, reverse=True)


def _vectors(
    batch: Sequence[_Reading], encoder: Encoder, pooling: PairPooling
) -> Iterator[NDArray[np.float32]]:
    """Of layers 0 to L the vectors [pairs of the batch, dimension]."""
    texts, chosen, offset = [], [], 0
    for reading in batch:
        text = np.concatenate([reading.premise, encoder.separator, reading.hypothesis])
        texts.append(text)
        if pooling == "first":
            chosen.append(np.array([offset]))
        else:
            between = np.s_[len(reading.premise) : len(text) - len(reading.hypothesis)]
            chosen.append(offset + encoder.lead + np.delete(np.arange(len(text)), between))
        offset += len(text) + encoder.special
    counts = np.array([len(positions) for positions in chosen])
    # It picks and averages in one step: an "embedding" is a subword's vector, a "bag" a pair.
    positions, bags = map(torch.from_numpy, (np.concatenate(chosen), np.cumsum(counts) - counts))
    for state in encoder.hidden_states(texts):
        device = state.device
        pooled = embedding_bag(positions.to(device), state, bags.to(device), mode="mean")
        yield pooled.cpu().numpy()
