"""What an experiment consists of: its languages, tuples and segments.

Read by the Snakefile on every dry run, so nothing heavy is imported.
"""

import shutil
from collections.abc import Collection, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from chronoglot.data.fetch.missing import Needed
from chronoglot.figures.catalogue import figure_names
from chronoglot.planning.batches import Batch, divide
from chronoglot.planning.checks import Checks
from chronoglot.planning.downloads import Downloads
from chronoglot.planning.environment import set_environment
from chronoglot.planning.inputs import Inputs
from chronoglot.planning.limits import Limits
from chronoglot.planning.run import find_run, missing_checkpoints
from chronoglot.planning.schedule import Schedule
from chronoglot.planning.tuples import Tuples
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check
from chronoglot.settings.model import Settings
from chronoglot.tasks import load_task, task_names
from chronoglot.tasks.base import ProbingTask, Task

# So many probes a transfer job names one by one: a source that is trained again then has no job of
# its own language run again. More would be most of all inputs of a large study.
_FEW_SOURCES = 10


def read_plan(config: Mapping[str, Any], source: str) -> "Plan":
    """The plan of what was read from `source`; raises UserError naming it and each wrong key."""
    settings = check(config, source)
    try:
        return Plan(settings)
    except UserError as error:
        raise UserError(f"{source}:\n  {error}") from None
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise UserError(f"{source}:\n  {error.filename}: {error.strerror}; mend it") from None


class Plan:
    """The experiment, from its settings.

    Raises UserError if a file that the settings name does not exist, or if a task has no data in
    any language.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.results = f"results/{settings.experiment}"
        self.downloads = Downloads(settings)
        self.inputs = Inputs(settings, self.downloads)
        self.run = find_run(settings, self.results)
        self.steps = self.run.steps
        self.layers = self._layers()
        size = settings.probing.layers_per_job
        self.batches = divide(self.layers, len(self.layers) if size == "all" else size)
        self.limits = Limits(settings, self.inputs, self.run, self.results)
        self.languages = list(settings.languages)
        self.with_text = [code for code in self.languages if self.inputs.has_text(code)]
        self.with_treebank = [code for code in self.languages if self.inputs.has_treebank(code)]
        self.tasks = [load_task(name) for name in settings.tasks]
        self.checks = Checks(settings, self.inputs, self.tasks, self.results)
        for task in self.tasks:
            if not self._with_data(task) or (
                task.name in self._probes and not self._probes[task.name]
            ):
                raise UserError(
                    f"tasks: no language has the data that {task.name} needs; give one, "
                    "or drop the task"
                )

    def _layers(self) -> list[int]:
        """The layers to probe."""
        chosen = self.settings.probing.layers
        for layer in chosen or []:
            if layer > self.run.layers:
                raise UserError(
                    f"probing.layers: there is no layer {layer}; "
                    f"the model has 0 to {self.run.layers}"
                )
        return chosen if chosen is not None else list(range(self.run.layers + 1))

    def prepare_jobs(self) -> None:
        """Set what the jobs of this process inherit."""
        set_environment(self.steps)

    def _with_data(self, task: Task) -> list[str]:
        """Languages, or pairs of them, that have the data of a task."""
        has = {
            "text": self.inputs.has_text,
            "words": self.inputs.has_treebank,
            "pairs": self.inputs.has_pairs,
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
                if task.data == "words" or self.inputs.has_training_pairs(code)
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
        """What is absent from a task, or there only as a target; what is fetched: lines."""
        lines = [f"step {step} is left out: {why}" for step, why in self.run.left_out.items()]
        if number := len(self.downloads.missing):
            files = "1 file of data is" if number == 1 else f"{number} files of data are"
            lines.append(f"{files} fetched into {self.downloads.folder}")
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

    def vectors(self, wildcards: Any, batch: Batch) -> list[str]:
        """The vectors of that table's rows at a job's layers, and what they were made from.

        The settings are in the path: vectors left from others are not found, and not used.
        """
        data = self.data_of(wildcards.task)
        folder = (
            f"{self.results}/vectors/step-{wildcards.step}/{wildcards.language}/{data}"
            f"/{self.encoding_name(data)}"
        )
        layers = [f"{folder}/layer-{layer}.npy" for layer in batch.of(wildcards)]
        return [*layers, f"{folder}/origin.json"]

    def encoding_name(self, data: str) -> str:
        """The encoding's settings in one word."""
        return "-".join(map(str, self.encoding(data).values()))

    def encoding_options(self, data: str) -> str:
        """The encoding's settings as options of a command."""
        options = self.encoding(data).items()
        return " ".join(f"--{key.replace('_', '-')} {value}" for key, value in options)

    def remove_stale_vectors(self) -> None:
        """Remove vectors that a run left which was stopped, and that other settings made."""
        names = {self.encoding_name(data) for data in ("words", "pairs")}
        for folder in Path(self.results).glob("vectors/step-*/*/*/*"):
            if folder.name not in names:
                shutil.rmtree(folder, ignore_errors=True)

    def encoding(self, data: str) -> dict[str, object]:
        """What the vectors of a table's rows depend on, beside their files."""
        encoding = self.settings.encoding
        return {
            "pooling": encoding.pooling if data == "words" else encoding.pair_pooling,
            "batch_tokens": encoding.batch_tokens,
            "long": encoding.long,
            "precision": encoding.precision,
        }

    def transferred(self, wildcards: Any, batch: Batch) -> list[str]:
        """What stands for the probes of other languages that a job scores on a target.

        One file of each, at the last of the job's layers, since one job makes those of all; where
        they are many, one file that stands for all of them.
        """
        step, language, task = wildcards.step, wildcards.language, wildcards.task
        folder = f"{self.results}/probes/step-{step}/layer-{batch.of(wildcards)[-1]}"
        sources = self.transfer_sources(task, language)
        if len(sources) > _FEW_SOURCES:
            return [f"{folder}/{task}.sources"]
        return [f"{folder}/{source}/{task}.npz" for source in sources]

    def source_probes(self, wildcards: Any) -> list[str]:
        """The probes of a step, layer and task that are scored on other languages."""
        step, layer, task = wildcards.step, wildcards.layer, wildcards.task
        folder = f"{self.results}/probes/step-{step}/layer-{layer}"
        return [f"{folder}/{source}/{task}.npz" for source in self._sources[task]]

    @property
    def figures(self) -> list[str]:
        """Names of the figures."""
        return figure_names(
            [task.name for task in self.tasks],
            list(self.tuples.transfer),
            pretrained=self.settings.pretraining is not None,
        )

    @property
    def schedule(self) -> Schedule:
        """The run's segments, if it is pretrained here."""
        assert self.settings.pretraining is not None
        return Schedule(self.settings.pretraining, self.settings.seed)

    @property
    def heldout_share(self) -> float:
        """Share of the text that is held out: all of it, where no model is pretrained on it."""
        return self.settings.data.heldout_share if self.settings.pretraining else 1.0

    @property
    def verdict(self) -> list[str]:
        """What a checkpoint from elsewhere waits for before it is run: that all are verified.

        One that is pretrained here is run as soon as it is there, and the verdict comes before the
        tables.
        """
        return [] if self.settings.pretraining else [f"{self.results}/checkpoints/verdict.json"]

    @property
    def tokenizer(self) -> str:
        """The run's sentencepiece model, or a file beside the tokenizer in a model's folder."""
        if self.run.kind in ("pretraining", "fairseq"):
            return f"{self.results}/tokenizer/sentencepiece.bpe.model"
        return f"{self.run.example}/manifest.json"

    @property
    def tokenizer_files(self) -> dict[str, str]:
        """The sentencepiece model of fairseq's checkpoints, and their dictionary if it is given."""
        fairseq = self.settings.checkpoints.fairseq
        assert fairseq is not None
        model = fairseq.tokenizer or str(self.downloads.xlmr_tokenizer())
        return {"model": model} | ({"given": fairseq.dictionary} if fairseq.dictionary else {})

    @property
    def conversion(self) -> list[str]:
        """The proof that the last checkpoint was converted rightly, if it was fairseq's."""
        if self.run.kind not in ("pretraining", "fairseq"):
            return []
        return [f"{self.results}/checkpoints/step-{self.steps[-1]}/conversion.json"]

    @property
    def sentences(self) -> list[str]:
        """Texts, or else tables, with sentences to compare models on."""
        data = f"{self.results}/data"
        texts = [f"{data}/text/{code}/heldout.txt" for code in self.with_text]
        words = [f"{data}/words/{code}.parquet" for code in self.with_treebank]
        pairs = [
            f"{data}/pairs/{code}.parquet" for code in self.languages if self.inputs.has_pairs(code)
        ]
        return (
            texts
            or words
            or pairs
            or [f"{data}/parallel/{gold}.parquet" for gold in self.settings.alignment.gold]
        )

    @property
    def side(self) -> str:
        """The side of the texts that describes the languages: what was pretrained on, or all."""
        return "train" if self.settings.pretraining else "heldout"

    @property
    def texts(self) -> list[str]:
        """That side of every text."""
        return [f"{self.results}/data/text/{code}/{self.side}.txt" for code in self.with_text]

    @property
    def counts(self) -> list[str]:
        """Sizes of the text that was pretrained on here."""
        bins = f"{self.results}/pretraining/bin"
        codes = self.with_text if self.settings.pretraining else []
        return [f"{bins}/{code}/counts.json" for code in codes]

    def to_bring(self, outputs: Collection[Path]) -> list[Needed]:
        """What has to be fetched for jobs that make these files."""
        data = [need for need in self.downloads.missing if need.path in outputs]
        return data + missing_checkpoints(self.run, self.settings, self.results, outputs)
