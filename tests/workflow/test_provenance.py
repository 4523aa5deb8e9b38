"""What was computed from is what it says: vectors under other settings, a task's code."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT, Workflow

pytestmark = pytest.mark.slow


def without_probes(finished: Workflow, folder: Path) -> Workflow:
    """A copy of the finished miniature whose probes have to be trained anew."""
    shutil.copytree(finished.folder, folder, symlinks=True)
    for part in ("probes", "transfer", "vectors"):
        shutil.rmtree(folder / "results/miniature" / part, ignore_errors=True)
    return Workflow(folder)


def scores(workflow: Workflow) -> dict[str, Any]:
    folder = workflow.folder / "results/miniature/probes"
    return {
        str(path.relative_to(folder)): json.loads(path.read_text())
        for path in folder.rglob("*.json")
    }


def run(workflow: Workflow, config: dict[str, Any], *arguments: str) -> None:
    outcome = workflow.snakemake(config, "--cores", "2", *arguments)
    assert outcome.code == 0, outcome.text[-4000:]


def test_vectors_left_from_other_settings_are_not_used(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    left = without_probes(finished, tmp_path / "left")
    run(left, miniature, "--until", "encode", "--", "pos")
    folders = list(left.folder.glob("results/miniature/vectors/step-*/qaa/words/*"))
    assert len(folders) == 3
    assert all((folder / "layer-0.npy").is_file() for folder in folders)
    miniature["encoding"] = {"pooling": "first"}
    run(left, miniature, "--", "pos")

    anew = without_probes(finished, tmp_path / "anew")
    run(anew, miniature, "--", "pos")
    assert scores(left) == scores(anew)
    other = without_probes(finished, tmp_path / "other")
    miniature["encoding"] = {"pooling": "mean"}
    run(other, miniature, "--", "pos")
    assert scores(left) != scores(other)
    # Those of the other settings are removed as well.
    assert not list(left.folder.glob("results/miniature/vectors/**/*.npy"))


def test_vectors_of_another_table_are_refused(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    workflow = without_probes(finished, tmp_path / "left")
    run(workflow, miniature, "--until", "encode", "--", "pos")
    results = workflow.folder / "results/miniature"
    table = results / "data/words/qaa.parquet"
    times = table.stat()
    # As if it had been replaced without its time: Snakemake sees nothing.
    table.write_bytes((results / "data/words/qab.parquet").read_bytes())
    os.utime(table, ns=(times.st_atime_ns, times.st_mtime_ns))
    outcome = workflow.snakemake(miniature, "--cores", "2", "--", "pos")
    assert outcome.code
    logs = "".join(path.read_text() for path in results.glob("logs/*/step-*/layer-*/qaa/pos.log"))
    assert "holds vectors that are not of results/miniature/data/words/qaa.parquet" in logs


def test_a_task_whose_code_changed_is_probed_again(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    workflow = tmp_path / "workflow"
    shutil.copytree(ROOT / "workflow", workflow)
    shutil.copy(ROOT / "config.yaml", tmp_path)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(miniature), encoding="utf-8")
    task = workflow / "chronoglot/tasks/pos.py"

    def planned() -> dict[str, int]:
        command = ["snakemake", "--snakefile", str(workflow / "Snakefile"), "--dry-run"]
        command += [
            "--directory",
            str(finished.folder),
            "--configfile",
            str(tmp_path / "mine.yaml"),
        ]
        done = subprocess.run(
            [sys.executable, "-m", *command],
            env=os.environ | {"PYTHONPATH": str(workflow)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        counts = re.findall(r"^(probe|transfer|bits|align|encode) +(\d+)$", done.stdout, re.M)
        return {rule: int(count) for rule, count in counts}

    assert planned() == {}
    source = task.read_text(encoding="utf-8")
    task.write_text('"""Said otherwise."""\n# A comment.\n\n' + source.partition("\n")[2])
    assert planned() == {}
    task.write_text(f"{source}\nMORE = 1\n", encoding="utf-8")
    assert planned() == {"probe": 18, "transfer": 18, "encode": 6}
