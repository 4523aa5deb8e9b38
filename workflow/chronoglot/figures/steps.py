"""The step axis: logarithmic, with step 0 set apart on the left of the first step."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes
from matplotlib.path import Path as Outline
from numpy.typing import ArrayLike, NDArray

from chronoglot.figures.style import GREY, Look

_MANTISSAS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9))


def short_number(value: float) -> str:
    """1500 → "1.5k", 2000000 → "2M"."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


class StepAxis:
    """Places for the steps of a run: log10 of the step, and one place left of all for step 0."""

    def __init__(self, steps: Iterable[int]) -> None:
        known = np.unique(np.fromiter(steps, np.int64))
        self.has_zero = bool(len(known)) and known[0] == 0
        positive = known[known > 0]
        self.first: int = int(positive[0]) if len(positive) else 1
        self.last: int = int(positive[-1]) if len(positive) else 1
        self.span = float(np.log10(self.last / self.first)) or 1.0
        self.left, self.right = float(np.log10(self.first)), float(np.log10(self.last))
        self.margin = 0.045 * self.span
        self.zero = self.left - 0.13 * self.span

    def places(self, steps: ArrayLike) -> NDArray[np.float64]:
        """Where the steps lie on the axis."""
        steps = np.asarray(steps, np.float64)
        return np.where(steps > 0, np.log10(np.maximum(steps, 1)), self.zero)

    def edges(self, steps: ArrayLike) -> NDArray[np.float64]:
        """Borders of cells around sorted steps above 0, [n] → [n + 1]: halfway between places.

        The outermost borders stay within the axis; step 0's cell is `zero` ± `margin`.
        """
        places = self.places(steps)
        middles = (places[1:] + places[:-1]) / 2
        half = np.full(2, self.margin)
        if len(middles):
            half = np.minimum(half, [middles[0] - places[0], places[-1] - middles[-1]])
        return np.concatenate([[places[0] - half[0]], middles, [places[-1] + half[1]]])

    def ticks(self, fewest: int) -> list[float]:
        """Round steps between the first and the last: at least `fewest`, where there are."""
        exponents = range(int(np.log10(self.first)) - 1, int(np.log10(self.last)) + 2)
        for mantissas in _MANTISSAS:
            candidates = [m * 10.0**e for e in exponents for m in mantissas]
            ticks = [t for t in candidates if self.first <= t <= self.last]
            if len(ticks) >= fewest:
                return ticks
        return [float(step) for step in dict.fromkeys((self.first, self.last))]

    def draw(self, axes: Axes, fewest: int = 3, label: str = "step") -> None:
        """Make the panel's x axis this one; labelled where its ticks are."""
        ticks = self.ticks(fewest)
        places, names = list(np.log10(ticks)), [short_number(tick) for tick in ticks]
        left = self.zero if self.has_zero else self.left
        axes.set_xlim(left - self.margin, self.right + self.margin)
        if self.has_zero:
            places, names = [self.zero, *places], ["0", *names]
            _mark_break(axes, (self.zero + self.left) / 2)
        axes.set_xticks(places, names)
        if axes.xaxis.get_tick_params()["labelbottom"]:
            axes.set_xlabel(label)

    def draw_upright(self, axes: Axes, fewest: int = 3, label: str = "step") -> None:
        """Make the panel's y axis this one, for steps above 0."""
        ticks = self.ticks(fewest)
        axes.set_ylim(self.left - self.margin, self.right + self.margin)
        axes.set_yticks(list(np.log10(ticks)), [short_number(tick) for tick in ticks])
        axes.set_ylabel(label)


def _mark_break(axes: Axes, place: float) -> None:
    """Two strokes across the axis line where it is not to scale."""
    transform = axes.get_xaxis_transform()
    strokes = Outline([(-1, -1.6), (0, 1.6), (0, -1.6), (1, 1.6)], [1, 2, 1, 2])
    style: Look = {"transform": transform, "clip_on": False, "zorder": 5, "linestyle": "none"}
    axes.plot([place], [0], marker="s", markersize=3.2, color="white", **style)
    axes.plot([place], [0], marker=strokes, markersize=6, markeredgewidth=0.7, color=GREY, **style)
