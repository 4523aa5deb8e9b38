"""What an experiment consists of: its languages, tuples and segments.

Read by the Snakefile on every dry run, so nothing heavy is imported.
"""

import json
import os
import sys
from functools import cached_property
from pathlib import Path

from chronoglot.errors import UserError
from chronoglot.figures.catalogue import figure_names
from chronoglot.settings import Settings
from chronoglot.sources import Sources
from chronoglot.tasks import load_task, task_names
from chronoglot.tasks.base import ProbingTask, Task
from chronoglot.tuples import Tuples


class Plan:
    """The experiment, from its settings.

    Raises UserError if a file that the settings name does not exist, or if a task has no data in
    any language.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.results = f"results/{settings.experiment}"
        self.sources = Sources(settings)
        self.languages = list(settings.languages)
        self.pretrained = [code for code in self.languages if self.sources.has_text(code)]
        self.with_treebank = [code for code in self.languages if self.sources.has_treebank(code)]
        self.steps = settings.pretraining.steps
        self.layers = settings.layers
        self.tasks = [load_task(name) for name in settings.tasks]
        for task in self.tasks:
            if not self._with_data(task) or (
                task.name in self._probes and not self._probes[task.name]
            ):
                raise UserError(
                    f"tasks: no language has the data that {task.name} needs; give one, "
                    "or drop the task"
                )

    def prepare_jobs(self) -> None:
        """Set what the jobs of this process inherit.

        That is this package; the interpreter that runs Snakemake (a conda environment that is
        activated for a job still comes before it); and the steps to save in passing.
        """
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        os.environ["CHRONOGLOT_STEPS"] = " ".join(map(str, self.steps))

    def _with_data(self, task: Task) -> list[str]:
        """Languages, or pairs of them, that have the data of a task."""
        has = {
            "text": self.sources.has_text,
            "words": self.sources.has_treebank,
            "pairs": self.sources.has_pairs,
        }
        if task.data == "parallel":
            return list(self.settings.alignment.gold)
        return [code for code in self.languages if has[task.data](code)]

    @cached_property
    def _probes(self) -> dict[str, list[str]]:
        return {
            task.name: [
                code
                for code in self._with_data(task)
                if task.data == "words" or self.sources.has_training_pairs(code)
            ]
            for task in self.tasks
            if isinstance(task, ProbingTask)
        }

    @cached_property
    def _sources(self) -> dict[str, list[str]]:
        """For each probed task the languages whose probes are scored on others."""
        chosen = self.settings.transfer.sources
        return {
            task: [code for code in codes if chosen is None or code in chosen]
            for task, codes in self._probes.items()
        }

    def transfer_sources(self, task: str, target: str) -> list[str]:
        """Languages whose probes of a task are scored on a target."""
        return [code for code in self._sources[task] if code != target]

    @cached_property
    def tuples(self) -> Tuples:
        """Every step with every layer, language and task that there is data for."""
        chosen = self.settings.transfer.targets
        transfer = {
            task.name: [
                code
                for code in self._with_data(task)
                if (chosen is None or code in chosen) and self.transfer_sources(task.name, code)
            ]
            for task in self.tasks
            if isinstance(task, ProbingTask)
        }
        by_data = {task.data: self._with_data(task) for task in self.tasks}
        return Tuples(
            steps=self.steps,
            layers=self.layers,
            probes=self._probes,
            sources=self._sources,
            transfer={task: targets for task, targets in transfer.items() if targets},
            texts=by_data.get("text", []),
            alignments=by_data.get("parallel", []),
        )

    @cached_property
    def targets(self) -> dict[str, Tuples]:
        """What can be asked for by name: a task, a checkpoint (`step_800`), a language.

        A few codes of languages are words here: `language_all`, `language_pos`, `language_bpc`.
        """
        tasks = {task.name: self.tuples.only(task=task.name) for task in self.tasks}
        steps = {f"step_{step}": self.tuples.only(step=step) for step in self.steps}
        taken = {"all", *task_names()}
        languages = {
            f"language_{code}" if code in taken else code: self.tuples.only(language=code)
            for code in self.languages
        }
        return {**tasks, **steps, **languages}

    @cached_property
    def absences(self) -> list[str]:
        """What is absent from a task, or there only as a target: a line a task."""
        lines = []
        for task in self.tasks:
            if task.data == "parallel":
                continue
            there = self._with_data(task)
            if missing := [code for code in self.languages if code not in there]:
                lines.append(f"{task.name}: no data in {', '.join(missing)}")
            trained = self._probes.get(task.name, there)
            if targets := [code for code in there if code not in trained]:
                lines.append(f"{task.name}: no training data in {', '.join(targets)}: targets only")
        return lines

    def data_of(self, task: str) -> str:
        """The data that a task is scored on."""
        return load_task(task).data

    def table(self, language: str, task: str) -> str:
        """The table that a probed task's examples are made from."""
        return f"{self.results}/data/{self.data_of(task)}/{language}.parquet"

    def vectors(self, step: str, language: str, task: str) -> list[str]:
        """The vectors of that table's rows at every layer probed."""
        folder = f"{self.results}/vectors/step-{step}/{language}/{self.data_of(task)}"
        return [f"{folder}/layer-{layer}.npy" for layer in self.layers]

    def encoding(self, data: str) -> dict[str, object]:
        """What the vectors of a table's rows depend on, beside their files."""
        encoding = self.settings.encoding
        return {
            "pooling": encoding.pooling if data == "words" else encoding.pair_pooling,
            "batch_tokens": encoding.batch_tokens,
            "long": encoding.long,
        }

    def probes(self, step: int, languages: list[str], task: str, ending: str) -> list[str]:
        """One file of each language's probes at every layer."""
        return [
            f"{self.results}/probes/step-{step}/layer-{layer}/{language}/{task}.{ending}"
            for layer in self.layers
            for language in languages
        ]

    @property
    def figures(self) -> list[str]:
        """Names of the figures."""
        return figure_names([task.name for task in self.tasks], list(self.tuples.transfer))

    @property
    def described_languages(self) -> str:
        """Name, script and family of every language, as JSON."""
        described = {code: language.described for code, language in self.settings.languages.items()}
        return json.dumps(described, ensure_ascii=False)

    @property
    def typologies(self) -> str:
        """Parameters of the in-vitro languages, as JSON."""
        return json.dumps(
            {
                code: language.in_vitro.model_dump()
                for code, language in self.settings.languages.items()
                if language.in_vitro
            }
        )

    @property
    def resolved(self) -> str:
        """All settings with their defaults, as JSON; folders left out, which are the machine's."""
        resolved = self.settings.model_dump(mode="json", exclude={"folders"}, exclude_none=True)
        return json.dumps(resolved, ensure_ascii=False)

    def _segment(self, step: int) -> int:
        return max(1, -(-step // self.settings.pretraining.segment))

    @property
    def segments(self) -> range:
        """Numbers of the segments that lead to the last step."""
        return range(1, self._segment(self.steps[-1]) + 1)

    def segments_of(self, step: int) -> list[int]:
        """The segment that a step lies in, after the one that it goes on from, if any."""
        segment = self._segment(step)
        return [segment] if segment == 1 else [segment - 1, segment]

    @property
    def recipe(self) -> str:
        """What the run's weights depend on, as JSON; the steps are not part of it."""
        run = self.settings.pretraining
        recipe = run.model_dump(exclude={"steps"})
        recipe["positions"] = run.block
        recipe["state_every"] = max(1, run.segment // 5)
        recipe["seed"] = self.settings.seed
        return json.dumps(recipe, sort_keys=True)
