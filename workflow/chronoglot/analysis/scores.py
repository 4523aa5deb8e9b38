"""Collect the score files of all probes into one tidy table."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from chronoglot.analysis.tables import SERIES, write_table
from chronoglot.errors import UserError

COLUMNS: dict[str, tuple[str, type]] = {
    "step": ("step", int),
    "layer": ("layer", int),
    "task": ("task", str),
    "source": ("source", str),
    "target": ("target", str),
    "score": ("accuracy_test", float),
    "score_dev": ("accuracy_dev", float),
    "majority": ("majority_test", float),
    "step0": ("step0_test", float),
    "train_items": ("train_items", int),
    "test_items": ("test_items", int),
    "regularisation": ("regularisation", float),
}
"""Column of the table: its key in a score file, and its type."""

_ORDER = ["task", "source", "target", "layer", "step"]


def _read_scores(path: Path) -> dict[str, object]:
    try:
        scores = json.loads(path.read_bytes())
        return {column: kind(scores[key]) for column, (key, kind) in COLUMNS.items()}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: not a whole score file ({type(error).__name__}: {error}); "
            "delete it and run again"
        ) from error


def collect_scores(files: Sequence[Path], run: str, parquet: Path, csv: Path) -> pd.DataFrame:
    """Write the table of scores, one row per (step, layer, task, source, target).

    `files` are the probes' JSON files, all of one `run`. The rows are sorted by task, source,
    target, layer and step, whatever the order of `files`. Returns the table. Raises UserError if
    there is no file, a file is damaged, or two files score the same tuple.
    """
    if not files:
        raise UserError("no score files to collect: nothing has been probed")
    table = pd.DataFrame([_read_scores(path) for path in files])
    twice = table.duplicated(_ORDER)
    if twice.any():
        number = int(twice.to_numpy().argmax())
        raise UserError(
            f"{files[number]}: another score file holds the same step, layer, task, source and "
            "target; delete the one that does not belong to this experiment"
        )
    table = table.sort_values(_ORDER, ignore_index=True)
    table.insert(0, SERIES[0], run)
    write_table(table, parquet, csv)
    return table
