"""Where in the model a task is solved best, over steps, and how far the last layer falls behind."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill

import pandas as pd
from matplotlib.lines import Line2D

from chronoglot.analysis.tidy import in_language, transfer
from chronoglot.figures.bands import draw_band
from chronoglot.figures.languages import Languages
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import INK, Look, drawing, panels
from chronoglot.figures.units import OF_LANGUAGE_PAIRS, in_task_order, shown, task_title

_IN_LANGUAGE, _ACROSS, _OF_PAIRS = "in-language", "across languages", "pairs of languages"
_LOOKS: dict[str, Look] = {  # blue is darker than orange in grey, too
    _IN_LANGUAGE: {"color": "#0072B2", "linewidth": 1.6},
    _ACROSS: {"color": "#E69F00", "linewidth": 1.6},
    _OF_PAIRS: {"color": "#8A8A8A", "linewidth": 1.6},
}
_LAST: Look = {"linestyle": (0, (3, 1.2)), "linewidth": 1.2}
_NUMBERS = {"best_layer": "best layer", "centre_of_mass": "centre of mass (layer)"}


def _settings(movement: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows in-language, across languages and of pairs; only what there is."""
    settings = {
        _IN_LANGUAGE: in_language(movement),
        _ACROSS: transfer(movement),
        _OF_PAIRS: movement[movement["task"].isin(OF_LANGUAGE_PAIRS)],
    }
    return {name: rows for name, rows in settings.items() if len(rows)}


def movement(movement: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """A column a task: best layer (above) and centre of mass (below), medians and quartiles."""
    tasks = in_task_order(movement["task"])
    settings = _settings(movement)
    axis = StepAxis(movement["step"])
    top = movement[list(_NUMBERS)].max().max()
    with drawing(path, 0.7 + 2.0 * max(2, len(tasks)), 4.6) as figure:
        grid = figure.subplots(2, len(tasks), squeeze=False, sharex=True, sharey=True)
        for (column, label), row in zip(_NUMBERS.items(), grid, strict=True):
            for axes, task in zip(row, tasks, strict=True):
                for name, rows in settings.items():
                    curves = rows[rows["task"] == task]
                    if curves[column].notna().any():
                        keys = ["run", "source", "target", "step"]
                        table = curves.set_index(keys)[column].astype(float).unstack("step")
                        draw_band(axes, axis, table, _LOOKS[name])
                axes.grid(axis="y")
                axis.draw(axes, fewest=2)
            row[0].set_ylabel(label)
        grid[0, 0].set_ylim(-0.03 * top, 1.05 * top or 1)
        grid[0, 0].yaxis.get_major_locator().set_params(integer=True)
        for axes, task in zip(grid[0], tasks, strict=True):
            axes.set_title(fill(task_title(task), 18))
        figure.legend(handles=_lines(settings), loc="outside lower center", ncols=3)


def last_layer(movement: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """A panel a task: mean score of the best layer (full) and of the last one (dashed)."""
    tasks = in_task_order(movement["task"])
    settings = _settings(movement)
    axis = StepAxis(movement["step"])
    columns = min(3, len(tasks))
    rows_of_panels = -(-len(tasks) // columns)
    with drawing(path, max(4.2, 0.4 + 3.1 * columns), 0.7 + 2.3 * rows_of_panels) as figure:
        grid = panels(figure, len(tasks), columns, sharey=False)
        for axes, task in zip(grid, tasks, strict=True):
            for name, rows in settings.items():
                curves = rows[rows["task"] == task]
                means = shown(task).factor * curves.groupby("step")[["best", "last"]].mean()
                places = axis.places(means.index)
                colour = _LOOKS[name]["color"]
                axes.fill_between(
                    places, means["last"], means["best"], color=colour, alpha=0.2, linewidth=0
                )
                axes.plot(places, means["best"], **_LOOKS[name])
                axes.plot(places, means["last"], **_LOOKS[name] | _LAST)
            axes.set_title(task_title(task))
            axes.set_ylabel(shown(task).label)
            axes.grid(axis="y")
            axis.draw(axes)
        handles = [
            *_lines(settings),
            Line2D([], [], color=INK, label="best layer"),
            Line2D([], [], color=INK, label="last layer", **_LAST),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))


def _lines(settings: Iterable[str]) -> list[Line2D]:
    return [Line2D([], [], label=name, **_LOOKS[name]) for name in settings]
