"""Setting up on a machine that lacks something: one message, and nothing left behind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = Path(__file__).parents[2] / "envs/install.sh"
TOOLS = ("bash", "dirname", "awk", "df", "rm", "mktemp", "tail", "head", "cat", "grep", "touch")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder of programs without Python and compiler, to be the whole path."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(str(shutil.which(name)))
    return folder


def _refused(folder: Path, *arguments: str, before: tuple[str, ...] = (), **changed: str) -> str:
    """What is said on the way out of a set-up that installs nothing into the folder."""
    done = subprocess.run(
        [*before, str(shutil.which("bash")), str(INSTALL), str(folder), *arguments],
        env=os.environ | changed,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout.count("\n") == 1, done.stdout
    assert not folder.exists()
    return done.stdout


def test_where_there_is_no_python_it_is_said_how_to_get_one(tools: Path, tmp_path: Path) -> None:
    said = _refused(tmp_path / "venv", PATH=str(tools))
    for way in ("apt-get install python3 ", "uv python install", "conda create", "make PYTHON="):
        assert way in said


@pytest.mark.parametrize("version", ["3, 10", "3, 14"])
def test_another_python_is_refused(tools: Path, tmp_path: Path, version: str) -> None:
    python = tools / "python3"
    before = f"import sys; sys.version_info = ({version}, 0)"
    python.write_text(f'#!/bin/bash\nexec {sys.executable} -c "{before}; ${{2#import sys; }}"\n')
    python.chmod(0o755)
    assert "none is on the path" in _refused(tmp_path / "venv", PATH=str(tools))
    said = _refused(tmp_path / "venv", str(python), PATH=str(tools))
    assert said.startswith(f"{python} is not Python 3.11, 3.12 or 3.13: ")


def test_a_compiler_is_asked_for(tools: Path, tmp_path: Path) -> None:
    said = _refused(tmp_path / "venv", sys.executable, PATH=str(tools))
    assert "apt-get install g++" in said and "c++: command not found" in said


def test_a_full_disk_is_told_before_anything_is_written(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = f'mount -t tmpfs -o size=50m none "{disk}" && exec "$@"'
    apart = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh")
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("nothing can be mounted here")
    said = _refused(disk / "venv", sys.executable, before=apart)
    assert f"{disk} has 50 MB left" in said


@pytest.mark.slow
def test_no_network_is_told_before_anything_is_installed(tmp_path: Path) -> None:
    said = _refused(
        tmp_path / "venv",
        sys.executable,
        PIP_CONFIG_FILE="/dev/null",
        PIP_FIND_LINKS="",
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
    )
    assert said.startswith("pip finds no torch==") and "HTTPS_PROXY" in said
    assert "No matching distribution found" in said


def test_a_home_that_cannot_be_written_stops_no_run(tmp_path: Path) -> None:
    """Snakemake alone would end in a traceback, before it reads the workflow."""
    plan = f"plan: ; {sys.executable} -m snakemake -n -q --directory {tmp_path} bpc"
    settings = f" --configfile {INSTALL.parents[1] / 'config.yaml'}"
    environment = {key: value for key, value in os.environ.items() if key != "XDG_CACHE_HOME"}
    done = subprocess.run(
        ["make", "-C", str(INSTALL.parents[1]), "--eval", plan + settings, "plan"],
        env=environment | {"HOME": "/proc/none"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout and "/proc/none" not in done.stdout
