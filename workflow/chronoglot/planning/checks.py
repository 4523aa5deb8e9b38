"""What is asked before a checkpoint is trained, taken or run; its jobs wait for the answers.

Read by the Snakefile on every dry run, so nothing heavy is imported.
"""

from collections.abc import Sequence

from chronoglot.planning.inputs import Inputs
from chronoglot.settings.model import Settings
from chronoglot.tables.values import SPLITS
from chronoglot.tasks.base import Task


class Checks:
    """The questions of an experiment: have its tables what its tasks need, and is there a GPU?"""

    def __init__(
        self, settings: Settings, inputs: Inputs, tasks: Sequence[Task], results: str
    ) -> None:
        self._settings, self._inputs = settings, inputs
        self._tasks, self._results = tasks, results

    def tasks_on(self, data: str) -> list[str]:
        """Tasks that are scored on that data."""
        return [task.name for task in self._tasks if task.data == data]

    def splits(self, data: str, language: str) -> list[str]:
        """The parts of a table that these tasks need; a target has no training part."""
        target = data == "pairs" and not self._inputs.has_training_pairs(language)
        return list(SPLITS[1:] if target else SPLITS)

    @property
    def with_gpu(self) -> list[str]:
        """Sections of the settings whose jobs need a GPU."""
        devices = {"pretraining": self._settings.pretraining, "encoding": self._settings.encoding}
        return [name for name, section in devices.items() if section and section.device == "cuda"]

    def gpu(self, section: str) -> list[str]:
        """The file that says that there is one, if jobs of such a section need it."""
        return [f"{self._results}/gpu.json"] if section in self.with_gpu else []
