"""Run benchmarks, keep their results and show them."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from bench import machine, page, registry
from bench.benchmark import ROOT, Options
from bench.rows import append
from bench.table import rich_table


def main(
    names: Annotated[list[str] | None, typer.Argument(help="benchmarks; none: all")] = None,
    scale: Annotated[
        Literal["small", "full"], typer.Option(help="small shows only that everything works")
    ] = "small",
    threads: Annotated[int, typer.Option(min=1)] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda")] = "cpu",
    precision: Annotated[Literal["fp32", "bf16"], typer.Option()] = "fp32",
    repeats: Annotated[int, typer.Option(min=1, help="runs of each, after one to warm up")] = 3,
    treebank: Annotated[
        Path | None, typer.Option(help="folder of a UD treebank, instead of an invented one")
    ] = None,
    experiment: Annotated[Path, typer.Option(help="of which `whole` takes one checkpoint")] = ROOT
    / "config.yaml",
    cache: Annotated[Path, typer.Option(help="for inputs and outputs")] = Options.cache,
    results: Annotated[Path, typer.Option(help="JSON lines to add to")] = page.RESULTS,
    document: Annotated[Path, typer.Option(help="page whose tables are rewritten")] = page.PAGE,
    render_only: Annotated[bool, typer.Option(help="measure nothing, rewrite the page")] = False,
) -> None:
    """Measure what Chronoglot costs beside what others do for the same."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    if unknown := sorted(set(names or []) - registry.TITLES.keys()):
        known = ", ".join(registry.TITLES)
        raise typer.BadParameter(f"no {', '.join(unknown)}; there are {known}")
    options = Options(
        scale=scale,
        threads=threads,
        device=device,
        precision=precision,
        repeats=repeats,
        treebank=treebank,
        experiment=experiment,
        cache=cache.resolve(),
    )
    where = {} if render_only else machine.describe(options)
    for name in [] if render_only else names or registry.TITLES:
        console.rule(registry.TITLES[name])
        rows = registry.run(name, options, console.print)
        for case in dict.fromkeys(row.case for row in rows):
            console.print(rich_table([row for row in rows if row.case == case]))
        append([row.at(where) for row in rows], results)
    page.render(results, document)


if __name__ == "__main__":
    typer.run(main)
