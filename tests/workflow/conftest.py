"""A miniature experiment, run once through the real workflow, and ways to plan changes of it."""

import copy
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]

IN_VITRO = {
    "name": "Qaa",
    "family": "A",
    "order": "SVO",
    "adjective": "before",
    "adposition": "before",
    "case": False,
    "agreement": True,
    "morphology": "separate",
    "script": "latin",
    "words": 2000,
}

MINIATURE: dict[str, Any] = {
    "experiment": "miniature",
    "languages": {
        "qaa": {"in_vitro": IN_VITRO},
        "qab": {"in_vitro": IN_VITRO | {"name": "Qab", "order": "SOV", "script": "cyrillic"}},
    },
    "tasks": ["bpc", "pos", "arc_prediction", "arc_classification", "xnli", "alignment"],
    "alignment": {"gold": {"qaa-qab": "in_vitro"}},
    "in_vitro": {
        "treebank_sentences": {"train": 60, "dev": 20, "test": 30},
        "pairs": {"train": 12, "dev": 6, "test": 6},
        "parallel": 10,
    },
    "tokenizer": {"vocabulary": 300},
    "pretraining": {
        "steps": [0, 4, 8],
        "updates": 24,
        "segment": 4,
        "layers": 2,
        "dimension": 16,
        "feedforward": 32,
        "heads": 2,
        "block": 16,
        "batch": 4,
        "warmup": 2,
        "validate_every": 4,
        "log_every": 2,
    },
    "probing": {"regularisation": [0.01]},
    "analysis": {"permutations": 99},
}


@dataclass
class Outcome:
    """What a Snakemake call printed and returned."""

    code: int
    text: str

    @property
    def jobs(self) -> dict[str, int]:
        """Jobs by rule, from the table of job counts; empty if nothing is to be done."""
        table = re.search(r"^job\s+count\n[-\s]+\n(.*?)\n\n", self.text, re.M | re.S)
        rows = [line.split() for line in table[1].splitlines()] if table else []
        return {rule: int(count) for rule, count in rows if rule != "total"}


class Workflow:
    """The project's Snakefile, run in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def snakemake(self, config: dict[str, Any] | Path, *arguments: str) -> Outcome:
        """Run Snakemake on a configuration; returns what it said."""
        if isinstance(config, dict):
            path = self.folder / "experiment.yaml"
            path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
        else:
            path = config
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "workflow/Snakefile"),
        ]
        command += ["--directory", str(self.folder), "--configfile", str(path), *arguments]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    def plan(self, config: dict[str, Any], *arguments: str) -> dict[str, int]:
        """Jobs by rule that a dry run schedules."""
        outcome = self.snakemake(config, "--dry-run", *arguments)
        assert outcome.code == 0, outcome.text
        return outcome.jobs


@pytest.fixture
def miniature() -> dict[str, Any]:
    """A fresh copy of the miniature's configuration, to change."""
    return copy.deepcopy(MINIATURE)


@pytest.fixture
def fresh(tmp_path: Path) -> Workflow:
    """The workflow in an empty folder."""
    return Workflow(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The miniature, run to the end. Tests only plan on it."""
    workflow = Workflow(tmp_path_factory.mktemp("miniature"))
    outcome = workflow.snakemake(copy.deepcopy(MINIATURE), "--cores", "2")
    assert outcome.code == 0, outcome.text[-8000:]
    return workflow
