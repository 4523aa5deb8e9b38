"""NeuroX (Dalvi et al. 2019), the field's tool for extracting vectors and probing them.

Its release pins versions of 2021 that run on no Python of today, so it is installed without its
requirements into a folder of its own, with what it lacks, and runs on the project's own torch and
transformers: `python -m bench.neurox`.
"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from bench.benchmark import Absent, Options

PACKAGES = ("neurox==1.0.9", "h5py==3.16.0", "imbalanced-learn==0.14.2", "sklearn-compat==0.1.6")


def folder(options: Options) -> Path:
    """Where it is installed."""
    return options.cache / "neurox"


def load(folder: Path, name: str) -> ModuleType:
    """One of its modules; raises Absent if it is not installed."""
    if not (folder / "neurox").is_dir():
        raise Absent("NeuroX is not installed; `python -m bench.neurox` does so")
    if str(folder) not in sys.path:
        sys.path.append(str(folder))  # the last: the project's own versions come first
    return import_module(f"neurox.{name}")


def install(folder: Path) -> None:
    """Install it with pip."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]
    subprocess.run([*command, "--target", str(folder), *PACKAGES], check=True)


if __name__ == "__main__":
    if not (folder(Options()) / "neurox").is_dir():
        install(folder(Options()))
