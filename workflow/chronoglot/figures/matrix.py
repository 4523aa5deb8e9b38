"""A source × target matrix: languages by family, the diagonal set apart, best sources marked."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation
from numpy.typing import NDArray

from chronoglot.figures.languages import Languages, families
from chronoglot.figures.style import FEW, GREY, INK, Look, readable_on

UNSCORED: Look = {"facecolor": "#E6E6E6", "edgecolor": "none"}
NEVER: Look = {"facecolor": "white", "edgecolor": "#A8A8A8", "linewidth": 0.0, "hatch": "//////"}
OWN: Look = {"facecolor": "none", "edgecolor": INK}
BEST_SOURCE: Look = {
    "linestyle": "none",
    "marker": "o",
    "color": "white",
    "markeredgecolor": INK,
    "markeredgewidth": 0.5,
}
_BRACKET: Look = {"color": GREY, "linewidth": 0.8, "clip_on": False, "solid_capstyle": "butt"}
_FAMILY: Look = {"size": 5.5, "color": GREY}


@dataclass(frozen=True)
class Matrix:
    """One number for each source (rows) and target (columns).

    `values` are coloured, NaN where there is no number; `printed` stands in the cells where there
    are few languages; `scored` tells what was measured without a number (hatched) from what was
    not measured (grey).
    """

    values: pd.DataFrame
    printed: pd.DataFrame
    scored: pd.DataFrame


def draw_matrix(
    axes: Axes, matrix: Matrix, norm: Normalize, colours: str, languages: Languages
) -> None:
    """Draw the cells, white lines between families, and frames around the in-language cells."""
    values = matrix.values.to_numpy(np.float64)
    sources, targets = list(matrix.values.index), list(matrix.values.columns)
    few = len(targets) <= FEW
    axes.set_facecolor(UNSCORED["facecolor"])
    axes.pcolormesh(np.ma.masked_invalid(values), norm=norm, cmap=colours, rasterized=True)
    for row, column in np.argwhere(matrix.scored.to_numpy(bool) & np.isnan(values)):
        axes.add_patch(Rectangle((column, row), 1, 1, **NEVER))
    for codes, line in ((sources, axes.axhline), (targets, axes.axvline)):
        for _, start, _ in families(codes, languages)[1:]:
            line(start, color="white", linewidth=1.5 if few else 0.5)
    inset = 0.04 if few else 0.0
    for row, code in enumerate(sources):
        if code in targets:
            corner = (targets.index(code) + inset, row + inset)
            width = 1.1 if few else 0.5
            axes.add_patch(Rectangle(corner, 1 - 2 * inset, 1 - 2 * inset, **OWN, linewidth=width))
    if few:
        _print_cells(axes, values, matrix.printed.to_numpy(), norm, colours)
    axes.set_aspect("equal")
    axes.set_xlim(0, len(targets))
    axes.set_ylim(len(sources), 0)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])


def _print_cells(
    axes: Axes,
    values: NDArray[np.float64],
    printed: NDArray[np.object_],
    norm: Normalize,
    colours: str,
) -> None:
    for (row, column), text in np.ndenumerate(printed):
        colour = readable_on(colours, norm, float(values[row, column]))
        axes.text(column + 0.5, row + 0.52, text, ha="center", va="center", size=6, color=colour)


def mark_best_sources(axes: Axes, matrix: Matrix, best: dict[str, str]) -> None:
    """A dot on the best source (value) of each target (key): in a corner if cells hold numbers."""
    sources, targets = list(matrix.values.index), list(matrix.values.columns)
    few = len(targets) <= FEW
    known = [(target, source) for target, source in best.items() if source in sources]
    beside, size = (0.84, 3.0) if few else (0.5, 2.2)
    axes.plot(
        [targets.index(target) + beside for target, _ in known],
        [sources.index(source) + 1 - beside for _, source in known],
        markersize=size,
        **BEST_SOURCE,
    )


def name_languages(axes: Axes, matrix: Matrix, languages: Languages, *, rows: bool = True) -> None:
    """Codes below the columns and left of the rows; beyond them, each family with a bracket."""
    sources, targets = list(matrix.values.index), list(matrix.values.columns)
    few = len(targets) <= FEW
    size = 7.0 if few else 5.0
    axes.tick_params(length=0, pad=2)
    axes.set_xticks(np.arange(len(targets)) + 0.5, targets, size=size, rotation=0 if few else 90)
    codes = size + 5 if few else 0.7 * size * max(map(len, targets)) + 5
    below = axes.get_xaxis_transform() + _shift(axes, 0, -codes)
    look = _FAMILY | {"transform": below, "rotation": 90, "ha": "center", "va": "top"}
    for family, first, end in families(targets, languages):
        if family:
            axes.plot([first + 0.1, end - 0.1], [0, 0], transform=below, **_BRACKET)
            axes.text((first + end) / 2, 0, f"{family} ", **look)
    axes.set_xlabel("target", labelpad=room(targets, languages))
    if not rows:
        return
    axes.set_yticks(np.arange(len(sources)) + 0.5, sources, size=size)
    codes = 0.7 * size * max(map(len, sources)) + 5
    left = axes.get_yaxis_transform() + _shift(axes, -codes, 0)
    look = _FAMILY | {"transform": left, "ha": "right", "va": "center"}
    for family, first, end in families(sources, languages):
        if family:
            axes.plot([0, 0], [first + 0.1, end - 0.1], transform=left, **_BRACKET)
            axes.text(0, (first + end) / 2, f"{family} ", **look)
    axes.set_ylabel("source", labelpad=room(sources, languages))


def room(codes: Sequence[str], languages: Languages) -> float:
    """Points that brackets and names of families take."""
    longest = max(len(family) for family, _, _ in families(codes, languages))
    return 6 + 0.52 * _FAMILY["size"] * longest


def _shift(axes: Axes, right: float, up: float) -> ScaledTranslation:
    """A move by so many points."""
    figure = axes.get_figure(root=True)
    assert figure is not None
    return ScaledTranslation(right / 72, up / 72, figure.dpi_scale_trans)
