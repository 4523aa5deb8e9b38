"""Commands of the encoding and probing stages."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Argument, Option

from chronoglot.cli.app import app, floats, integers, names
from chronoglot.runtime.errors import UserError

Layers = Annotated[str, Option(help="numbers of the layers, comma-separated")]
Pooling = Annotated[Literal["mean", "first", "last"], Option()]
Long = Annotated[Literal["window", "refuse"], Option()]
Precision = Annotated[Literal["fp32", "bf16"], Option()]
Manifest = Annotated[Path | None, Option(help="manifest of the model that the vectors are of")]


@app.command()
def encode(
    data: Annotated[Literal["words", "pairs"], Argument(help="what the table holds")],
    model: Path,
    vectors: Annotated[list[Path], Argument(help="files to write, one a layer")],
    table: Annotated[Path, Option(help="word table or pair table")],
    layers: Annotated[str, Option(help="layers of these files, comma-separated; else all")] = "",
    pooling: Pooling = "mean",
    batch_tokens: Annotated[int, Option()] = 4096,
    long: Long = "window",
    device: Annotated[str, Option()] = "cpu",
    precision: Precision = "fp32",
    threads: Annotated[int, Option()] = 1,
) -> None:
    """Run a checkpoint over a table's sentences once: vectors of its rows at some layers or all."""
    import torch

    from chronoglot.encoding.encode import write_vectors
    from chronoglot.encoding.encoder import load_encoder
    from chronoglot.encoding.origin import write_origin
    from chronoglot.encoding.sentence_pairs import write_pair_vectors
    from chronoglot.tables.sentence_pairs import read_pairs
    from chronoglot.tables.words import read_words

    torch.set_num_threads(threads)
    encoder = load_encoder(model, device, precision)
    asked = integers(layers, "layers") if layers else list(range(encoder.layers + 1))
    if len(asked) != len(vectors):
        raise UserError(f"{len(asked)} layers need as many files to write, not {len(vectors)}")
    files = dict(zip(asked, vectors, strict=True))
    if data == "words":
        write_vectors(
            encoder,
            read_words(table),
            files,
            pooling=pooling,
            batch_tokens=batch_tokens,
            long=long,
        )
    else:
        write_pair_vectors(
            encoder,
            read_pairs(table),
            files,
            pooling="first" if pooling == "first" else "mean",
            batch_tokens=batch_tokens,
            long=long,
        )
    encoding = _encoding(pooling, batch_tokens, long, precision)
    write_origin(vectors[0].parent, model=model, table=table, encoding=encoding)


def _encoding(pooling: str, batch_tokens: int, long: str, precision: str) -> dict[str, object]:
    return {
        "pooling": pooling,
        "batch_tokens": batch_tokens,
        "long": long,
        "precision": precision,
    }


@app.command()
def probe(
    task: str,
    step: Annotated[int, Option()],
    layers: Layers,
    language: Annotated[str, Option()],
    vectors: Annotated[Path, Option(help="folder with a file a layer")],
    table: Annotated[Path, Option(help="the table that the vectors' rows belong to")],
    regularisation: Annotated[str, Option(help="comma-separated")],
    seed: Annotated[int, Option()],
    probes: Annotated[Path, Option(help="folder of this step's probes, to write to")],
    model: Manifest = None,
    pooling: Pooling = "mean",
    batch_tokens: Annotated[int, Option()] = 4096,
    long: Long = "window",
    precision: Precision = "fp32",
) -> None:
    """Train and score the probes of one step, language and task, a probe a layer."""
    from chronoglot.encoding.origin import check_origin
    from chronoglot.probing.probe import probe as run_probe

    if model is not None:
        encoding = _encoding(pooling, batch_tokens, long, precision)
        check_origin(vectors, model=model.parent, table=table, encoding=encoding)
    run_probe(
        task,
        table,
        vectors,
        step=step,
        layers=integers(layers, "layers"),
        language=language,
        seed=seed,
        regularisation=floats(regularisation, "regularisation"),
        probes=probes,
    )


@app.command()
def transfer(
    task: str,
    step: Annotated[int, Option()],
    layers: Layers,
    sources: Annotated[str, Option(help="languages of the probes, comma-separated")],
    target: Annotated[str, Option()],
    vectors: Annotated[Path, Option(help="folder with a file a layer, of the target")],
    table: Annotated[Path, Option(help="the table that the vectors' rows belong to")],
    seed: Annotated[int, Option()],
    probes: Annotated[Path, Option(help="folder of this step's probes")],
    scores: Annotated[Path, Option(help="folder of this step's scores, to write to")],
    model: Manifest = None,
    pooling: Pooling = "mean",
    batch_tokens: Annotated[int, Option()] = 4096,
    long: Long = "window",
    precision: Precision = "fp32",
) -> None:
    """Score the probes of other languages on a target."""
    from chronoglot.encoding.origin import check_origin
    from chronoglot.probing.transfer import transfer as run_transfer

    if model is not None:
        encoding = _encoding(pooling, batch_tokens, long, precision)
        check_origin(vectors, model=model.parent, table=table, encoding=encoding)
    run_transfer(
        task,
        table,
        vectors,
        step=step,
        layers=integers(layers, "layers"),
        sources=names(sources),
        target=target,
        seed=seed,
        probes=probes,
        scores=scores,
    )


@app.command()
def check_data(
    table: Annotated[Path, Argument(help="word table or pair table")],
    language: Annotated[str, Option()],
    tasks: Annotated[str, Option(help="what is scored on it, comma-separated")],
    splits: Annotated[str, Option(help="its parts that they need, comma-separated")],
    seed: Annotated[int, Option()],
    output: Annotated[Path, Option(help="numbers of examples, JSON to write")],
) -> None:
    """Refuse a table that lacks what a task needs, before a checkpoint is there."""
    from chronoglot.probing.check import check_examples

    check_examples(
        table,
        output,
        language=language,
        tasks=names(tasks),
        splits=names(splits),
        seed=seed,
    )
