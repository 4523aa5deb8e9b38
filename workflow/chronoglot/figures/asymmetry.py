"""Is transfer mutual? Both directions of every pair of languages, one against the other."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chronoglot.analysis.learning import BEST
from chronoglot.figures.languages import Languages
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import COLOURS, GREY, drawing
from chronoglot.figures.units import in_task_order, shown, task_title

_NAMED = 5  # points at most
_SIZE = 6.0  # points of a label


def asymmetry(asymmetry: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """A column a task: best score (above) and corrected learned step (below), a → b by b → a.

    Tasks with no pair in both directions are left out; if all are, the figure says so.
    """
    table = asymmetry[asymmetry["layer"] == BEST]
    numbers = table.columns[table.columns.str.endswith(("_ab", "_ba"))]
    table = table.astype(dict.fromkeys(numbers, float))
    means = table.groupby(["task", "a", "b"], as_index=False)[list(numbers)].mean()
    means = means.dropna(subset=["best_ab", "best_ba"])
    tasks = in_task_order(means["task"])
    if not tasks:
        with drawing(path, 5, 1) as figure:
            figure.text(0.5, 0.5, "no pair of languages in both directions", ha="center")
        return
    with drawing(path, max(3.4, 0.4 + 2.5 * len(tasks)), 5.6) as figure:
        grid = figure.subplots(2, len(tasks), squeeze=False)
        drawn = []
        for (score_axes, step_axes), task in zip(grid.T, tasks, strict=True):
            pairs = means[means["task"] == task]
            score_axes.set_title(task_title(task))
            scores = shown(task).factor * _both_ways(pairs, "best")
            drawn.append((score_axes, _points(scores)))
            steps = _both_ways(pairs, "learned_step_corrected")
            axis = StepAxis(steps.to_numpy().ravel().astype(int))
            places = pd.DataFrame(axis.places(steps), steps.index, steps.columns)
            drawn.append((step_axes, _points(places)))
            axis.draw(step_axes, label="learned step, a → b")
            axis.draw_upright(step_axes, label="learned step, b → a")
            score_axes.set_xlabel(f"{shown(task).score} a → b ({shown(task).unit})")
            score_axes.set_ylabel(f"b → a ({shown(task).unit})")
        for axes, points in drawn:
            _scatter(axes, points)
        figure.draw_without_rendering()
        for axes, points in drawn:
            _name_farthest(figure, axes, points)


def _both_ways(pairs: pd.DataFrame, column: str) -> pd.DataFrame:
    """The two numbers of the pairs that have both, by the pair's name."""
    known = pairs.set_index(pairs["a"] + "–" + pairs["b"])[[f"{column}_ab", f"{column}_ba"]]
    return known.dropna().set_axis(["there", "back"], axis=1)


def _points(numbers: pd.DataFrame) -> pd.DataFrame:
    """Distinct points, with how many pairs lie on each and what they are called."""
    named = numbers.rename_axis("pair").reset_index().groupby(["there", "back"])["pair"]
    rows = [
        (*place, len(pairs), pairs.iloc[0] + (f" + {len(pairs) - 1}" if len(pairs) > 1 else ""))
        for place, pairs in named
    ]
    return pd.DataFrame(rows, columns=["there", "back", "size", "label"])


def _scatter(axes: Axes, points: pd.DataFrame) -> None:
    axes.set_box_aspect(1)
    if points.empty:
        axes.set(xticks=[], yticks=[])
        axes.text(0.5, 0.5, "no pair both ways", transform=axes.transAxes, ha="center", va="center")
        return
    axes.grid()
    axes.axline((0, 0), slope=1, color=GREY, linewidth=0.8, zorder=1)
    axes.scatter(
        points["there"],
        points["back"],
        s=14 * np.sqrt(points["size"]),
        color=COLOURS[0],
        alpha=0.7,
        linewidths=0.4,
        edgecolors="white",
        zorder=3,
    )
    limits = [points[["there", "back"]].min().min(), points[["there", "back"]].max().max()]
    margin = 0.12 * (limits[1] - limits[0]) or 1.0
    axes.set_xlim(limits[0] - margin, limits[1] + margin)
    axes.set_ylim(limits[0] - margin, limits[1] + margin)


def _name_farthest(figure: Figure, axes: Axes, points: pd.DataFrame) -> None:
    """Name the points farthest from the diagonal; a name that would lie on another is left out.

    Above the diagonal names begin over their point, below it they end under it.
    """
    farthest = points.assign(apart=abs(points["back"] - points["there"])).query("apart > 0")
    farthest = farthest.sort_values("apart", ascending=False, kind="stable")
    named: list[tuple[float, float, float]] = []  # left, right and middle of each, in points
    for _, point in farthest.iterrows():
        side = 1 if point["back"] > point["there"] else -1
        place = axes.transData.transform((point["there"], point["back"])) * 72 / figure.dpi
        width = 0.62 * _SIZE * len(point["label"])
        left = place[0] - 3 if side > 0 else place[0] + 3 - width
        middle = place[1] + side * 8
        free = all(
            left > other_right or left + width < other_left or abs(middle - height) > 1.1 * _SIZE
            for other_left, other_right, height in named
        )
        if free and len(named) < _NAMED:
            named.append((left, left + width, middle))
            axes.annotate(
                point["label"],
                xy=(point["there"], point["back"]),
                xytext=(-3 * side, 8 * side),
                textcoords="offset points",
                size=_SIZE,
                ha="left" if side > 0 else "right",
                va="center",
                zorder=4,
            )
