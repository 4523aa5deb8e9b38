"""An experiment whose data is fetched, up to the tables of data, and what its runs say."""

import re
from pathlib import Path
from typing import Any

from conftest import Outcome, Workflow
from published import TREEBANKS

EXPERIMENT: dict[str, Any] = {
    "experiment": "fetched",
    "checkpoints": {
        "layers": 2,
        "fairseq": {"files": "checkpoints/checkpoint_{step}.pt", "steps": [10, 20]},
    },
    "downloads": {
        "table": "datasets.csv",
        "treebanks": "ud-2.15",
        "xnli": "xnli-1.0",
        "xnli_train": "xnli-mt-1.0",
        "max_characters": 4000,
    },
    "languages": {
        code: {"text": {"dataset": "cc100"}, "treebank": {"name": TREEBANKS[code]}}
        for code in ("en", "cs")
    },
    "tasks": ["bpc", "pos", "xnli", "alignment"],
    "xnli": {"languages": ["en"]},
    "alignment": {"gold": {"en-cs": "czenali-1.0"}},
}
DATA, DOWNLOADS = "results/fetched/data", "data/downloads"
GOLD = f"{DATA}/parallel/en-cs.parquet"
TABLES = [
    *(f"{DATA}/words/{code}.parquet" for code in ("en", "cs")),
    *(f"{DATA}/text/{code}/heldout.txt" for code in ("en", "cs")),
    f"{DATA}/pairs/en.parquet",
    GOLD,
]
"""What the stages after that of the data read."""

JOBS = {"fetch": 6, "treebanks": 1, "unpack": 3, "gold": 1}
JOBS |= {"words": 2, "text": 2, "pairs": 1, "parallel": 1}
"""What makes them from nothing."""


def at(folder: Path) -> Workflow:
    """The workflow in a new folder, with what a user brings: the checkpoints."""
    for step in (10, 20):
        checkpoint = folder / f"checkpoints/checkpoint_{step}.pt"
        checkpoint.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_bytes(b"\x80")
    return Workflow(folder)


def made(outcome: Outcome) -> dict[str, int]:
    """Jobs by rule, if all went well."""
    assert outcome.code == 0, outcome.text[-8000:]
    return outcome.jobs


def said(outcome: Outcome) -> str:
    """The one message of a run that failed."""
    assert outcome.code != 0
    assert "Traceback" not in outcome.text
    messages = set(re.findall(r"^chronoglot: (.+)$", outcome.text, re.M))
    assert len(messages) == 1, outcome.text
    return messages.pop()
