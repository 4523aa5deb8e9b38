"""The command line: one sub-command a rule, of the same name.

Each imports what it needs inside, so that a job pays for no other's libraries.
"""

from chronoglot.cli import (
    analyse,
    by_hand,
    checkpoints,
    data,
    fetch,
    measure,
    pretrain,
    probe,
    report,
)
from chronoglot.cli.app import app

for command in app.registered_commands:
    if command.callback and command.callback.__module__ != by_hand.__name__:
        command.rich_help_panel = "Steps of the workflow, which Snakemake calls"

__all__ = [
    "analyse",
    "app",
    "by_hand",
    "checkpoints",
    "data",
    "fetch",
    "measure",
    "pretrain",
    "probe",
    "report",
]
