"""Bits per character of held-out text under the masked language model: lower is better.

Σ −log₂ p(token | its paragraph with its fold masked) ÷ Unicode characters, where a paragraph's
tokens fall into k = ⌈1/share⌉ disjoint folds, so that each is masked exactly once and about as many
are masked at a time as in pretraining. It is no likelihood of the text (Salazar et al. 2020,
"Masked Language Model Scoring"), but comparable between checkpoints, and, per character, between
tokenizers and languages.
"""

import hashlib
from collections.abc import Iterator, Sequence
from math import ceil, isfinite, log
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import cross_entropy

from chronoglot.encoding.batches import batches
from chronoglot.encoding.encode import Long
from chronoglot.encoding.encoder import MaskedLM, Precision, load_masked_lm
from chronoglot.encoding.heldout import first_paragraphs
from chronoglot.encoding.windows import windows
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.progress import Progress

_ROWS = 256  # tokens whose scores over the vocabulary are in memory at once


def bits_per_character(
    model_folder: str | Path,
    text: Path,
    *,
    seed: int,
    batch_tokens: int,
    long: Long,
    share: float = 0.15,
    max_characters: int | None = None,
    device: str = "cpu",
    precision: Precision = "fp32",
    threads: int = 1,
) -> dict[str, float]:
    """Score a text, a paragraph a line, blank lines between documents.

    Returns `bits`, `characters`, `tokens`, `paragraphs`, `unknown` (the share of tokens that are
    `<unk>`; they are scored like others) and `bpc` = bits ÷ characters. Characters are the code
    points of the paragraphs scored, without white space at a line's ends; a paragraph of which
    the tokenizer leaves nothing is not scored. Special tokens, `</s>` among them, are neither
    masked nor scored. `max_characters` takes whole paragraphs from the start and ends before the
    first that would exceed it. A paragraph longer than the model's window is refused, or read in
    overlapping windows cut between tokens, its folds drawn as a whole; each token is then scored
    in the window in which it is farthest from the edges. `batch_tokens` bounds a batch's tokens,
    special ones included.

    Raises UserError if the folder is damaged, the text is empty, a paragraph is refused, or the
    bits are not finite.
    """
    torch.set_num_threads(threads)
    model = load_masked_lm(model_folder, device, precision)
    chosen = [
        (p, ids) for p in first_paragraphs(text, max_characters) if len(ids := model.text_ids(p))
    ]
    if not chosen:
        raise UserError(f"{text}: the text is empty")
    if long == "refuse":
        _refuse_long(chosen, model, text)
    parts = [
        part
        for paragraph, ids in chosen
        for part in _parts(ids, folds(paragraph, len(ids), seed=seed, share=share), model.window)
    ]
    tokens, characters = sum(len(ids) for _, ids in chosen), sum(len(p) for p, _ in chosen)
    progress = Progress("scored", tokens, "tokens")
    nats = 0.0

    def size(question: _Question) -> int:
        return len(question.ids) + model.special

    for batch in batches(_questions(parts, model.mask), size, batch_tokens):
        nats += _nats(batch, model)
        progress.add(sum(len(question.answers) for question in batch))
    if not isfinite(nats):
        raise UserError(f"{model.name}: the bits of {text} are not finite; has the run diverged?")
    bits = nats / log(2)
    return {
        "bits": bits,
        "characters": characters,
        "tokens": tokens,
        "paragraphs": len(chosen),
        "unknown": sum(int((ids == model.unknown).sum()) for _, ids in chosen) / tokens,
        "bpc": bits / characters,
    }


def folds(paragraph: str, tokens: int, *, seed: int, share: float) -> NDArray[np.int64]:
    """The fold, 0 to ⌈1/share⌉ − 1, of each of a paragraph's tokens; sizes differ by at most one.

    Drawn from the seed and the paragraph alone, whatever else the text holds.
    """
    # An extendable hash gives as many random bytes as are asked for, the same everywhere.
    stream = hashlib.shake_256(f"{seed} {paragraph}".encode()).digest(8 * tokens)
    place = np.frombuffer(stream, dtype="<u8").argsort(kind="stable")
    fold = np.empty(tokens, np.int64)
    fold[place] = np.arange(tokens) % ceil(1 / share)
    return fold


class _Part(NamedTuple):
    """A paragraph, or a window of one: its ids and their folds, scored from `start` to `stop`."""

    ids: NDArray[np.int64]
    fold: NDArray[np.int64]
    start: int
    stop: int


class _Question(NamedTuple):
    """A part with one fold masked: what stands at `places`?"""

    ids: NDArray[np.int64]
    places: NDArray[np.int64]
    answers: NDArray[np.int64]


def _refuse_long(
    chosen: Sequence[tuple[str, NDArray[np.int64]]], model: MaskedLM, text: Path
) -> None:
    paragraph, ids = max(chosen, key=lambda pair: len(pair[1]))
    if len(ids) > model.window:
        raise UserError(
            f"{text}: the paragraph that begins {paragraph[:40]!r} has {len(ids)} subwords, but "
            f"{model.name} reads {model.window} at once; set encoding.long to window, or divide it"
        )


def _parts(ids: NDArray[np.int64], fold: NDArray[np.int64], window: int) -> Iterator[_Part]:
    for part in windows(np.arange(len(ids) + 1), window):
        span = slice(part.start, part.stop)
        yield _Part(
            ids[span], fold[span], part.keep_start - part.start, part.keep_stop - part.start
        )


def _questions(parts: Sequence[_Part], mask: int) -> Iterator[_Question]:
    """Every part with every fold that is scored in it, the longest first."""
    for part in sorted(parts, key=lambda part: len(part.ids), reverse=True):
        scored = part.fold[part.start : part.stop]
        for fold in np.unique(scored):
            places = np.flatnonzero(scored == fold) + part.start
            ids = np.where(part.fold == fold, mask, part.ids)
            yield _Question(ids, places, part.ids[places])


def _nats(batch: Sequence[_Question], model: MaskedLM) -> float:
    """Σ −ln p of the answers; each in float32, their sum in float64."""
    states = model.hidden_states([question.ids for question in batch])[-1]
    lengths = [len(question.ids) + model.special for question in batch]
    offsets = np.cumsum([model.lead, *lengths[:-1]])
    places = np.concatenate([q.places + o for q, o in zip(batch, offsets, strict=True)])
    answers = torch.from_numpy(np.concatenate([question.answers for question in batch]))
    hidden = states[torch.from_numpy(places).to(states.device)]
    return sum(
        cross_entropy(model.logits(rows), wanted, reduction="none").double().sum().item()
        for rows, wanted in zip(
            hidden.split(_ROWS), answers.to(hidden.device).split(_ROWS), strict=True
        )
    )
