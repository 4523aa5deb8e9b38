"""Word alignment: F1 over steps of each pair of languages, and by layer."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from chronoglot.figures.bands import curves_of_language_pairs, draw_curves, handles_of_curves
from chronoglot.figures.languages import Languages, in_language_order, language_name
from chronoglot.figures.layers import layer_by_step, own_colours
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import FEW, drawing, label_ends, line_looks
from chronoglot.figures.units import OF_LANGUAGE_PAIRS


def alignment(scores: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """Left the best layer's F1 over steps, a line a pair of languages; right F1 by layer and step.

    More than 12 pairs are thin lines behind their median and middle half.
    """
    scores = scores[scores["task"].isin(OF_LANGUAGE_PAIRS)]
    table = curves_of_language_pairs(scores, 100)
    axis = StepAxis(scores["step"])
    with drawing(path, 8.6, 3.6) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[1, 1.1])
        own_colours(right, axis, layer_by_step(scores))
        right.set_title("Mean over pairs")
        right.set_ylabel("layer (0: embeddings)")
        left.set_title("Best layer")
        left.set_ylabel("F1 of the best layer (%)")
        left.grid(axis="y")
        axis.draw(left)
        if len(table) > FEW:
            draw_curves(left, axis, table)
            figure.legend(
                handles=handles_of_curves("pair", "pairs"), loc="outside lower center", ncols=3
            )
        else:
            _a_line_a_pair(figure, left, axis, table, languages)


def _a_line_a_pair(
    figure: Figure, axes: Axes, axis: StepAxis, table: pd.DataFrame, languages: Languages
) -> None:
    for level in ("target", "source"):
        order = in_language_order(table.index.get_level_values(level), languages)
        table = table.reindex(order, level=level)
    pairs = [(str(source), str(target)) for source, target in table.index.to_list()]
    looks = line_looks(["–".join(pair) for pair in pairs])
    for pair, curve, look in zip(pairs, table.to_numpy(), looks.values(), strict=True):
        name = "–".join(language_name(code, languages) for code in pair)
        axes.plot(axis.places(table.columns), curve, label=name, **look)
    figure.legend(loc="outside lower center", ncols=min(4, len(table)))
    figure.draw_without_rendering()
    ends = dict(zip(looks, table[table.columns[-1]], strict=True))
    label_ends(figure, axes, axis.right, ends, looks)
