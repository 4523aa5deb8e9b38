"""The command line: one sub-command a rule, of the same name.

Each imports what it needs inside, so that a job pays for no other's libraries.
"""

from chronoglot.cli import analyse, checkpoints, data, fetch, measure, pretrain, probe, report
from chronoglot.cli.app import app

__all__ = [
    "analyse",
    "app",
    "checkpoints",
    "data",
    "fetch",
    "measure",
    "pretrain",
    "probe",
    "report",
]
