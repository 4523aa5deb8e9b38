"""What the jobs of a workflow inherit from the process that plans it."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from chronoglot.runtime.errors import UserError


def set_environment(steps: Iterable[int]) -> None:
    """Set what the jobs of this process inherit.

    That is this package, before what else the user has Python look in; the interpreter that runs
    Snakemake (a conda environment that is activated for a job still comes before it); and the steps
    to save in passing.

    Raises UserError if one of these folders has a name that cannot work.
    """
    package, programs = Path(__file__).parents[2], Path(sys.executable).parent
    if set("{}") & set(str(package)):
        raise UserError(f"{package}: Snakemake reads what is in braces as a variable; rename it")
    for variable, folder in (("PYTHONPATH", package), ("PATH", programs)):
        if os.pathsep in str(folder):
            raise UserError(f"{folder}: {variable} divides folders at {os.pathsep!r}; rename it")
        _put_first(variable, folder)
    os.environ["CHRONOGLOT_STEPS"] = " ".join(map(str, steps))


def _put_first(variable: str, folder: Path) -> None:
    """Have a list of folders in the environment begin with this one."""
    others = os.environ.get(variable, "").split(os.pathsep)
    # An empty entry would be the current folder, where the user has set none.
    kept = [other for other in others if other != str(folder)] if others != [""] else []
    os.environ[variable] = os.pathsep.join([str(folder), *kept])
