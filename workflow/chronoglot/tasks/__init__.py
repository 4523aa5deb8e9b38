"""The tasks, one module each: a new task is one new file here that defines `TASK`."""

import pkgutil
from importlib import import_module
from typing import TYPE_CHECKING

from chronoglot.runtime.errors import UserError, nearest

if TYPE_CHECKING:  # names are asked for where nothing is computed
    from chronoglot.tasks.base import Task


def task_names() -> list[str]:
    """The known tasks in alphabetical order; imports none of them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name != "base")


def load_task(name: str) -> "Task":
    """The task of that name; raises UserError, with the nearest known name, if there is none."""
    known = task_names()
    if name not in known:
        raise UserError(f"unknown task {name!r}{nearest(name, known)}")
    task: Task = import_module(f"{__name__}.{name}").TASK
    return task
