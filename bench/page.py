"""The tables of docs/performance.md, between marks; what is written around them stays.

<!-- bench: encoding -->
…
<!-- /bench -->
"""

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from chronoglot.runtime.files import whole

from bench.benchmark import ROOT
from bench.figure import draw
from bench.registry import TITLES
from bench.rows import Row, read
from bench.table import markdown

RESULTS = ROOT / "docs" / "performance.jsonl"
PAGE = ROOT / "docs" / "performance.md"
_MARKED = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- /bench -->)", re.S)


def render(results: Path = RESULTS, page: Path = PAGE) -> None:
    """Write the newest rows of each benchmark and machine into the page, and draw their ratios."""
    rows = read(results)
    text = page.read_text(encoding="utf-8")
    filled = _MARKED.sub(lambda found: f"{found[1]}{tables(rows, found[2])}{found[3]}", text)
    with whole(page) as temporary:
        temporary.write_text(filled, encoding="utf-8")
    shown = [row for name in TITLES for row in _first(rows, name)]
    draw(shown, page.parent / "figures" / "performance.png")


def tables(rows: Sequence[Row], benchmark: str) -> str:
    """A benchmark's tables, machine by machine; of small scale only if there are no others."""
    newest = _newest(rows, benchmark)
    if not newest:
        return "\nNot measured yet.\n\n"
    parts = [
        f"{circumstances} ({measured[0].where['date'][:10]}, {measured[0].where['commit']}).\n\n"
        + "\n".join(markdown(list(case)) for _, case in groupby(measured, key=lambda row: row.case))
        for (circumstances, _), measured in newest.items()
    ]
    return "\n" + "\n".join(parts) + "\n"


def _newest(rows: Sequence[Row], benchmark: str) -> dict[tuple[str, str], list[Row]]:
    """The last run of a benchmark on each machine, with each set of options; few threads first."""
    own = [row for row in rows if row.benchmark == benchmark]
    own = [row for row in own if row.where["scale"] == "full"] or own
    newest = {}
    for _, of_run in groupby(own, key=lambda row: row.where["date"]):
        measured = list(of_run)
        experiment = measured[0].where["experiment"] if benchmark == "whole" else ""
        newest[_circumstances(measured[0]), experiment] = measured
    return dict(sorted(newest.items(), key=lambda item: item[1][0].where["threads"]))


def _first(rows: Sequence[Row], benchmark: str) -> list[Row]:
    """The last run with the options that come first on the page."""
    return next(iter(_newest(rows, benchmark).values()), [])


def _circumstances(row: Row) -> str:
    where = row.where
    machine = f"{where['processor']}, {where['cores']} cores, {where['memory_gb']} GB"
    if where["gpu"]:
        machine += f", {where['gpu']}"
    threads = f"{where['threads']} thread{'s' if where['threads'] > 1 else ''}"
    small = "" if where["scale"] == "full" else "; small scale, which shows only that it works"
    # The whole has the data of its experiment.
    data = "" if row.benchmark == "whole" else f"data: {where['data']}; "
    return (
        f"{machine}; {where['device']}, {threads}, {where['precision']}; {data}"
        f"torch {where['versions']['torch']}, {where['blas']}{small}"
    )
