"""Pretraining: tokens a second of the fairseq run, and of a bare loop over the same batches."""

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from chronoglot.pretraining.recipe import Recipe

from bench import inputs
from bench.benchmark import Case, Competitor, Options, Outcome, Run

if TYPE_CHECKING:
    from bench.bare_loop import Batch

LANGUAGES = ["qaa", "qab"]


def cases(options: Options) -> list[Case]:
    """The default experiment's model; on a GPU one of the size of XLM-R base.

    With examples as short as those of the default experiment, and with blocks of running text.
    """
    kinds = ["blocks"] if _base(options) else ["paragraphs", "blocks"]
    return [_case(options, examples) for examples in kinds]


def _case(options: Options, examples: str) -> Case:
    updates = (100 if examples == "paragraphs" else 25) if options.full else 5
    recipe = _recipe(options, examples, updates)
    words, vocabulary = (100_000, 500) if options.full else (2000, 200)
    arguments = {
        "recipe": recipe,
        "binarised": inputs.binarised(options, words, vocabulary),
        "updates": updates,
        "runs": options.repeats + 1,
    }
    size = (
        f"{recipe.layers} layers of {recipe.dimension}, {updates} updates of {recipe.batch} "
        f"{recipe.examples} of at most {recipe.block} tokens"
    )
    competitors = [
        Competitor("Chronoglot, with fairseq", ours, arguments),
        Competitor("a bare loop of torch", bare, arguments),
    ]
    if options.device == "cpu":
        again = arguments | {"onednn": True}
        competitors.append(Competitor("a bare loop, products by oneDNN", bare, again))
    return Case(examples, size, "tokens", competitors)


def _base(options: Options) -> bool:
    return options.full and options.device != "cpu"


def _recipe(options: Options, examples: str, updates: int) -> Recipe:
    base = _base(options)
    width = 768 if base else 128 if options.full else 32
    total = updates * (options.repeats + 1)
    return Recipe(
        layers=12 if base else 4 if options.full else 2,
        dimension=width,
        feedforward=4 * width,
        heads=width // 64 if base else 4,
        positions=512 if base else 64,
        dropout=0.0,
        mask=0.15 if base else 0.3,
        examples=examples,
        block=512 if base else 64,
        batch=32 if options.full else 8,
        learning_rate=1e-3,
        warmup=1,
        updates=10 * total,
        segment=10 * total,
        log_every=1,
        validate_every=total,
        state_every=total,
        seed=1,
        device=options.device,
        precision=options.precision,
        threads=options.threads,
    )


def ours(recipe: Recipe, binarised: Path, updates: int, runs: int) -> Run:
    """The run as a segment makes it, without logs and checkpoints; each time further updates."""
    from chronoglot.pretraining.train import Training

    training = Training(recipe, LANGUAGES, binarised)
    steps = training.updates(updates * runs)

    def run() -> Outcome:
        tokens, bits, masked = 0, 0.0, 0
        for _ in islice(steps, updates):
            tokens += training.tokens
            bits += training.bits
            masked += training.masked
        return _outcome(tokens, bits / masked)

    return run


def bare(recipe: Recipe, binarised: Path, updates: int, runs: int, onednn: bool = False) -> Run:
    """The same updates, their batches ready in memory; by torch as it is, unless with `onednn`."""
    from math import log

    from chronoglot.runtime.changes.torch import use_onednn

    from bench.bare_loop import BareLoop

    state, recorded = _record(recipe, binarised, updates * runs)
    if not onednn:
        use_onednn.cache_clear()  # what it had replaced is as before
    loop = BareLoop(state, recipe)
    done = 0

    def run() -> Outcome:
        nonlocal done
        batches = recorded[done : done + updates]
        done += updates
        loss = loop.train(batches) / log(2)
        return _outcome(sum(int((batch.tokens != 1).sum()) for batch in batches), loss)

    return run


def _record(recipe: Recipe, binarised: Path, updates: int) -> "tuple[dict[str, Any], list[Batch]]":
    """The weights at step 0 of the fairseq run, and the batches of its updates."""
    from chronoglot.checkpoints.load import load_fairseq
    from chronoglot.pretraining.train import Training

    from bench.bare_loop import Batch

    batches: list[Batch] = []

    class Recording(Training):
        def _update(self, batch: list[dict[str, Any]]) -> bool:
            (sample,) = batch
            tokens = sample["net_input"]["src_tokens"]
            batches.append(Batch(tokens.clone(), sample["target"].clone(), self.learning_rate))
            return super()._update(batch)

    training = Recording(recipe, LANGUAGES, binarised)
    with TemporaryDirectory(prefix="chronoglot-") as folder:
        training.save(path := Path(folder) / "step-0.pt", resumable=False)
        state, _ = load_fairseq(path)
    for _ in training.updates(updates):
        pass
    return state, batches


def _outcome(tokens: int, loss: float) -> Outcome:
    return Outcome(tokens, lambda: {"bits a masked token": loss}, lambda: loss)
