"""Commands of the analysis stage: each writes tables, as Parquet and as CSV."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chronoglot.cli.app import app, as_model, as_object, names

Tables = Annotated[Path, Option(help="folder to write to")]


@app.command()
def scores(
    results: Path,
    tuples: Annotated[str, Option(help="what is scored, JSON")],
    run: Annotated[str, Option()],
    tables: Tables,
) -> None:
    """Collect the scores of all tuples in one table."""
    from chronoglot.analysis.scores import collect_scores
    from chronoglot.analysis.tidy import write_named
    from chronoglot.planning.tuples import Tuples

    scored = as_model(Tuples, tuples, "tuples")
    files = [Path(name) for name in scored.files(results)]
    write_named(collect_scores(files, run, scored.layers), tables, "scores")


@app.command()
def links(
    results: Path,
    tuples: Annotated[str, Option(help="what is scored, JSON")],
    run: Annotated[str, Option()],
    tables: Tables,
) -> None:
    """Collect precision, recall, F1 and AER of word alignment in one table."""
    from chronoglot.analysis.links import links as collect_links
    from chronoglot.analysis.tidy import write_named
    from chronoglot.planning.tuples import Tuples

    scored = as_model(Tuples, tuples, "tuples")
    files = [Path(name) for name in scored.alignment_files(results)]
    write_named(collect_links(files, run, scored.layers), tables, "links")


@app.command()
def summary(scores: Path, learned_share: Annotated[float, Option()], tables: Tables) -> None:
    """Analyse what was learned when, and what was forgotten."""
    from chronoglot.analysis.learning import summarise
    from chronoglot.analysis.tidy import read_table, write_named

    write_named(summarise(read_table(scores), learned_share), tables, "summary")


@app.command()
def movement(scores: Path, tables: Tables) -> None:
    """Follow every task through the layers."""
    from chronoglot.analysis.movement import movement as follow
    from chronoglot.analysis.tidy import read_table, write_named

    write_named(follow(read_table(scores)), tables, "movement")


@app.command()
def across(
    summary: Path,
    languages: Annotated[str, Option(help="in the order of the settings, comma-separated")],
    tables: Tables,
) -> None:
    """Compare both directions of each pair, and the sources of each target."""
    from chronoglot.analysis.asymmetry import asymmetry
    from chronoglot.analysis.sources import best_sources
    from chronoglot.analysis.tidy import read_table, write_named

    table, order = read_table(summary), names(languages)
    write_named(asymmetry(table, order), tables, "asymmetry")
    write_named(best_sources(table, order), tables, "best_sources")


@app.command()
def properties(
    tokenizer: Annotated[Path, Argument(help="sentencepiece model, or a file beside the model's")],
    data: Annotated[Path, Option(help="folder with text/ and words/")],
    binarised: Annotated[Path, Option(help="folder with the sizes of texts pretrained on here")],
    text_tokens: Annotated[str, Option(help="tokens pretrained on elsewhere, by language, JSON")],
    texts: Annotated[str, Option(help="languages with text, comma-separated")],
    side: Annotated[str, Option(help="train or heldout: of each text, which describes it")],
    treebanks: Annotated[str, Option(help="languages with a word table, comma-separated")],
    languages: Annotated[str, Option(help="name, script and family of each, JSON")],
    typologies: Annotated[str, Option(help="parameters of the in-vitro languages, JSON")],
    tables: Tables,
) -> None:
    """Describe the languages, and their pairs: amounts, overlaps and distances."""
    from chronoglot.analysis.properties import language_pair_properties, language_properties
    from chronoglot.analysis.tidy import write_named
    from chronoglot.encoding.fast_tokens import load_tokenizer
    from chronoglot.settings.in_vitro import Typology

    described = {
        code: (language["name"], language["script"], language["family"])
        for code, language in as_object(languages, "languages").items()
    }
    with_text, with_words = filter(None, names(texts)), filter(None, names(treebanks))
    text_files = {code: data / "text" / code / f"{side}.txt" for code in with_text}
    counts = {code: binarised / code / "counts.json" for code in text_files}
    # A model's tokenizer lies in its folder.
    loaded = load_tokenizer(tokenizer.parent)
    one = language_properties(
        described,
        counts={code: path for code, path in counts.items() if side == "train"},
        text_tokens=as_object(text_tokens, "text-tokens"),
        words={code: data / "words" / f"{code}.parquet" for code in with_words},
        tokenizer=loaded,
    )
    pairs = language_pair_properties(
        described,
        texts=text_files,
        tokenizer=loaded,
        typologies={
            code: Typology.model_validate(typology)
            for code, typology in as_object(typologies, "typologies").items()
        },
    )
    write_named(one, tables, "languages")
    write_named(pairs, tables, "language_pairs")


@app.command()
def correlates(
    tables: Path,
    permutations: Annotated[int, Option()],
    seed: Annotated[int, Option()],
) -> None:
    """Relate what was learned, and when, to properties of the languages."""
    from chronoglot.analysis.correlates import correlates as relate
    from chronoglot.analysis.tidy import read_table, write_named

    parts = ("summary", "scores", "languages", "language_pairs")
    read = [read_table(tables / f"{name}.parquet") for name in parts]
    write_named(relate(*read, permutations=permutations, seed=seed), tables, "correlates")
