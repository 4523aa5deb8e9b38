"""The figures of an experiment by name, the tables each is drawn from, and how it is drawn.

Imported while the Snakefile is parsed: pandas and matplotlib only when a figure is drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from chronoglot.figures.entries import ENTRIES, Entry
from chronoglot.figures.units import OF_LANGUAGE_PAIRS, WITHOUT_LAYERS, in_task_order, task_title
from chronoglot.runtime.errors import UserError, nearest
from chronoglot.tasks import task_names

if TYPE_CHECKING:
    import pandas as pd

    from chronoglot.figures.languages import Languages


@dataclass(frozen=True)
class Tables:
    """The tables in a folder, `<name>.parquet` each; one is read when it is first asked for."""

    folder: Path

    def _read(self, name: str) -> "pd.DataFrame":
        from chronoglot.analysis.tidy import read_table

        return read_table(self.folder / f"{name}.parquet")

    @cached_property
    def scores(self) -> "pd.DataFrame":
        """Score of every run, step, layer, task, source and target."""
        return self._read("scores")

    @cached_property
    def summary(self) -> "pd.DataFrame":
        """Best, final, learned step and forgetting of every curve over steps."""
        return self._read("summary")

    @cached_property
    def losses(self) -> "pd.DataFrame":
        """Pretraining losses."""
        return self._read("losses")

    @cached_property
    def movement(self) -> "pd.DataFrame":
        """Best layer and centre of mass at every step."""
        return self._read("movement")

    @cached_property
    def asymmetry(self) -> "pd.DataFrame":
        """Both directions of every pair of languages."""
        return self._read("asymmetry")

    @cached_property
    def best_sources(self) -> "pd.DataFrame":
        """Best source of every target."""
        return self._read("best_sources")

    @cached_property
    def languages(self) -> "pd.DataFrame":
        """Text size and fertility of every language."""
        return self._read("languages")

    @cached_property
    def language_pairs(self) -> "pd.DataFrame":
        """Overlap and distances of every pair of languages."""
        return self._read("language_pairs")

    @cached_property
    def correlates(self) -> "pd.DataFrame":
        """Rank correlations of what was measured with properties of the languages."""
        return self._read("correlates")


def figure_names(
    tasks: Sequence[str], transfer_tasks: Sequence[str], *, pretrained: bool = True
) -> list[str]:
    """Names of all figures of an experiment, in the report's order.

    `tasks` are all its tasks, `transfer_tasks` those with a probe that is scored on another
    language than its source; `pretrained`: the run was pretrained here.
    """
    of_one_language = [task for task in tasks if task not in OF_LANGUAGE_PAIRS]
    shown = {
        "experiment": list(tasks),
        "in-language": of_one_language,
        "probes": [task for task in of_one_language if task not in WITHOUT_LAYERS],
        "layers": [task for task in tasks if task not in WITHOUT_LAYERS],
        "pairs": [task for task in tasks if task in OF_LANGUAGE_PAIRS],
        "transfer": list(transfer_tasks),
        "pretraining": ["losses"] if pretrained else [],
    }
    names = []
    for entry in ENTRIES:
        if entry.a_task:
            names += [entry.name.format(task=task) for task in in_task_order(shown[entry.shows])]
        elif shown[entry.shows]:
            names.append(entry.name)
    return names


def _find(name: str) -> tuple[Entry, str | None]:
    """The entry of a figure, and the task in its name, if any; the longest name that fits."""
    for entry in sorted(ENTRIES, key=lambda entry: -len(entry.name)):
        task = name.removeprefix(entry.stem)
        if entry.a_task and name.startswith(entry.stem) and task in task_names():
            return entry, task
        if name == entry.name:
            return entry, None
    raise UserError(f"no figure is called {name!r}{nearest(name, [e.name for e in ENTRIES])}")


def figure_tables(name: str) -> list[str]:
    """Names of the tables that a figure is drawn from."""
    return list(_find(name)[0].tables)


def placed(name: str) -> tuple[str, str]:
    """The section of the report that a figure stands in, and its caption."""
    try:
        entry, task = _find(name)
    except UserError:
        return "more", name.replace("_", " ").capitalize() + "."
    return entry.section, entry.caption.format(task=task_title(task) if task else "")


def group(name: str) -> str:
    """The task that a figure shows, as it is titled; or that it shows them all."""
    task = _find(name)[1]
    return task_title(task) if task else "All tasks"


def draw(name: str, tables: Tables, languages: "Languages", path: Path) -> None:
    """Draw one figure as PNG at `path` and as PDF beside it."""
    entry, task = _find(name)
    module, function = entry.draw.split(".")
    given = [getattr(tables, table) for table in entry.tables]
    draws = getattr(import_module(f"chronoglot.figures.{module}"), function)
    draws(*given, *([task] if task else []), languages, path)
