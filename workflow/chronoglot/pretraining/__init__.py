"""From text to the checkpoints of one run, with fairseq."""

import logging

from chronoglot.pretraining import fairseq_on_python311

# Here, since a package is imported before its modules, and so before any of them imports fairseq,
# which prints what it does from its import on.
fairseq_on_python311.allow()
logging.getLogger("fairseq").setLevel(logging.WARNING)
