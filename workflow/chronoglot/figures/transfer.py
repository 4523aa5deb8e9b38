"""Transfer between languages: three matrices of source × target, of the best layer."""

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from chronoglot.analysis.learning import BEST
from chronoglot.figures.languages import Languages
from chronoglot.figures.matrix import (
    BEST_SOURCE,
    NEVER,
    OWN,
    UNSCORED,
    draw_matrix,
    mark_best_sources,
    name_languages,
    room,
)
from chronoglot.figures.measures import measures
from chronoglot.figures.style import FEW, drawing


def _layout(sources: int, targets: int) -> tuple[int, float]:
    """Columns of panels and inches a cell: side by side, one below the other, or two by two."""
    if targets <= FEW:
        return 3, min(0.36, 2.7 / targets)
    return (1, 0.16) if sources <= 0.6 * targets else (2, 0.105)


def transfer(
    summary: pd.DataFrame,
    best_sources: pd.DataFrame,
    task: str,
    languages: Languages,
    path: str | Path,
) -> None:
    """Best score, corrected learned step and forgetting of every source and target of `task`.

    The best source of each target has a dot; in-language cells are framed.
    """
    rows = summary[(summary["task"] == task) & (summary["layer"] == BEST)]
    chosen = best_sources[(best_sources["task"] == task) & (best_sources["layer"] == BEST)]
    sources_of = dict(zip(chosen["target"], chosen["source"], strict=True))
    panels = [(measure, measure.matrix(rows)) for measure in measures(rows, task, languages)]
    best = panels[0][1]
    sources, targets = best.values.shape
    columns, cell = _layout(sources, targets)
    height = cell * sources + 1.1 + room(list(best.values.columns), languages) / 72
    width = cell * targets + 0.5
    with drawing(path, width * columns + 0.5, height * -(-3 // columns) + 0.6) as figure:
        grid = figure.subplots(-(-3 // columns), columns, squeeze=False).ravel()
        for number, (measure, matrix) in enumerate(panels):
            axes = grid[number]
            norm = measure.norm([matrix.values])
            draw_matrix(axes, matrix, norm, measure.colours, languages)
            name_languages(axes, matrix, languages, rows=number % columns == 0)
            axes.set_title(measure.title)
            measure.bar(figure, axes, norm, location="bottom", aspect=30, pad=0.02, shrink=0.85)
        if sources > 1:
            mark_best_sources(grid[0], best, sources_of)
        for axes in grid[3:]:
            axes.set_visible(False)
        _legend(figure)


def _legend(figure: Figure) -> None:
    handles = [
        Patch(label="in-language", **OWN),
        Line2D([], [], label="best source of the target", markersize=4, **BEST_SOURCE),
        Patch(label="never above step 0", **NEVER),
        Patch(label="not scored", **UNSCORED),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
