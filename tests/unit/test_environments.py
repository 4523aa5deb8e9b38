"""The pip lock and the conda environment name the same versions."""

import re
from importlib.metadata import version
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[2] / "envs"
PIN = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)")


def _pins(path: Path) -> dict[str, str]:
    return {name.lower(): pin for name, pin in PIN.findall(path.read_text())}


def test_conda_installs_the_lock() -> None:
    lock = _pins(ENVS / "requirements.lock") | {
        "torch": _pins(ENVS / "requirements.in")["torch"],
    }
    assert _pins(ENVS / "chronoglot.post-deploy.sh") == lock


def test_lock_keeps_what_was_asked_for() -> None:
    asked = {name: pin for name, pin in _pins(ENVS / "requirements.in").items() if name != "torch"}
    assert asked.items() <= _pins(ENVS / "requirements.lock").items()


def test_lock_leaves_out_what_breaks() -> None:
    """torchaudio breaks transformers; torch's CUDA packages are gigabytes for nothing."""
    names = _pins(ENVS / "requirements.lock").keys()
    assert not [name for name in names if name.startswith(("torch", "nvidia", "cuda", "triton"))]


def test_installed_versions_are_the_locked_ones() -> None:
    locked = _pins(ENVS / "requirements.lock")
    assert {name: version(name) for name in locked} == locked


def test_conda_has_the_tested_python() -> None:
    conda = yaml.safe_load((ENVS / "chronoglot.yaml").read_text())
    assert "python=3.11" in conda["dependencies"]
