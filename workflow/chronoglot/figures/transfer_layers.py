"""Transfer between languages in every layer: a matrix of source × target a layer, in one scale."""

from pathlib import Path

import numpy as np
import pandas as pd

from chronoglot.analysis.learning import BEST, LAST
from chronoglot.figures.languages import Languages
from chronoglot.figures.matrix import draw_matrix
from chronoglot.figures.measures import measures
from chronoglot.figures.style import FEW, drawing
from chronoglot.figures.units import task_title


def scores(summary: pd.DataFrame, task: str, languages: Languages, path: str | Path) -> None:
    """The best score of every source and target of `task`, a panel a layer."""
    _layers(summary, task, languages, path, 0)


def learned_steps(summary: pd.DataFrame, task: str, languages: Languages, path: str | Path) -> None:
    """The corrected learned step of every source and target of `task`, a panel a layer."""
    _layers(summary, task, languages, path, 1)


def forgetting(summary: pd.DataFrame, task: str, languages: Languages, path: str | Path) -> None:
    """The corrected forgetting of every source and target of `task`, a panel a layer."""
    _layers(summary, task, languages, path, 2)


def _layers(
    summary: pd.DataFrame, task: str, languages: Languages, path: str | Path, which: int
) -> None:
    rows = summary[(summary["task"] == task) & ~summary["layer"].isin([BEST, LAST])]
    measure = measures(rows, task, languages)[which]
    layers = sorted(rows["layer"].unique(), key=int)
    matrices = [measure.matrix(rows[rows["layer"] == layer]) for layer in layers]
    norm = measure.norm([matrix.values for matrix in matrices])
    sources, targets = matrices[0].values.shape
    columns = min(len(layers), 3 if targets <= FEW else 4)
    cell = min(0.36, 9.0 / columns / targets)
    panel_rows = -(-len(layers) // columns)
    height = (cell * sources + 0.55) * panel_rows + 0.6
    with drawing(path, (cell * targets + 0.3) * columns + 1.2, height) as figure:
        grid = figure.subplots(panel_rows, columns, squeeze=False).ravel()
        for number, (layer, matrix) in enumerate(zip(layers, matrices, strict=True)):
            axes = grid[number]
            draw_matrix(axes, matrix, norm, measure.colours, languages)
            axes.set_title(f"Layer {layer}")
            if targets <= FEW and number >= len(layers) - columns:
                axes.set_xticks(np.arange(targets) + 0.5, matrix.values.columns, size=7)
            if targets <= FEW and number % columns == 0:
                axes.set_yticks(np.arange(sources) + 0.5, matrix.values.index, size=7)
            axes.tick_params(length=0)
        for axes in grid[len(layers) :]:
            axes.set_visible(False)
        measure.bar(figure, list(grid), norm, aspect=60, pad=0.015, shrink=0.8)
        figure.suptitle(f"{task_title(task)}: {measure.title.lower()}", size=9, weight="bold")
        figure.supxlabel("target", size=8)
        figure.supylabel("source", size=8)
