"""The tasks as a reader meets them: their names, their order and the units of their scores."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A task's title, the name of its score, and its unit: per cent, or the score as it is."""

    title: str
    score: str = "accuracy"
    unit: str = "%"

    @property
    def factor(self) -> float:
        """Score as tables have it × factor = score as shown."""
        return 100.0 if self.unit == "%" else 1.0

    @property
    def label(self) -> str:
        """Axis label: the score with its unit."""
        return f"{self.score} ({self.unit})" if self.unit == "%" else self.score


_TASKS = {
    "bpc": Shown("Bits per character", "bits per character", "bits"),
    "pos": Shown("Part of speech"),
    "arc_prediction": Shown("Arc prediction"),
    "arc_classification": Shown("Arc classification"),
    "xnli": Shown("Natural language inference"),
    "alignment": Shown("Word alignment", "F1"),
}

WITHOUT_LAYERS = frozenset({"bpc"})
"""Tasks that score the whole model."""

OF_LANGUAGE_PAIRS = frozenset({"alignment"})
"""Tasks whose source and target are the two languages of one data set: no probe, no transfer."""


def shown(task: str) -> Shown:
    """How a task is shown; an accuracy if it is not known here."""
    return _TASKS.get(task, Shown(task.replace("_", " ").capitalize()))


def task_title(task: str) -> str:
    """The task's name for a reader."""
    return shown(task).title


def in_task_order(tasks: Iterable[str]) -> list[str]:
    """The distinct tasks from form to meaning, as they are shown; unknown ones last."""
    known = list(_TASKS)
    return sorted(set(tasks), key=lambda task: (known.index(task) if task in known else 99, task))
