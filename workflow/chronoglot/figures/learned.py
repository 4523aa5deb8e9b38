"""Learned step and forgetting of every language and task, in both forms."""

from pathlib import Path
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from chronoglot.analysis.learning import BEST
from chronoglot.analysis.tidy import SERIES, in_language
from chronoglot.figures.languages import Languages, in_language_order, language_name
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import GREY, INK, Look, drawing, line_looks
from chronoglot.figures.units import in_task_order, task_title

_PLAIN: Look = {"marker": "o", "markersize": 4.5, "markerfacecolor": "white", "linestyle": "none"}
_CORRECTED: Look = {"marker": "o", "markersize": 4.5, "linestyle": "none"}
_NONE: Look = {"marker": "x", "markersize": 3.5, "markeredgewidth": 0.8, "linestyle": "none"}


def _latest_first(table: pd.DataFrame, languages: Languages) -> list[str]:
    """Languages from the latest to the earliest learned, over the tasks; ties in given order."""
    codes = in_language_order(table["target"], languages)
    never = table["best_step"].max() * 10
    steps = table["learned_step_corrected"].fillna(never).astype(float)
    mean = steps.transform(np.log1p).groupby(table["target"]).mean().reindex(codes)
    return list(mean.sort_values(kind="stable").index)[::-1]


def _pairs(axes: Axes, plain: pd.Series, corrected: pd.Series, colour: str) -> None:
    """Both forms of a number in a row a language, joined; a cross where only the plain one is."""
    rows = np.arange(len(plain))
    axes.hlines(rows, plain, corrected, color=colour, alpha=0.35, linewidth=1.5)
    axes.plot(plain, rows, color=colour, **_PLAIN)
    axes.plot(corrected, rows, color=colour, **_CORRECTED)
    axes.plot(
        np.ones(len(rows)),
        np.where(plain.notna() & corrected.isna(), rows, np.nan),
        color=GREY,
        transform=axes.get_yaxis_transform(),
        clip_on=False,
        in_layout=False,
        **_NONE,
    )


def learned(summary: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """Dot plot, a row a language: learned step and, right of it or below, forgetting.

    Of the best layer. Open circles are the plain form, full ones the form corrected for step 0; a
    cross at the right edge says that the score never rose above step 0. Languages learned early
    are on top.
    """
    table = in_language(summary[summary["layer"] == BEST])
    table = table.groupby(SERIES[1:], as_index=False).mean(numeric_only=True)
    tasks = in_task_order(table["task"])
    codes = _latest_first(table, languages)
    steps = pd.concat([table["learned_step"], table["learned_step_corrected"], table["best_step"]])
    axis = StepAxis(steps.dropna().astype(int))
    # Beyond 100 % a score ends below step 0, and how far says little: such gains are small.
    lost = (100 * table[["forgetting", "forgetting_corrected"]]).clip(upper=100)
    most_lost = lost.max().max() or 1.0
    apart = len(tasks) > 3  # two rows of panels: one would be too wide
    width = 1.2 + 1.5 * len(tasks) * (1 if apart else 2)
    height = 0.8 + max(1.2, 0.165 * len(codes))
    with drawing(path, max(6.0, width), 0.3 + height * (2 if apart else 1)) as figure:
        shape = (2, len(tasks)) if apart else (1, 2 * len(tasks))
        grid = figure.subplots(*shape, sharey=True, squeeze=False)
        flat = grid.ravel()
        for number, (task, look) in enumerate(line_looks(tasks).items()):
            rows = table[table["task"] == task].set_index("target").reindex(codes)
            steps_axes, lost_axes = flat[number], flat[len(tasks) + number]
            plain, corrected = (
                pd.Series(np.where(column.isna(), np.nan, axis.places(column.fillna(1))))
                for column in (rows["learned_step"], rows["learned_step_corrected"])
            )
            _pairs(steps_axes, plain, corrected, look["color"])
            axis.draw(steps_axes, fewest=2, label="learned step")
            lost = (100 * rows[["forgetting", "forgetting_corrected"]]).clip(upper=100)
            _pairs(lost_axes, lost["forgetting"], lost["forgetting_corrected"], look["color"])
            lost_axes.set_xlabel("forgetting (%)")
            lost_axes.set_xlim(-0.04 * most_lost, 1.06 * most_lost)
            for axes in (steps_axes, lost_axes):
                axes.set_title(fill(task_title(task), 20))
                axes.grid(axis="y")
                axes.tick_params(axis="y", length=0)
        names = [language_name(code, languages) for code in codes]
        flat[0].set_yticks(range(len(codes)), names)
        flat[0].set_ylim(-0.7, len(codes) - 0.3)
        _legend(figure)


def _legend(figure: Figure) -> None:
    handles = [
        Line2D([], [], color=INK, label="plain", **_PLAIN),
        Line2D([], [], color=INK, label="corrected for step 0", **_CORRECTED),
        Line2D([], [], color=GREY, label="never above step 0", **_NONE),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
