"""Commands of the encoding, probing and analysis stages."""

import json
from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from chronoglot.cli.app import app, names


@app.command()
def encode(
    model: Path,
    vectors: Annotated[list[Path], Argument(help="files to write, one a layer")],
    words: Annotated[Path, Option(help="word table")],
    pooling: Annotated[Literal["mean", "first", "last"], Option()] = "mean",
    batch_tokens: Annotated[int, Option()] = 4096,
    long: Annotated[Literal["window", "refuse"], Option()] = "window",
    device: Annotated[str, Option()] = "cpu",
    threads: Annotated[int, Option()] = 1,
) -> None:
    """Run a checkpoint over a language's sentences once: word vectors of all layers."""
    from chronoglot.encoding.encode import encode as encode_words
    from chronoglot.words import read_words

    encode_words(
        model,
        read_words(words),
        vectors,
        pooling=pooling,
        batch_tokens=batch_tokens,
        long=long,
        device=device,
        threads=threads,
    )


@app.command()
def probe(
    task: str,
    step: Annotated[int, Option()],
    layer: Annotated[int, Option()],
    language: Annotated[str, Option()],
    vectors: Annotated[Path, Option()],
    words: Annotated[Path, Option()],
    regularisation: Annotated[str, Option(help="comma-separated")],
    seed: Annotated[int, Option()],
    scores: Annotated[Path, Option()],
    predictions: Annotated[Path, Option()],
    baseline: Annotated[Path | None, Option(help="the same tuple's scores at step 0")] = None,
) -> None:
    """Fit and score one tuple's probe."""
    from chronoglot.probing.probe import probe as run_probe

    run_probe(
        task,
        vectors,
        words,
        step=step,
        layer=layer,
        source=language,
        target=language,
        seed=seed,
        regularisation=[float(value) for value in names(regularisation)],
        baseline=baseline,
        scores=scores,
        predictions=predictions,
    )


@app.command()
def scores(
    probes: Path,
    tuples: Annotated[str, Option(help="steps, layers, languages and tasks, JSON")],
    run: Annotated[str, Option()],
    parquet: Annotated[Path, Option()],
    csv: Annotated[Path, Option()],
) -> None:
    """Collect the scores of all tuples in one table."""
    from itertools import product

    from chronoglot.analysis.scores import collect_scores

    parts = json.loads(tuples)
    files = [
        probes / f"step-{step}" / f"layer-{layer}" / language / f"{task}.json"
        for step, layer, language, task in product(
            parts["step"], parts["layer"], parts["language"], parts["task"]
        )
    ]
    collect_scores(files, run, parquet, csv)


@app.command()
def summary(
    scores: Path,
    learned_share: Annotated[float, Option()],
    parquet: Annotated[Path, Option()],
    csv: Annotated[Path, Option()],
) -> None:
    """Analyse what was learned when, and what was forgotten."""
    from chronoglot.analysis.learning import summarise
    from chronoglot.analysis.tables import read_table, write_table

    write_table(summarise(read_table(scores), learned_share), parquet, csv)
