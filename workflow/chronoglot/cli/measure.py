"""Commands that score a checkpoint without a probe."""

from pathlib import Path
from typing import Annotated, Literal

from typer import Option

from chronoglot.cli.app import app


@app.command()
def bits(
    model: Path,
    heldout: Path,
    step: Annotated[int, Option()],
    language: Annotated[str, Option()],
    seed: Annotated[int, Option()],
    scores: Annotated[Path, Option(help="to write")],
    max_characters: Annotated[int | None, Option()] = None,
    batch_tokens: Annotated[int, Option()] = 4096,
    long: Annotated[Literal["window", "refuse"], Option()] = "window",
    device: Annotated[str, Option()] = "cpu",
    precision: Annotated[Literal["fp32", "bf16"], Option()] = "fp32",
    threads: Annotated[int, Option()] = 1,
) -> None:
    """Measure the bits per character of held-out text."""
    import json

    from chronoglot.encoding.bits import bits_per_character
    from chronoglot.runtime.files import whole

    measured = bits_per_character(
        model,
        heldout,
        seed=seed,
        max_characters=max_characters,
        batch_tokens=batch_tokens,
        long=long,
        device=device,
        precision=precision,
        threads=threads,
    )
    none = ("layer", "score_dev", "majority", "train_items", "unseen", "regularisation")
    result = {
        **dict.fromkeys(none),
        "step": step,
        "task": "bpc",
        "source": language,
        "target": language,
        "score": measured.pop("bpc"),
        "test_items": measured["tokens"],
        **measured,
    }
    with whole(scores) as temporary:
        text = json.dumps(result, indent=2, sort_keys=True)
        temporary.write_text(text + "\n", encoding="utf-8")


@app.command()
def align(
    model: Path,
    parallel: Path,
    step: Annotated[int, Option()],
    source: Annotated[str, Option()],
    target: Annotated[str, Option()],
    scores: Annotated[Path, Option(help="to write")],
    method: Annotated[Literal["argmax", "itermax"], Option()] = "argmax",
    pooling: Annotated[Literal["mean", "first", "last"], Option()] = "mean",
    batch_tokens: Annotated[int, Option()] = 4096,
    long: Annotated[Literal["window", "refuse"], Option()] = "window",
    device: Annotated[str, Option()] = "cpu",
    precision: Annotated[Literal["fp32", "bf16"], Option()] = "fp32",
    threads: Annotated[int, Option()] = 1,
) -> None:
    """Align words by the similarity of their vectors and score the links."""
    from chronoglot.alignment.align import align as run_align

    run_align(
        model,
        parallel,
        step=step,
        source=source,
        target=target,
        method=method,
        pooling=pooling,
        batch_tokens=batch_tokens,
        long=long,
        device=device,
        precision=precision,
        threads=threads,
        output=scores,
    )
