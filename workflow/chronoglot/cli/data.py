"""Commands of the data stage."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from chronoglot.cli.app import app, as_model, floats, names
from chronoglot.runtime.errors import UserError


@app.command()
def in_vitro(
    language: str,
    typology: Annotated[str, Option(help="the language's parameters, JSON")],
    generator: Annotated[str, Option(help="what all in-vitro languages share, JSON")],
    seed: Annotated[int, Option()],
    text: Annotated[Path, Option(help="text to write; the other files lie beside it")],
) -> None:
    """Invent a language: text, treebank and sentence pairs."""
    from chronoglot.data.in_vitro.write import generate_language
    from chronoglot.settings.in_vitro import Generator, Typology

    generate_language(
        language,
        as_model(Typology, typology, "typology"),
        as_model(Generator, generator, "generator"),
        seed,
        text.parent,
    )


@app.command()
def in_vitro_parallel(
    source: str,
    target: str,
    source_typology: Annotated[str, Option(help="JSON")],
    target_typology: Annotated[str, Option(help="JSON")],
    generator: Annotated[str, Option(help="what all in-vitro languages share, JSON")],
    seed: Annotated[int, Option()],
    sentences: Annotated[Path, Option(help="to write; the gold links lie beside it")],
) -> None:
    """Write parallel sentences of two invented languages, with gold word links."""
    from chronoglot.data.in_vitro.write import generate_translations
    from chronoglot.settings.in_vitro import Generator, Typology

    generate_translations(
        source,
        as_model(Typology, source_typology, "source-typology"),
        target,
        as_model(Typology, target_typology, "target-typology"),
        as_model(Generator, generator, "generator"),
        seed,
        sentences.parent,
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
    files: Annotated[list[Path], Argument(help="files, or one folder")],
    words: Annotated[Path, Option(help="word table to write")],
    parts: Annotated[str, Option(help="those to use, of a folder")] = "train,dev,test",
    split: Annotated[Literal["published", "document", "sentence"], Option()] = "published",
    shares: Annotated[str, Option(help="of train, dev and test")] = "0.7,0.1,0.2",
    max_train_words: Annotated[int | None, Option()] = None,
    hidden: Annotated[Literal["refuse", "leave_out"], Option()] = "refuse",
) -> None:
    """Read a treebank and divide it into train, dev and test."""
    from chronoglot.data.locate import choose_parts, part_of
    from chronoglot.data.treebank import prepare_words

    of_part: dict[str, list[Path]] = {}
    if files[0].is_dir():
        of_part = choose_parts(files[0], names(parts), published=split == "published")
    else:
        for path in files:
            of_part.setdefault(part_of(path), []).append(path)
    if len(of_splits := floats(shares, "shares")) != 3:
        raise UserError(f"--shares: give those of train, dev and test, not {shares!r}")
    train, dev, test = of_splits
    prepare_words(
        of_part,
        words,
        language=language,
        split=split,
        shares=(train, dev, test),
        max_train_words=max_train_words,
        hidden=hidden,
    )


@app.command()
def pairs(
    language: str,
    dev: Annotated[Path, Option()],
    test: Annotated[Path, Option()],
    pairs: Annotated[Path, Option(help="pair table to write")],
    train: Annotated[Path | None, Option(help="without: the language is only a target")] = None,
    max_train: Annotated[int | None, Option()] = None,
) -> None:
    """Read a language's labelled sentence pairs."""
    from chronoglot.data.xnli import collect_pairs
    from chronoglot.tables.sentence_pairs import write_pairs

    write_pairs(
        collect_pairs(language, train=train, dev=dev, test=test, max_train=max_train), pairs
    )


@app.command()
def parallel(folder: Path, parallel: Annotated[Path, Option(help="table to write")]) -> None:
    """Read parallel sentences with gold word links."""
    from chronoglot.data.gold_links import prepare_gold_links

    prepare_gold_links(folder, parallel)


@app.command()
def check_text(
    heldout: Path,
    output: Annotated[Path, Option(help="how much it is, JSON to write")],
    max_characters: Annotated[int | None, Option()] = None,
) -> None:
    """Refuse held-out text that cannot be measured, before a checkpoint is there."""
    from chronoglot.encoding.heldout import check_heldout

    check_heldout(heldout, output, max_characters)
