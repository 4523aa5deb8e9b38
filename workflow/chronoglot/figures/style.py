"""The look that all figures share, and how they are saved: the same tables give the same bytes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from chronoglot.runtime.files import whole

Look = dict[str, Any]
"""Keywords of a matplotlib artist."""

FEW = 12
"""Up to so many languages share one panel, a line each; more get a panel each."""

# Okabe and Ito's colours, safe for colour-blind readers, without yellow (too pale on white).
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES: tuple[str | tuple[int, tuple[float, ...]], ...] = ("-", (0, (4, 1.2)))
GREY, PALE = "#777777", "#CFCFCF"
INK = "#222222"
HEAT = "viridis"

LOOK = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "text.color": INK,
    "pdf.fonttype": 42,  # text stays text in the PDF
}


@contextmanager
def drawing(path: str | Path, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure of `width` by `height` inches; write it to `path`, a PNG, and a PDF beside it.

    Nothing of the user's matplotlib settings shows, and no date goes into the files.
    """
    path = Path(path)
    with matplotlib.style.context(["default", LOOK]):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with whole(path) as temporary:
            figure.savefig(temporary, format="png", dpi=200, metadata={"Software": None})
        figure.set_layout_engine("none")  # the PDF in the layout of the PNG
        with whole(path.with_suffix(".pdf")) as temporary:
            figure.savefig(temporary, format="pdf", dpi=300, metadata={"CreationDate": None})


def line_looks(keys: Sequence[str]) -> dict[str, Look]:
    """A colour and a dash for each key, alike only after 12."""
    looks: list[Look] = [
        {"color": colour, "linestyle": dash} for dash in DASHES for colour in COLOURS
    ]
    return dict(zip(keys, islice(cycle(looks), len(keys)), strict=True))


def readable_on(colours: str, norm: Normalize, value: float) -> str:
    """The colour of a text on a cell of that value in a colour map: white where it is dark."""
    red, green, blue, _ = colormaps[colours](norm(value))
    return "white" if 0.299 * red + 0.587 * green + 0.114 * blue < 0.5 else INK


def panels(figure: Figure, number: int, columns: int, sharey: bool = True) -> list[Axes]:
    """`number` panels in rows of `columns`, sharing the axes; the step axis below each column."""
    columns = min(columns, number)
    rows = -(-number // columns)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=sharey).ravel()
    for axes in grid[number:]:
        axes.set_visible(False)
    for axes in grid[max(0, number - columns) : number]:
        axes.tick_params(labelbottom=True)
    return list(grid[:number])


def spread(
    positions: ArrayLike, gap: float, low: float = -np.inf, high: float = np.inf
) -> NDArray[np.float64]:
    """The places nearest to `positions` [n] (least squares), `gap` apart, from `low` to `high`.

    If the range is too short for all, they start at `low` and go beyond `high`.
    """
    positions = np.asarray(positions, np.float64)
    order = np.argsort(positions, kind="stable")
    offsets = gap * np.arange(len(positions))
    free = isotonic_regression(positions[order] - offsets).x
    spaced = np.empty_like(positions)
    spaced[order] = np.maximum(np.minimum(free, high - offsets[-1]), low) + offsets
    return spaced


def label_ends(
    figure: Figure,
    axes: Axes,
    x: float,
    ends: Mapping[str, float],
    looks: Mapping[str, Look],
) -> None:
    """Write each key at its line's end, right of the panel, in the line's colour.

    The labels are moved apart to be legible; the figure must have been laid out and the axes'
    limits be final.
    """
    bottom, top = axes.get_ylim()
    height = axes.get_window_extent().height * 72 / figure.dpi
    size = 6.5
    scale = (top - bottom) / height  # data units a point
    places = spread(list(ends.values()), 1.15 * size * scale, bottom, top)
    for (key, end), place in zip(ends.items(), places, strict=True):
        colour = looks[key]["color"]
        axes.annotate(
            key,
            xy=(x, end),
            xytext=(16, (place - end) / scale),
            textcoords="offset points",
            color=colour,
            size=size,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "lw": 0.4,
                "alpha": 0.7,
                "shrinkA": 1,
                "shrinkB": 2,
                "relpos": (0, 0.5),
            },
        )
