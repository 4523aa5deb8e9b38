"""What the jobs of a workflow inherit from the process that plans it."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path


def set_environment(steps: Iterable[int]) -> None:
    """Set what the jobs of this process inherit.

    That is this package, before what else the user has Python look in; the interpreter that runs
    Snakemake (a conda environment that is activated for a job still comes before it); and the steps
    to save in passing.
    """
    _put_first("PYTHONPATH", Path(__file__).parents[1])
    _put_first("PATH", Path(sys.executable).parent)
    os.environ["CHRONOGLOT_STEPS"] = " ".join(map(str, steps))


def _put_first(variable: str, folder: Path) -> None:
    """Have a list of folders in the environment begin with this one."""
    others = os.environ.get(variable, "").split(os.pathsep)
    # An empty entry would be the current folder, where the user has set none.
    kept = [other for other in others if other != str(folder)] if others != [""] else []
    os.environ[variable] = os.pathsep.join([str(folder), *kept])
