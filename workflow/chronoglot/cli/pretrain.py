"""Commands of the pretraining stage."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chronoglot.cli.app import app, names


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
        languages=names(languages),
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

    *previous, own = map(Path, names(segments))
    checkpoint_at(
        step,
        recipe=Recipe.from_json(recipe),
        languages=names(languages),
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
