"""Many curves in one panel: each as a thin line, their median and their middle half."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from chronoglot.analysis.learning import best_layers
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import COLOURS, GREY, Look

_EACH: Look = {"color": GREY, "linewidth": 0.5, "alpha": 0.4}


def curves_of_language_pairs(scores: pd.DataFrame, factor: float) -> pd.DataFrame:
    """Scores of the best layers times a factor, [source and target, steps]: the mean over runs."""
    best = best_layers(scores).groupby(["source", "target", "step"], as_index=False)["score"].mean()
    return factor * best.pivot(index=["source", "target"], columns="step", values="score")


def draw_curves(axes: Axes, axis: StepAxis, table: pd.DataFrame) -> None:
    """Draw the curves of `table` [curves, steps] and their spread."""
    axes.plot(axis.places(table.columns), table.T, **_EACH)
    draw_band(axes, axis, table, {"color": COLOURS[0], "linewidth": 2})


def draw_band(axes: Axes, axis: StepAxis, table: pd.DataFrame, look: Look) -> None:
    """Draw the median of `table` [curves, steps] in a look, and the quartiles around it."""
    table = table.dropna(axis="columns", how="all")
    places = axis.places(table.columns)
    low, middle, high = np.nanquantile(table.to_numpy(float), [0.25, 0.5, 0.75], axis=0)
    axes.fill_between(places, low, high, color=look["color"], alpha=0.25, linewidth=0)
    axes.plot(places, middle, **look)


def handles_of_curves(one: str, all_of_them: str) -> list[Line2D | Patch]:
    """Legend of `draw_curves`: what one curve is, and what they are together."""
    return [
        Line2D([], [], color=COLOURS[0], linewidth=2, label=f"median {one}"),
        Patch(facecolor=COLOURS[0], alpha=0.25, label=f"middle half of the {all_of_them}"),
        Line2D([], [], label=f"a {one}", **_EACH | {"alpha": 0.7}),
    ]
