"""The figures by name: which ones an experiment has, and how to draw one."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from chronoglot.errors import UserError
from chronoglot.figures.curves import curves_by_language, curves_by_task
from chronoglot.figures.layers import layers, layers_by_language
from chronoglot.figures.learned import learned
from chronoglot.figures.losses import losses as draw_losses
from chronoglot.figures.style import Languages, in_task_order

_BY_LANGUAGE = "layers_by_language_"


def figure_names(tasks: Iterable[str]) -> list[str]:
    """Names of all figures of an experiment with these tasks, in the order of the report."""
    heat_maps = [f"{_BY_LANGUAGE}{task}" for task in in_task_order(tasks)]
    return ["curves", "curves_by_language", "learned", "layers", *heat_maps, "losses"]


def draw(
    figure: str,
    scores: pd.DataFrame,
    summary: pd.DataFrame,
    losses: pd.DataFrame,
    languages: Languages,
    path: str | Path,
) -> None:
    """Draw the figure of this name: a PNG at `path` and a PDF beside it.

    Raises UserError if there is no such figure.
    """
    match figure:
        case "curves":
            curves_by_task(scores, summary, languages, path)
        case "curves_by_language":
            curves_by_language(scores, summary, languages, path)
        case "learned":
            learned(summary, languages, path)
        case "layers":
            layers(scores, path)
        case "losses":
            draw_losses(losses, languages, path)
        case _:
            known = figure_names(scores["task"])
            if figure not in known:
                raise UserError(f"no figure is called {figure}; there are {', '.join(known)}")
            layers_by_language(scores, figure.removeprefix(_BY_LANGUAGE), languages, path)
