"""From text to the checkpoints of one run, with fairseq."""

import logging

from chronoglot.pretraining import fairseq_dataclasses

# Here, since a package is imported before its modules, and so before any of them imports fairseq,
# which prints what it does from its import on.
fairseq_dataclasses.allow()
logging.getLogger("fairseq").setLevel(logging.WARNING)
