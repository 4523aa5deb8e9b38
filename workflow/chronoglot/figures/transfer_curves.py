"""Transfer over steps: a line a source for each target, or the spread over targets."""

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from chronoglot.analysis.tidy import transfer
from chronoglot.figures.bands import curves_of_language_pairs, draw_curves, handles_of_curves
from chronoglot.figures.languages import Languages, in_language_order, language_name
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import FEW, INK, Look, drawing, line_looks, panels
from chronoglot.figures.units import shown

_OWN: Look = {"color": INK, "linewidth": 2.0}


def transfer_curves(
    scores: pd.DataFrame, task: str, languages: Languages, path: str | Path
) -> None:
    """Score of the best layer in `task` over steps.

    With up to 12 languages a panel a target, a line a source, the target's own line set apart; with
    more a panel a source: its targets in grey, their median and middle half.
    """
    scores = scores[scores["task"] == task]
    across = transfer(scores)
    sources = in_language_order(across["source"], languages)
    targets = in_language_order(across["target"], languages)
    table = curves_of_language_pairs(scores, shown(task).factor)
    few = len({*sources, *targets}) <= FEW
    shows = targets if few else sources
    axis = StepAxis(scores["step"])
    columns = min(len(shows), 3 if len(shows) <= 6 else 4 if len(shows) <= FEW else 6)
    rows = -(-len(shows) // columns)
    width, height = (max(9.7 / columns, 2.4), 1.9) if len(shows) <= FEW else (1.62, 1.3)
    with drawing(path, max(5.0, width * columns), 1.0 + height * rows) as figure:
        for axes, code in zip(panels(figure, len(shows), columns), shows, strict=True):
            if few:
                to_target = table[table.index.get_level_values("target") == code]
                _one_target(axes, axis, to_target.droplevel("target"), code, sources)
            else:
                from_source = table[table.index.get_level_values("source") == code]
                draw_curves(axes, axis, from_source.drop(index=(code, code), errors="ignore"))
            axes.set_title(f"{'to' if few else 'from'} {language_name(code, languages)}")
            axes.grid(axis="y")
            axis.draw(axes, fewest=2, label="")
        figure.supxlabel("step", size=8)
        figure.supylabel(f"{shown(task).score} of the best layer ({shown(task).unit})", size=8)
        handles: list[Any] = handles_of_curves("target", "targets")
        if few:
            handles = _source_handles(sources, languages)
        figure.legend(handles=handles, loc="outside upper center", ncols=min(6, len(handles)))


def _one_target(
    axes: Axes, axis: StepAxis, table: pd.DataFrame, target: str, sources: list[str]
) -> None:
    places = axis.places(table.columns)
    for source, look in line_looks(sources).items():
        if source in table.index and source != target:
            axes.plot(places, table.loc[source], **look | {"linewidth": 1.1})
    if target in table.index:
        axes.plot(places, table.loc[target], **_OWN)


def _source_handles(sources: list[str], languages: Languages) -> list[Line2D]:
    return [
        Line2D([], [], label="in-language", **_OWN),
        *(
            Line2D([], [], label=f"from {language_name(code, languages)}", **look)
            for code, look in line_looks(sources).items()
        ),
    ]
