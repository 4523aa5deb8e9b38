"""The figures of an experiment by name, and how each is drawn from the tables.

Imported while the Snakefile is parsed: matplotlib only when a figure is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from chronoglot.figures.style import Languages

_BY_LANGUAGE = "layers_by_language_"


@dataclass(frozen=True)
class Tables:
    """The tables that figures are drawn from."""

    scores: "pd.DataFrame"
    summary: "pd.DataFrame"
    losses: "pd.DataFrame"


def figure_names(tasks: Sequence[str]) -> list[str]:
    """Names of all figures, in the report's order."""
    by_language = [f"{_BY_LANGUAGE}{task}" for task in tasks]
    return ["curves", "learned", "layers", "curves_by_language", *by_language, "losses"]


def draw(name: str, tables: Tables, languages: "Languages", path: Path) -> None:
    """Draw one figure as PNG at `path` and as PDF beside it."""
    from chronoglot.figures.curves import curves_by_language, curves_by_task
    from chronoglot.figures.layers import layers, layers_by_language
    from chronoglot.figures.learned import learned
    from chronoglot.figures.losses import losses

    if name.startswith(_BY_LANGUAGE):
        layers_by_language(tables.scores, name.removeprefix(_BY_LANGUAGE), languages, path)
        return
    match name:
        case "curves":
            curves_by_task(tables.scores, tables.summary, languages, path)
        case "curves_by_language":
            curves_by_language(tables.scores, tables.summary, languages, path)
        case "learned":
            learned(tables.summary, languages, path)
        case "layers":
            layers(tables.scores, path)
        case "losses":
            losses(tables.losses, languages, path)
        case _:
            raise ValueError(f"no figure is called {name}")
