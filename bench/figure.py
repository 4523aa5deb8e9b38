"""How many times as long others take, as a figure: the ratios of all benchmarks."""

import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from chronoglot.figures.style import COLOURS, GREY, drawing
from matplotlib.ticker import FuncFormatter, NullFormatter

from bench.registry import TITLES
from bench.rows import Row
from bench.table import number

_LINE = 0.2  # inches


def draw(rows: Sequence[Row], path: Path) -> None:
    """A PNG with a bar for each competitor of a case, from the first one's time to its own.

    None where nothing was compared.
    """
    cases = _compared(rows)
    if not cases:
        return
    lines = sum(len(case) + 0.5 for case in cases)
    with TemporaryDirectory() as folder:
        drawn = Path(folder) / path.name
        with drawing(drawn, 7.2, 0.7 + _LINE * lines) as figure:
            axes = figure.subplots()
            axes.set_xscale("log")
            names: dict[float, str] = {}
            place = -1.5
            for case in cases:
                place += 1.5
                names[place] = _title(case[0])
                for row in case[1:]:
                    place += 1
                    names[place] = row.competitor
                    ratio = row.ratio or 1.0
                    axes.barh(place, ratio - 1, left=1, height=0.66, color=COLOURS[ratio < 1])
                    axes.text(max(ratio, 1), place, f"  {number(ratio)}", va="center", size=7)
            axes.axvline(1, color=GREY, linewidth=0.8)
            axes.set_ylim(max(names) + 0.6, -0.6)
            axes.set_yticks(list(names), list(names.values()))
            titles = {_title(case[0]) for case in cases}
            for label in axes.get_yticklabels():
                label.set_fontweight("bold" if label.get_text() in titles else "normal")
            axes.tick_params(axis="y", length=0)
            axes.spines["left"].set_visible(False)
            axes.set_xlim(right=2 * max(row.ratio or 1 for case in cases for row in case))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xlabel("times as long as Chronoglot takes")
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(drawn, path)


def _compared(rows: Sequence[Row]) -> list[list[Row]]:
    """The cases in which others were measured too."""
    cases = [list(case) for _, case in groupby(rows, key=lambda row: (row.benchmark, row.case))]
    return [case for case in cases if len(case) > 1 and all(row.ratio for row in case)]


def _title(row: Row) -> str:
    title = TITLES[row.benchmark]
    return title if row.case in title.lower() else f"{title}: {row.case}"
