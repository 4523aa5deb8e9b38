"""What matrices of source × target show: best score, learned step and forgetting."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from chronoglot.figures.languages import Languages, in_language_order
from chronoglot.figures.matrix import Matrix
from chronoglot.figures.steps import StepAxis, short_number
from chronoglot.figures.style import HEAT
from chronoglot.figures.units import shown


@dataclass(frozen=True)
class Measure:
    """A measure of transfer: `matrix` makes its cells from rows of one layer of the summary.

    `norm` is the colours' range over all cells that are to be compared; `ticks` are places and
    labels on the colour bar, None for matplotlib's own.
    """

    title: str
    unit: str
    colours: str
    matrix: Callable[[pd.DataFrame], Matrix]
    norm: Callable[[list[pd.DataFrame]], Normalize]
    ticks: tuple[list[float], list[str]] | None = None

    def bar(
        self, figure: Figure, axes: Axes | list[Axes], norm: Normalize, **place: object
    ) -> None:
        """Draw the colour bar."""
        bar = figure.colorbar(ScalarMappable(norm, self.colours), ax=axes, **place)  # type: ignore[arg-type]
        bar.outline.set_visible(False)
        bar.set_label(self.unit)
        bar.ax.tick_params(length=2)
        if self.ticks:
            bar.set_ticks(self.ticks[0], labels=self.ticks[1])
            bar.minorticks_off()


def measures(rows: pd.DataFrame, task: str, languages: Languages) -> list[Measure]:
    """The three, for curves of one task in `rows` of the summary (of any layers)."""
    unit = shown(task)
    axis = StepAxis(rows["learned_step_corrected"].dropna().astype(int))
    ticks = axis.ticks(3)

    def best(layer: pd.DataFrame) -> Matrix:
        values = unit.factor * _square(layer, "best", languages)
        return Matrix(values, _printed(values), values.notna())

    def learned(layer: pd.DataFrame) -> Matrix:
        steps = _square(layer, "learned_step_corrected", languages)
        names = steps.map(lambda step: "" if np.isnan(step) else short_number(step))
        places = np.where(steps.isna(), np.nan, axis.places(steps.fillna(1)))
        scored = _square(layer, "best", languages).notna()
        return Matrix(pd.DataFrame(places, steps.index, steps.columns), names, scored)

    def lost(layer: pd.DataFrame) -> Matrix:
        values = 100 * _square(layer, "forgetting_corrected", languages)
        return Matrix(values, _printed(values), _square(layer, "best", languages).notna())

    return [
        Measure("Best score", unit.label, HEAT, best, _range),
        Measure(
            "Learned step, corrected",
            "step",
            "YlGnBu",
            learned,
            _range,
            (list(axis.places(ticks)), [short_number(tick) for tick in ticks]),
        ),
        Measure("Forgetting, corrected", "%", "magma_r", lost, _from_zero),
    ]


def _square(rows: pd.DataFrame, column: str, languages: Languages) -> pd.DataFrame:
    """Sources × targets, in order: the mean over runs of one column.

    A language whose probes are scored on itself alone has no row.
    """
    sources = rows.loc[rows["source"] != rows["target"], "source"]
    table = rows.pivot_table(
        index="source", columns="target", values=column, aggfunc="mean", dropna=False
    )
    return table.reindex(
        index=in_language_order(sources, languages),
        columns=in_language_order(rows["target"], languages),
    ).astype(float)


def _printed(table: pd.DataFrame) -> pd.DataFrame:
    """What stands in the cells: the numbers, and nothing where there are none.

    More than the whole gain is lost where a score ends below step 0: how far says little, since
    such gains are small.
    """

    def printed(number: float) -> str:
        return "" if np.isnan(number) else ">100" if number > 100 else f"{number:.0f}"

    return table.map(printed)


def _range(tables: list[pd.DataFrame]) -> Normalize:
    known = _known(tables)
    return Normalize(float(known.min()), float(known.max())) if len(known) else Normalize(0, 1)


def _from_zero(tables: list[pd.DataFrame]) -> Normalize:
    """From 0 up to 100 % at most."""
    known = _known(tables)
    return Normalize(0, min(100.0, float(known.max())) or 1.0) if len(known) else Normalize(0, 1)


def _known(tables: list[pd.DataFrame]) -> np.ndarray:
    values = np.concatenate([table.to_numpy(np.float64).ravel() for table in tables])
    return values[~np.isnan(values)]
