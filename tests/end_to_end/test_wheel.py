"""The wheel holds all that the commands need, wherever they are called."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def test_a_wheel_is_whole(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--no-input"]
    # A build leaves files beside what it is made of.
    shutil.copytree(ROOT / "workflow", tmp_path / "source/workflow")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "source")
    source = ["--no-deps", "--no-build-isolation", "--no-index", tmp_path / "source"]
    subprocess.run([*pip, "wheel", *source, "--wheel-dir", tmp_path], check=True)
    (wheel,) = tmp_path.glob("chronoglot-*.whl")
    into = tmp_path / "installed"
    subprocess.run(
        [*pip, "install", "--no-deps", "--no-index", "--target", into, wheel], check=True
    )
    missing = {
        str(path.relative_to(ROOT / "workflow"))
        for path in (ROOT / "workflow/chronoglot").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    } - {str(path.relative_to(into)) for path in into.rglob("*")}
    assert not missing
    environment = os.environ | {"PYTHONPATH": str(into)}
    for command in (["--help"], ["figure", "--help"], ["settings-page", "--output", "settings.md"]):
        run = subprocess.run(
            [sys.executable, "-m", "chronoglot", *command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stderr
    assert (tmp_path / "settings.md").read_text() == (ROOT / "docs/settings.md").read_text()
