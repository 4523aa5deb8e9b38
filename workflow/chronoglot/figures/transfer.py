"""Transfer between languages: matrices of source × target, of the best layer and of every layer."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from chronoglot.analysis.learning import BEST, LAST
from chronoglot.figures.languages import Languages, in_language_order
from chronoglot.figures.matrix import (
    BEST_SOURCE,
    NEVER,
    OWN,
    UNSCORED,
    Matrix,
    draw_matrix,
    mark_best_sources,
    name_languages,
    room,
)
from chronoglot.figures.steps import StepAxis, short_number
from chronoglot.figures.style import FEW, HEAT, drawing
from chronoglot.figures.units import shown, task_title

_STEPS, _LOST = "YlGnBu", "magma_r"


def _square(rows: pd.DataFrame, column: str, languages: Languages) -> pd.DataFrame:
    """Sources × targets, in order: the mean over runs of one column.

    A language whose probes are scored on itself alone has no row.
    """
    sources = rows.loc[rows["source"] != rows["target"], "source"]
    table = rows.pivot_table(
        index="source", columns="target", values=column, aggfunc="mean", dropna=False
    )
    return table.reindex(
        index=in_language_order(sources, languages),
        columns=in_language_order(rows["target"], languages),
    ).astype(float)


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    """What stands in the cells: the numbers, and nothing where there are none."""
    return table.map(lambda number: "" if np.isnan(number) else f"{number:.0f}")


def _bar(figure: Figure, axes: Axes, norm: Normalize, colours: str, title: str) -> Axes:
    bar = figure.colorbar(
        ScalarMappable(norm, colours), ax=axes, location="bottom", aspect=30, pad=0.02, shrink=0.85
    )
    bar.outline.set_visible(False)
    bar.set_label(title)
    bar.ax.tick_params(length=2)
    return bar.ax


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
    unit = shown(task)
    best = unit.factor * _square(rows, "best", languages)
    scored = best.notna()
    steps = _square(rows, "learned_step_corrected", languages)
    axis = StepAxis(rows["learned_step_corrected"].dropna().astype(int))
    lost = 100 * _square(rows, "forgetting_corrected", languages)
    chosen = best_sources[(best_sources["task"] == task) & (best_sources["layer"] == BEST)]
    sources_of = dict(zip(chosen["target"], chosen["source"], strict=True))
    sources, targets = best.shape
    columns, cell = _layout(sources, targets)
    step_names = steps.map(lambda step: "" if np.isnan(step) else short_number(step))
    panels = (
        (unit.label, "Best score", Matrix(best, _printed(best), scored), HEAT),
        (
            "step",
            "Learned step, corrected",
            Matrix(_places(steps, axis), step_names, scored),
            _STEPS,
        ),
        ("%", "Forgetting, corrected", Matrix(lost, _printed(lost), scored), _LOST),
    )
    height = cell * sources + 1.1 + room(list(best.columns), languages) / 72
    width = cell * targets + 0.5
    with drawing(path, width * columns + 0.5, height * -(-3 // columns) + 0.6) as figure:
        grid = figure.subplots(-(-3 // columns), columns, squeeze=False).ravel()
        for number, (label, title, matrix, colours) in enumerate(panels):
            axes = grid[number]
            norm = _norm(matrix.values, from_zero=colours == _LOST)
            draw_matrix(axes, matrix, norm, colours, languages)
            name_languages(axes, matrix, languages, rows=number % columns == 0)
            axes.set_title(title)
            bar = _bar(figure, axes, norm, colours, label)
            if colours == _STEPS:
                ticks = axis.ticks(3)
                bar.set_xticks(axis.places(ticks), [short_number(tick) for tick in ticks])
                bar.minorticks_off()
        if sources > 1:
            mark_best_sources(grid[0], panels[0][2], sources_of)
        for axes in grid[3:]:
            axes.set_visible(False)
        _legend(figure)


def _places(steps: pd.DataFrame, axis: StepAxis) -> pd.DataFrame:
    """Steps as places on the logarithmic axis, NaN where there is none."""
    return pd.DataFrame(
        np.where(steps.isna(), np.nan, axis.places(steps.fillna(1))), steps.index, steps.columns
    )


def _norm(values: pd.DataFrame, from_zero: bool = False) -> Normalize:
    """The colours' range; of forgetting from 0 up to 100 % at most."""
    known = values.to_numpy()[values.notna().to_numpy()]
    if not len(known):
        return Normalize(0, 1)
    if from_zero:
        return Normalize(0, min(100.0, float(known.max())) or 1.0)
    return Normalize(float(known.min()), float(known.max()))


def _legend(figure: Figure) -> None:
    handles = [
        Patch(label="in-language", **OWN),
        Line2D([], [], label="best source of the target", markersize=4, **BEST_SOURCE),
        Patch(label="never above step 0", **NEVER),
        Patch(label="not scored", **UNSCORED),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)


def transfer_layers(
    summary: pd.DataFrame, task: str, languages: Languages, path: str | Path
) -> None:
    """The best score of every source and target of `task`, a panel a layer, all in one scale."""
    rows = summary[(summary["task"] == task) & ~summary["layer"].isin([BEST, LAST])]
    unit = shown(task)
    numbers = sorted(rows["layer"].unique(), key=int)
    tables = [
        unit.factor * _square(rows[rows["layer"] == layer], "best", languages) for layer in numbers
    ]
    norm = _norm(pd.concat(tables))
    sources, targets = tables[0].shape
    columns = min(len(tables), 3 if targets <= FEW else 4)
    cell = min(0.36, 9.0 / columns / targets)
    panel_rows = -(-len(tables) // columns)
    height = (cell * sources + 0.55) * panel_rows + 0.6
    with drawing(path, (cell * targets + 0.3) * columns + 1.2, height) as figure:
        grid = figure.subplots(panel_rows, columns, squeeze=False).ravel()
        for number, (layer, table) in enumerate(zip(numbers, tables, strict=True)):
            axes = grid[number]
            matrix = Matrix(table, _printed(table), table.notna())
            draw_matrix(axes, matrix, norm, HEAT, languages)
            axes.set_title(f"Layer {layer}")
            if targets <= FEW and number >= len(tables) - columns:
                axes.set_xticks(np.arange(targets) + 0.5, table.columns, size=7)
            if targets <= FEW and number % columns == 0:
                axes.set_yticks(np.arange(sources) + 0.5, table.index, size=7)
            axes.tick_params(length=0)
        for axes in grid[len(tables) :]:
            axes.set_visible(False)
        bar = figure.colorbar(ScalarMappable(norm, HEAT), ax=grid, aspect=60, pad=0.015, shrink=0.8)
        bar.outline.set_visible(False)
        bar.set_label(f"{task_title(task)}: {unit.label}")
        figure.supxlabel("target", size=8)
        figure.supylabel("source", size=8)
