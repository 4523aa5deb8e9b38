"""Word alignment of sentence pairs by the similarity of their words' vectors."""

import json
from pathlib import Path

from chronoglot.tables.gold_links import read_gold_links

from bench import inputs
from bench.benchmark import Case, Competitor, Options, Outcome, Precision, Run


def cases(options: Options) -> list[Case]:
    """All layers, as a job reads them; and one, as the package `simalign` does."""
    number = 500 if options.full else 12
    middle = 8 if options.full else 1  # simalign's default
    table = inputs.parallel(options, number)
    common = {"model": inputs.model(options), "table": table, "device": options.device}
    own = common | {
        "output": options.cache / "alignment",
        "precision": options.precision,
        "threads": options.threads,
    }
    competitors = [
        Competitor("Chronoglot, all layers", ours, own | {"layer": middle}),
        Competitor("simalign 0.4", with_simalign, common | {"layer": middle}),
    ]
    size = f"{number:,} sentence pairs, layer {middle}"
    return [Case("alignment", size, "sentence pairs", competitors, per=1000)]


def ours(
    model: Path,
    table: Path,
    layer: int,
    output: Path,
    device: str,
    precision: Precision,
    threads: int,
) -> Run:
    """What the job does, loading included: both methods at all layers, scored; told of `layer`."""
    from chronoglot.alignment.align import align

    scores = output / "scores.json"

    def run() -> Outcome:
        align(
            model,
            table,
            step=0,
            source="qaa",
            target="qab",
            pooling="mean",
            batch_tokens=4096,
            long="refuse",
            device=device,
            precision=precision,
            threads=threads,
            output=scores,
        )
        measured = json.loads(scores.read_text(encoding="utf-8"))
        return _outcome(measured[layer]["sentences"], measured[layer]["argmax_f1"])

    return run


def with_simalign(model: Path, table: Path, layer: int, device: str) -> Run:
    """The package, pair by pair as its documentation has it; the model is loaded before."""
    from simalign import SentenceAligner

    pairs = read_gold_links(table).translations
    aligner = SentenceAligner(
        str(model), token_type="word", matching_methods="ai", device=device, layer=layer
    )

    def run() -> Outcome:
        right = links = sure = 0
        for pair in pairs:
            found = aligner.get_word_aligns(list(pair.source), list(pair.target))["inter"]
            right += len(set(found) & set(pair.sure))
            links += len(found)
            sure += len(pair.sure)
        return _outcome(len(pairs), 2 * right / (links + sure))

    return run


def _outcome(pairs: int, f1: float) -> Outcome:
    return Outcome(pairs, lambda: {"F1 of argmax": f1}, lambda: f1)
