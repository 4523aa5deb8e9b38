"""Heat maps of layer by step: the mean over languages, and one task language by language."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from chronoglot.analysis.tidy import in_language, transfer
from chronoglot.figures.languages import Languages, in_language_order, language_name
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import FEW, HEAT, INK, Look, drawing, panels
from chronoglot.figures.units import WITHOUT_LAYERS, in_task_order, shown, task_title


def layer_by_step(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy in per cent, [layers, steps]."""
    means = scores.astype({"layer": int}).groupby(["layer", "step"])["score"].mean()
    return 100 * means.unstack("step")


def heat_map(axes: Axes, axis: StepAxis, table: pd.DataFrame, norm: Normalize, dot: float) -> None:
    """Cells of one panel, step 0 apart, a dot on the best layer of each step."""
    layers = table.index.to_numpy()
    borders = np.append(layers - 0.5, layers[-1] + 0.5)
    untrained, trained = table.filter([0]), table.drop(columns=0, errors="ignore")
    look: Look = {"norm": norm, "cmap": HEAT, "rasterized": True}
    if len(untrained.columns):
        axes.pcolormesh(
            [axis.zero - axis.margin, axis.zero + axis.margin], borders, untrained, **look
        )
    if len(trained.columns):
        axes.pcolormesh(axis.edges(trained.columns), borders, trained, **look)
    axes.plot(
        axis.places(table.columns),
        table.idxmax(),
        linestyle="none",
        marker="o",
        markersize=dot,
        color="white",
        markeredgecolor=INK,
        markeredgewidth=0.5,
    )
    axes.spines[:].set_visible(False)
    axes.set_yticks([layer for layer in layers if layer % max(1, -(-len(layers) // 7)) == 0])


def range_of(tables: list[pd.DataFrame]) -> Normalize:
    """Colours from the lowest to the highest number of all tables."""
    return Normalize(
        float(min(table.min().min() for table in tables)),
        float(max(table.max().max() for table in tables)),
    )


def layers(scores: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """A panel a task: in-language accuracy by layer and step, the mean over languages.

    Each panel has its own colours; a dot marks the best layer of each step.
    """
    _panel_a_task(in_language(scores), path)


def layers_across(scores: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """The same of transfer: the mean over all pairs of two languages."""
    _panel_a_task(transfer(scores), path)


def _panel_a_task(scores: pd.DataFrame, path: str | Path) -> None:
    scores = scores[~scores["task"].isin(WITHOUT_LAYERS)]
    tasks = in_task_order(scores["task"])
    axis = StepAxis(scores["step"])
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    height = 1.2 + 0.11 * scores["layer"].max()
    with drawing(path, 0.4 + 3.1 * columns, 0.3 + height * rows) as figure:
        grid = panels(figure, len(tasks), columns)
        for axes, task in zip(grid, tasks, strict=True):
            table = layer_by_step(scores[scores["task"] == task])
            own_colours(axes, axis, table)
            axes.set_title(task_title(task))
        for axes in grid[::columns]:
            axes.set_ylabel("layer (0: embeddings)")


def own_colours(axes: Axes, axis: StepAxis, table: pd.DataFrame) -> None:
    """A heat map with a colour bar of its own, in per cent."""
    norm = range_of([table])
    heat_map(axes, axis, table, norm, dot=3 if table.shape[1] <= 20 else 2)
    figure = axes.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(ScalarMappable(norm, HEAT), ax=axes, aspect=18, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.set_title("%", size=7, loc="left", weight="normal")
    axis.draw(axes)


def layers_by_language(
    scores: pd.DataFrame, task: str, languages: Languages, path: str | Path
) -> None:
    """A panel a language: in-language accuracy in `task` by layer and step, all in one scale."""
    scores = in_language(scores[scores["task"] == task])
    codes = in_language_order(scores["target"], languages)
    axis = StepAxis(scores["step"])
    tables = [layer_by_step(scores[scores["target"] == code]) for code in codes]
    norm = range_of(tables)
    columns = 3 if len(codes) <= 6 else 4 if len(codes) <= FEW else 6
    width, dot = (9.7 / columns, 2.5) if len(codes) <= FEW else (1.62, 1.6)
    height = 0.9 + 0.06 * scores["layer"].max() * (1.5 if len(codes) <= FEW else 0.6)
    rows = -(-len(codes) // columns)
    with drawing(path, width * columns, 0.6 + height * rows) as figure:
        grid = panels(figure, len(codes), columns)
        for axes, code, table in zip(grid, codes, tables, strict=True):
            heat_map(axes, axis, table, norm, dot)
            axes.set_title(language_name(code, languages))
            axis.draw(axes, fewest=2, label="")
        bar = figure.colorbar(ScalarMappable(norm, HEAT), ax=grid, aspect=40, pad=0.015, shrink=0.8)
        bar.outline.set_visible(False)
        bar.set_label(f"{task_title(task)}: {shown(task).label}")
        figure.supxlabel("step", size=8)
        figure.supylabel("layer (0: embeddings)", size=8)
