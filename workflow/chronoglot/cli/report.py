"""Commands of the report stage."""

import json
from pathlib import Path
from typing import Annotated

from typer import Option

from chronoglot.cli.app import app, as_object


def _languages(described: str) -> dict[str, tuple[str, str, str]]:
    return {
        code: (language["name"], language["script"], language["family"])
        for code, language in as_object(described, "languages").items()
    }


@app.command()
def figure(
    name: str,
    tables: Annotated[Path, Option(help="folder of the tables")],
    languages: Annotated[str, Option(help="name, script and family of each, JSON")],
    png: Annotated[Path, Option(help="to write, with a PDF beside it")],
) -> None:
    """Draw one figure."""
    from chronoglot.figures.catalogue import Tables, draw

    draw(name, Tables(tables), _languages(languages), png)


@app.command()
def report(
    figures: list[Path],
    tables: Annotated[Path, Option(help="folder of the tables")],
    digest: Annotated[Path, Option(help="of a checkpoint, to count its parameters")],
    licences: Annotated[Path, Option(help="JSON of what holds for the data")],
    benchmarks: Annotated[Path, Option(help="folder of Snakemake's benchmarks")],
    settings: Annotated[str, Option(help="JSON")],
    languages: Annotated[str, Option(help="name, script and family of each, JSON")],
    report: Annotated[Path, Option(help="to write")],
    left_out: Annotated[str, Option(help="step → why it is not there, JSON")] = "{}",
    step0_drawn: Annotated[bool, Option(help="step 0 was drawn, the source having none")] = False,
) -> None:
    """Put figures, tables, settings, versions and times on one page."""
    from chronoglot.checkpoints.size import count_parameters
    from chronoglot.figures.catalogue import Tables
    from chronoglot.report.page import write_report
    from chronoglot.report.versions import versions
    from chronoglot.settings.file import check

    resolved = as_object(settings, "settings")
    check(resolved, "--settings")
    write_report(
        report,
        title=resolved["title"] or resolved["experiment"],
        tables=Tables(tables),
        figures=figures,
        settings=resolved,
        versions=versions(),
        benchmarks=sorted(benchmarks.rglob("*.tsv")),
        languages=_languages(languages),
        parameters=count_parameters(digest),
        licences=json.loads(licences.read_text(encoding="utf-8")),
        step0_drawn=step0_drawn,
        left_out=json.loads(left_out),
        share=resolved["analysis"]["learned_share"],
    )
