"""What jobs may take follows from what they handle, and grows when they are tried again."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

# In a process of its own, for a Snakefile changes Snakemake's classes.
RESOURCES = """
import json
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings, DAGSettings, OutputSettings, Quietness, ResourceSettings, StorageSettings
)

snakefile, config, folder = map(Path, sys.argv[1:])
with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    planned = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(configfiles=[config]),
        storage_settings=StorageSettings(),
        snakefile=snakefile,
        workdir=folder,
    )
    planned.dag(DAGSettings())
    workflow = planned._workflow
    workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
    workflow._build_dag()
    found = {}
    for job in workflow.dag.jobs:
        for attempt in (1, 2):
            job.attempt = attempt
            limits = [job.resources.get("mem_mb"), job.resources.get("runtime")]
            found.setdefault(job.rule.name, {}).setdefault(attempt, []).append(limits)
print(json.dumps(found))
"""
# A segment saves its state, so that the next attempt goes on from it, and many sites allow no more
# than a day.
FIXED_TIME = {"segment", "checkpoint"}
RUN_HERE = {"all"}


def resources(config: dict[str, Any], folder: Path) -> dict[str, dict[int, list[list[int]]]]:
    """Rule → attempt → memory and time of each job."""
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    command = [
        sys.executable,
        "-c",
        RESOURCES,
        ROOT / "workflow/Snakefile",
        folder / "config.yaml",
        folder,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return {
        rule: {int(attempt): limits for attempt, limits in attempts.items()}
        for rule, attempts in json.loads(done.stdout.splitlines()[-1]).items()
    }


def test_a_job_tried_again_gets_twice_as_much(miniature: dict[str, Any], tmp_path: Path) -> None:
    found = resources(miniature, tmp_path)
    assert found.keys() > {"words", "segment", "encode", "probe", "transfer", "scores", "report"}
    for rule in found.keys() - RUN_HERE:
        for (memory, time), (more, longer) in zip(found[rule][1], found[rule][2], strict=True):
            assert more == 2 * memory, rule
            assert longer == (time if rule in FIXED_TIME else 2 * time), rule


@pytest.mark.parametrize(
    ("section", "change", "larger"),
    [
        (
            "pretraining",
            {"dimension": 1024, "feedforward": 4096},
            {"segment", "convert", "encode", "align", "bits", "probe"},
        ),
        ("tokenizer", {"vocabulary": 250_000}, {"segment", "convert", "bits"}),
        (
            "in_vitro",
            {"treebank_sentences": {"train": 100_000, "dev": 100, "test": 100}},
            {"probe", "transfer"},
        ),
    ],
)
def test_larger_models_and_tables_get_more_memory(
    miniature: dict[str, Any],
    tmp_path: Path,
    section: str,
    change: dict[str, Any],
    larger: set[str],
) -> None:
    before = resources(miniature, tmp_path)
    miniature[section] |= change
    after = resources(miniature, tmp_path)

    def most(found: dict[str, dict[int, list[list[int]]]], rule: str) -> int:
        return max(memory for memory, _ in found[rule][1])

    grown = {rule for rule in before.keys() - RUN_HERE if most(after, rule) > most(before, rule)}
    assert grown >= larger
    assert not grown & {"text", "figure", "report", "scores", "list_licences"}
