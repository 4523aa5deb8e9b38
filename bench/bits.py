"""Bits per character of held-out text under a masked language model."""

from math import log
from pathlib import Path
from typing import Any

from chronoglot.data.lines import paragraphs
from chronoglot.encoding.bits import bits_per_character, folds

from bench import inputs, models
from bench.benchmark import Case, Competitor, Options, Outcome, Precision, Run

SHARE = 0.15  # of a paragraph's tokens in a fold, and so masked at a time


def cases(options: Options) -> list[Case]:
    """Ours, and two loops: over the same folds one by one, and over single tokens.

    Ours loads the model within the time, the loops before.
    """
    number, few = (300, 30) if options.full else (6, 6)
    common = {
        "model": inputs.model(options),
        "device": options.device,
        "precision": options.precision,
    }
    texts = {"text": inputs.text(options, number)}
    shorter = {"text": inputs.text(options, few)}
    competitors = [
        Competitor("Chronoglot", ours, common | texts | {"threads": options.threads}),
        Competitor("transformers, one fold a pass", by_fold, common | shorter),
        Competitor("transformers, one masked token a pass", by_token, common | shorter),
    ]
    size = f"{number:,} paragraphs, {few:,} for the loops"
    return [Case("bits per character", size, "paragraphs", competitors, per=1000)]


def ours(model: Path, text: Path, device: str, precision: Precision, threads: int) -> Run:
    """What the job does, loading included."""

    def run() -> Outcome:
        measured = bits_per_character(
            model,
            text,
            seed=1,
            share=SHARE,
            batch_tokens=4096,
            long="refuse",
            device=device,
            precision=precision,
            threads=threads,
        )
        return _outcome(int(measured["paragraphs"]), measured["bpc"])

    return run


def by_fold(model: Path, text: Path, device: str, precision: Precision) -> Run:
    """The same definition, a fold of a paragraph in each forward pass."""
    from chronoglot.encoding.fast_tokens import load_tokenizer

    own = load_tokenizer(model)

    def masked(paragraph: str) -> list[Any]:
        fold = folds(paragraph, len(own.text_ids(paragraph)), seed=1, share=SHARE)
        return [(fold == number).nonzero()[0] + 1 for number in sorted(set(fold.tolist()))]

    return _loop(model, text, device, precision, masked)


def by_token(model: Path, text: Path, device: str, precision: Precision) -> Run:
    """Pseudo-likelihood (Salazar et al. 2020), a token in each forward pass: another number."""
    from chronoglot.encoding.fast_tokens import load_tokenizer

    own = load_tokenizer(model)

    def masked(paragraph: str) -> list[Any]:
        return [[place + 1] for place in range(len(own.text_ids(paragraph)))]

    return _loop(model, text, device, precision, masked)


def _loop(model: Path, text: Path, device: str, precision: Precision, masked: Any) -> Run:
    """`masked` gives the places to be masked in each pass over a paragraph, `<s>` being place 0."""
    import torch
    from torch.nn.functional import cross_entropy

    network, tokenizer = models.transformer(model, device, precision, head=True)
    lines = list(paragraphs(text))

    @torch.inference_mode()
    def run() -> Outcome:
        nats = 0.0
        for line in lines:
            ids = tokenizer(line, return_tensors="pt").input_ids.to(device)
            for places in masked(line):
                question = ids.clone()
                question[0, places] = tokenizer.mask_token_id
                logits = network(question).logits[0, places].float()
                nats += float(cross_entropy(logits, ids[0, places], reduction="sum"))
        return _outcome(len(lines), nats / log(2) / sum(map(len, lines)))

    return run


def _outcome(number: int, bpc: float) -> Outcome:
    return Outcome(number, lambda: {"bits per character": bpc}, lambda: bpc)
