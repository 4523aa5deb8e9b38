"""What goes with being learned early or well: rank correlations with properties of languages."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from chronoglot.figures.languages import Languages
from chronoglot.figures.style import GREY, drawing, readable_on
from chronoglot.figures.units import in_task_order, task_title

SETTINGS = {"in-language": "languages", "transfer": "pairs of languages"}
"""Setting → what a rank belongs to."""

MEASURES = {
    "learned_step_corrected": "learned step, corrected",
    "learned_step": "learned step",
    "best": "best score",
    "forgetting_corrected": "forgetting, corrected",
    "forgetting": "forgetting",
}
"""Measures in the order in which they are shown, with their names for a reader."""

SIGNIFICANT = 0.05
_COLOURS, _NORM = "PuOr", Normalize(-1, 1)


def correlates(correlates: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """A panel a setting, a row a property, a column a task and measure, ρ in the cells.

    Bold and starred: p below 0.05 in a permutation test. Correlations that could not be computed
    are left out; if none could be, the figure says so.
    """
    known = correlates.dropna(subset="spearman")
    numbers = ["spearman", "p_value", "n"]
    known = known.groupby(["setting", "task", "measure", "property"], sort=False)[numbers].mean()
    known = known.reset_index()
    settings = [setting for setting in SETTINGS if setting in set(known["setting"])]
    columns = [
        (task, measure)
        for task in in_task_order(known["task"])
        for measure in MEASURES
        if ((known["task"] == task) & (known["measure"] == measure)).any()
    ]
    if not columns:
        with drawing(path, 5, 1) as figure:
            figure.text(0.5, 0.5, "too few languages to correlate anything", ha="center")
        return
    tables = {setting: known[known["setting"] == setting] for setting in settings}
    heights = [table["property"].nunique() for table in tables.values()]
    with drawing(path, 2.4 + 0.3 * len(columns), 1.9 + 0.2 * sum(heights)) as figure:
        grid = figure.subplots(
            len(settings), 1, squeeze=False, sharex=True, height_ratios=heights
        ).ravel()
        for axes, (setting, table) in zip(grid, tables.items(), strict=True):
            _panel(axes, table, columns)
            axes.set_title(f"{setting.capitalize()} ({_numbers(table['n'])} {SETTINGS[setting]})")
        _name_columns(grid[-1], columns)
        bar = figure.colorbar(
            ScalarMappable(_NORM, _COLOURS), ax=grid, aspect=30, pad=0.01, shrink=0.7
        )
        bar.outline.set_visible(False)
        bar.set_label("Spearman's ρ")


def _numbers(n: pd.Series) -> str:
    """10 to 12, or 10 where all are the same."""
    low, high = int(n.min()), int(n.max())
    return f"{low}" if low == high else f"{low} to {high}"


def _panel(axes: Axes, table: pd.DataFrame, columns: list[tuple[str, str]]) -> None:
    properties = list(dict.fromkeys(table["property"]))
    rho, p = (
        table.pivot(index="property", columns=["task", "measure"], values=number)
        .reindex(index=properties, columns=pd.MultiIndex.from_tuples(columns))
        .to_numpy(float)
        for number in ("spearman", "p_value")
    )
    axes.set_facecolor("#EFEFEF")
    axes.pcolormesh(
        np.ma.masked_invalid(rho), cmap=_COLOURS, norm=_NORM, edgecolors="white", linewidth=0.6
    )
    for row, column in np.argwhere(~np.isnan(rho)):
        value, significant = float(rho[row, column]), p[row, column] < SIGNIFICANT
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{value:+.2f}{'*' if significant else ''}".replace("-", "−"),
            size=5.2,
            weight="bold" if significant else "normal",
            color=readable_on(_COLOURS, _NORM, value),
            ha="center",
            va="center",
        )
    axes.set_yticks(
        np.arange(len(properties)) + 0.5, [name.replace("_", " ") for name in properties]
    )
    axes.set_ylim(len(properties), 0)
    for number, (task, _) in enumerate(columns):
        if number and task != columns[number - 1][0]:
            axes.axvline(number, color=GREY, linewidth=0.8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _name_columns(axes: Axes, columns: list[tuple[str, str]]) -> None:
    """Measures upright below the columns, and the tasks below those."""
    measures = [MEASURES[measure] for _, measure in columns]
    axes.set_xticks(np.arange(len(columns)) + 0.5, measures, rotation=90, size=6)
    tasks = [task for task, _ in columns]
    below = 10 + 3.4 * max(map(len, measures))
    for task in dict.fromkeys(tasks):
        first, number = tasks.index(task), tasks.count(task)
        axes.annotate(
            task_title(task),
            xy=(first + number / 2, 0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(0, -below),
            textcoords="offset points",
            ha="center",
            va="top",
            size=7,
        )
