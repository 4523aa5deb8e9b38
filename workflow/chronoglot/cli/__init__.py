"""The command line: one sub-command a rule, of the same name.

Each imports what it needs inside, so that a job pays for no other's libraries.
"""

from chronoglot.cli import data, pretrain, probe, report
from chronoglot.cli.app import app

__all__ = ["app", "data", "pretrain", "probe", "report"]
