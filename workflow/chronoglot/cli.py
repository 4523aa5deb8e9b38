"""The command line: one sub-command a rule, of the same name.

Each imports what it needs inside, so that a job pays for no other's libraries.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from typer import Argument, Option

if TYPE_CHECKING:
    from chronoglot.figures.catalogue import Tables

app = typer.Typer(
    help="The steps of the Chronoglot workflow; Snakemake calls them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _names(value: str) -> list[str]:
    return value.split(",")


@app.command()
def in_vitro(
    language: str,
    typology: Annotated[str, Option(help="the language's parameters, JSON")],
    generator: Annotated[str, Option(help="what all in-vitro languages share, JSON")],
    seed: Annotated[int, Option()],
    text: Annotated[Path, Option(help="text to write; the other files lie beside it")],
) -> None:
    """Invent a language: text, treebank and sentence pairs."""
    from chronoglot.data.in_vitro.typology import Generator, Typology
    from chronoglot.data.in_vitro.write import generate_language

    generate_language(
        language,
        Typology.model_validate_json(typology),
        Generator.model_validate_json(generator),
        seed,
        text.parent,
    )


@app.command()
def text(
    files: list[Path],
    train: Annotated[Path, Option()],
    heldout: Annotated[Path, Option()],
    format: Annotated[Literal["plain", "keyed"], Option()] = "plain",
    heldout_share: Annotated[float, Option()] = 0.05,
    max_characters: Annotated[int | None, Option()] = None,
) -> None:
    """Read a language's text and keep some documents out of pretraining."""
    from chronoglot.data.text import prepare_text

    prepare_text(
        files,
        train,
        heldout,
        format=format,
        heldout_share=heldout_share,
        max_characters=max_characters,
    )


@app.command()
def words(
    language: str,
    files: list[Path],
    words: Annotated[Path, Option(help="word table to write")],
    split: Annotated[Literal["published", "document", "sentence"], Option()] = "published",
    shares: Annotated[str, Option(help="of train, dev and test")] = "0.7,0.1,0.2",
    max_train_words: Annotated[int | None, Option()] = None,
) -> None:
    """Read a treebank and divide it into train, dev and test."""
    from chronoglot.data.locate import part_of
    from chronoglot.data.treebank import prepare_words

    parts: dict[str, list[Path]] = {}
    for path in files:
        parts.setdefault(part_of(path), []).append(path)
    train, dev, test = map(float, _names(shares))
    prepare_words(
        parts,
        words,
        language=language,
        split=split,
        shares=(train, dev, test),
        max_train_words=max_train_words,
    )


@app.command()
def tokenizer(
    texts: Annotated[list[Path], Argument(help="…/<language>/train.txt")],
    vocabulary: Annotated[int, Option()],
    alpha: Annotated[float, Option()],
    character_coverage: Annotated[float, Option()],
    seed: Annotated[int, Option()],
    model: Annotated[Path, Option()],
    dictionary: Annotated[Path, Option()],
    sentences: Annotated[int | None, Option()] = None,
) -> None:
    """Train the sentencepiece tokenizer on all languages' text."""
    from chronoglot.pretraining.tokenizer import train_tokenizer

    train_tokenizer(
        {path.parent.name: path for path in texts},
        model,
        dictionary,
        vocabulary=vocabulary,
        alpha=alpha,
        seed=seed,
        sentences=sentences,
        character_coverage=character_coverage,
    )


@app.command()
def binarise(
    language: str,
    train: Annotated[Path, Option()],
    heldout: Annotated[Path, Option()],
    model: Annotated[Path, Option()],
    dictionary: Annotated[Path, Option()],
    folder: Annotated[Path, Option()],
    cut: Annotated[int | None, Option(help="longest item, in subwords")] = None,
) -> None:
    """Turn a language's text into fairseq's binary form."""
    from chronoglot.pretraining.binarise import binarise_language

    binarise_language(language, train, heldout, model, dictionary, folder, cut=cut)


@app.command()
def segment(
    number: int,
    recipe: Annotated[str, Option(help="JSON")],
    languages: Annotated[str, Option(help="comma-separated")],
    binarised: Annotated[Path, Option()],
    work: Annotated[Path, Option(help="where a killed segment leaves its state")],
    folder: Annotated[Path, Option()],
    previous: Annotated[Path | None, Option(help="folder of the segment before")] = None,
    save_also: Annotated[
        str, Option(envvar="CHRONOGLOT_STEPS", help="steps to save in passing, with spaces between")
    ] = "",
) -> None:
    """Pretrain for one segment of the run."""
    from chronoglot.pretraining.segments import Recipe, train_segment

    train_segment(
        number,
        recipe=Recipe.from_json(recipe),
        languages=_names(languages),
        binarised=binarised,
        previous=previous,
        folder=folder,
        work=work,
        also_save=[int(step) for step in save_also.split()],
    )


@app.command()
def checkpoint(
    step: int,
    recipe: Annotated[str, Option(help="JSON")],
    languages: Annotated[str, Option(help="comma-separated")],
    binarised: Annotated[Path, Option()],
    segments: Annotated[str, Option(help="its segment, after the one before, comma-separated")],
    work: Annotated[Path, Option()],
    checkpoint: Annotated[Path, Option(help="to write")],
) -> None:
    """Take a step's checkpoint from its segment, training up to it if it was not saved."""
    from chronoglot.pretraining.segments import Recipe, checkpoint_at

    *previous, own = map(Path, _names(segments))
    checkpoint_at(
        step,
        recipe=Recipe.from_json(recipe),
        languages=_names(languages),
        binarised=binarised,
        segment=own,
        previous=previous[0] if previous else None,
        work=work,
        output=checkpoint,
    )


@app.command()
def losses(
    segments: list[Path],
    run: Annotated[str, Option()],
    parquet: Annotated[Path, Option()],
    csv: Annotated[Path, Option()],
) -> None:
    """Collect the pretraining losses of all segments."""
    from chronoglot.pretraining.losses import collect_losses

    collect_losses(segments, run, parquet, csv)


@app.command()
def convert(
    checkpoint: Path,
    model: Annotated[Path, Option(help="sentencepiece model")],
    dictionary: Annotated[Path, Option()],
    folder: Annotated[Path, Option()],
) -> None:
    """Convert a fairseq checkpoint to transformers and safetensors."""
    from chronoglot.checkpoints.convert import convert as convert_checkpoint

    convert_checkpoint(checkpoint, model, dictionary, folder)


@app.command()
def check_conversion(
    checkpoint: Path,
    texts: list[Path],
    folder: Annotated[Path, Option(help="the converted model")],
    dictionary: Annotated[Path, Option()],
    output: Annotated[Path, Option()],
) -> None:
    """Compare a converted checkpoint with fairseq's own hidden states and token ids."""
    from itertools import islice

    from chronoglot.checkpoints.check import compare_with_fairseq
    from chronoglot.files import whole

    sentences: list[str] = []
    for path in texts:
        with path.open(encoding="utf-8") as lines:
            sentences += islice((line.strip() for line in lines if line.strip()), 8)
    result = compare_with_fairseq(checkpoint, folder, dictionary, sentences)
    with whole(output) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n")


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
        regularisation=[float(value) for value in _names(regularisation)],
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


def _languages(described: str) -> dict[str, tuple[str, str, str]]:
    return {
        code: (language["name"], language["script"], language["family"])
        for code, language in json.loads(described).items()
    }


def _tables(scores: Path, summary: Path, losses: Path) -> "Tables":
    from chronoglot.analysis.tables import read_table
    from chronoglot.figures.catalogue import Tables

    return Tables(read_table(scores), read_table(summary), read_table(losses))


@app.command()
def figure(
    name: str,
    scores: Annotated[Path, Option()],
    summary: Annotated[Path, Option()],
    losses: Annotated[Path, Option()],
    languages: Annotated[str, Option(help="name, script and family of each, JSON")],
    png: Annotated[Path, Option(help="to write, with a PDF beside it")],
) -> None:
    """Draw one figure."""
    from chronoglot.figures.catalogue import draw

    draw(name, _tables(scores, summary, losses), _languages(languages), png)


@app.command()
def report(
    figures: list[Path],
    scores: Annotated[Path, Option()],
    summary: Annotated[Path, Option()],
    losses: Annotated[Path, Option()],
    model: Annotated[Path, Option(help="a converted model, to count its parameters")],
    benchmarks: Annotated[Path, Option(help="folder of Snakemake's benchmarks")],
    settings: Annotated[str, Option(help="JSON")],
    languages: Annotated[str, Option(help="name, script and family of each, JSON")],
    report: Annotated[Path, Option(help="to write")],
) -> None:
    """Put figures, tables, settings, versions and times on one page."""
    from chronoglot.checkpoints.size import count_parameters
    from chronoglot.report.page import write_report
    from chronoglot.report.versions import versions

    tables = _tables(scores, summary, losses)
    resolved = json.loads(settings)
    write_report(
        report,
        title=resolved["title"] or resolved["experiment"],
        scores=tables.scores,
        summary=tables.summary,
        losses=tables.losses,
        figures=figures,
        settings=resolved,
        versions=versions(),
        benchmarks=sorted(benchmarks.rglob("*.tsv")),
        languages=_languages(languages),
        parameters=count_parameters(model),
        share=resolved["analysis"]["learned_share"],
    )


@app.command()
def settings_page(output: Annotated[Path, Option()]) -> None:
    """Write the documentation of all settings."""
    from chronoglot.settings_page import write_settings_page

    write_settings_page(output)


@app.command()
def schema(output: Annotated[Path, Option()]) -> None:
    """Write the settings' JSON schema, for editors."""
    from chronoglot.settings_page import write_schema

    write_schema(output)
