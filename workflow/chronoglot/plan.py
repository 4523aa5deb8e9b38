"""What an experiment consists of: its tuples, segments and source files.

Read by the Snakefile on every dry run, so nothing heavy is imported; files that are named but
missing are reported here, before any work.
"""

import json
import os
import sys
from itertools import combinations
from pathlib import Path

from chronoglot.data.locate import find_parts
from chronoglot.errors import UserError
from chronoglot.figures.catalogue import figure_names
from chronoglot.settings import Language, Settings

_SET_FOLDER = "set `folders.text` to the folder that holds it, or mend the name"
SPLITS = ("train", "dev", "test")


class Plan:
    """The experiment's tuples and files, from its settings.

    Raises UserError if a text file or a treebank that the settings name does not exist.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.languages = list(settings.languages)
        self.steps = settings.pretraining.steps
        self.layers = settings.layers
        self.tasks = settings.probing.tasks
        self._texts: dict[str, list[Path]] = {}
        self._parts: dict[str, dict[str, list[Path]]] = {}
        for code, language in settings.languages.items():
            self._locate(code, language)

    def _locate(self, code: str, language: Language) -> None:
        if language.text is None or language.treebank is None:
            return
        folders = self.settings.folders
        where = f"languages.{code}"
        self._texts[code] = [Path(folders.text) / name for name in language.text.files]
        for path in self._texts[code]:
            if not path.is_file():
                raise UserError(f"{where}.text.files: there is no file {path}; {_SET_FOLDER}")
        parts = find_parts(Path(folders.treebanks) / language.treebank.name)
        parts = {part: parts[part] for part in language.treebank.parts if part in parts}
        if not parts:
            raise UserError(
                f"{where}.treebank: {language.treebank.name} has none of the parts "
                f"{', '.join(language.treebank.parts)}; name others in `parts`"
            )
        if language.treebank.split == "published":
            for part in SPLITS:
                if part not in parts:
                    raise UserError(
                        f"{where}.treebank: {language.treebank.name} has no {part} part; "
                        "set `split: document` or `split: sentence` to divide the parts it has"
                    )
        self._parts[code] = parts

    def prepare_jobs(self) -> None:
        """Set what the jobs of this process inherit.

        That is this package; the interpreter that runs Snakemake (a conda environment that is
        activated for a job still comes before it); and the steps to save in passing.
        """
        os.environ["PYTHONPATH"] = str(Path(__file__).parents[1])
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        os.environ["CHRONOGLOT_STEPS"] = " ".join(map(str, self.steps))

    @property
    def tuples(self) -> str:
        """All tuples, as JSON: every step with every layer, language and task."""
        return json.dumps(
            {
                "step": self.steps,
                "layer": self.layers,
                "language": self.languages,
                "task": self.tasks,
            },
            separators=(",", ":"),
        )

    def probes(self, results: str) -> list[str]:
        """The scores file of every tuple."""
        return [
            f"{results}/probes/step-{step}/layer-{layer}/{language}/{task}.json"
            for step in self.steps
            for layer in self.layers
            for language in self.languages
            for task in self.tasks
        ]

    @property
    def figures(self) -> list[str]:
        """Names of the figures."""
        return figure_names(self.tasks)

    @property
    def described_languages(self) -> str:
        """Name, script and family of every language, as JSON."""
        described = {code: language.described for code, language in self.settings.languages.items()}
        return json.dumps(described, ensure_ascii=False)

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

    def typology(self, language: str) -> str:
        """Parameters of an in-vitro language, as JSON."""
        typology = self.settings.languages[language].in_vitro
        assert typology is not None
        return typology.model_dump_json()

    @property
    def in_vitro_pairs(self) -> list[tuple[str, str]]:
        """Each pair of in-vitro languages, once."""
        languages = self.settings.languages.items()
        return list(combinations([code for code, one in languages if one.in_vitro], 2))

    def _in_vitro(self, language: str, name: str) -> str:
        return f"results/{self.settings.experiment}/data/in_vitro/{language}/{name}"

    def text_files(self, language: str) -> list[str]:
        """Files with a language's text."""
        if language in self._texts:
            return [str(path) for path in self._texts[language]]
        return [self._in_vitro(language, "text.txt")]

    def text_format(self, language: str) -> str:
        """Format of a language's text."""
        text = self.settings.languages[language].text
        return text.format if text else "plain"

    def treebank_files(self, language: str) -> list[str]:
        """Files of a language's treebank, all parts."""
        if language in self._parts:
            return [str(path) for paths in self._parts[language].values() for path in paths]
        return [self._in_vitro(language, f"{language}_invitro-ud-{part}.conllu") for part in SPLITS]

    def treebank_split(self, language: str) -> str:
        """Options that say how a language's treebank is divided."""
        treebank = self.settings.languages[language].treebank
        if treebank is None or treebank.split == "published":
            return "--split published"
        return f"--split {treebank.split} --shares {','.join(f'{s:g}' for s in treebank.shares)}"
