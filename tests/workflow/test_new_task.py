"""The page that shows how a task is added, followed to the letter."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from conftest import ROOT


def test_the_pages_task_is_added_by_its_two_files(
    tmp_path: Path, miniature: dict[str, Any]
) -> None:
    page = (ROOT / "docs/new-task.md").read_text(encoding="utf-8")
    task, test = re.findall(r"^```python\n(.*?)^```$", page, re.M | re.S)
    shutil.copy(ROOT / "config.yaml", tmp_path)
    shutil.copytree(ROOT / "workflow", tmp_path / "workflow")
    (tmp_path / "workflow/chronoglot/tasks/letters.py").write_text(task, encoding="utf-8")
    (tmp_path / "test_letters.py").write_text(test, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "workflow")}

    def run(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert "2 passed" in run("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", ".")
    miniature["tasks"].append("letters")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(miniature), encoding="utf-8")
    planned = run("snakemake", "--configfile", "mine.yaml", "--dry-run", "--", "letters")
    counts = dict(re.findall(r"^(probe|transfer|encode|bits|letters) +(\d+)$", planned, re.M))
    assert counts == {"probe": "18", "transfer": "18", "encode": "6", "letters": "1"}
