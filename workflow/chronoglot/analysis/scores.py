"""Collect the score files of all tuples into one tidy table."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from chronoglot.analysis.tidy import SERIES
from chronoglot.runtime.errors import UserError

COLUMNS = {
    "step": "int64",
    "layer": "Int64",  # bits per character have none
    "task": "str",
    "source": "str",
    "target": "str",
    "score": "float64",
    "score_dev": "float64",
    "majority": "float64",
    "train_items": "Int64",
    "test_items": "int64",
    "unseen": "float64",
    "regularisation": "float64",
}
"""Keys of a score, which are the table's columns, and their types; null where there is none."""

_CURVE = ["task", "source", "target", "layer"]


def _read_scores(path: Path) -> Iterator[dict[str, object]]:
    try:
        content = json.loads(path.read_bytes())
        for scores in content if isinstance(content, list) else [content]:
            yield {column: scores[column] for column in COLUMNS}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: not a whole score file ({type(error).__name__}: {error}); "
            "delete it and run again"
        ) from error


def collect_scores(files: Sequence[Path], run: str, layers: Sequence[int]) -> pd.DataFrame:
    """The table of scores, one row per (step, layer, task, source, target).

    `files` are the jobs' JSON files, all of one `run`: a score, or a list of them; of those the
    `layers` asked for are taken, and what has none. The rows are sorted by task, source, target,
    layer and step, whatever the order of `files`; `step0` is the score of the same tuple at step 0,
    NaN where there is none. Raises UserError if there is no file, a file is damaged, or two files
    score the same tuple.
    """
    wanted = {None, *layers}
    read = [
        (path, scores)
        for path in files
        for scores in _read_scores(path)
        if scores["layer"] in wanted
    ]
    if not read:
        raise UserError("no scores to collect: nothing has been measured")
    table = pd.DataFrame([scores for _, scores in read]).astype(COLUMNS)
    twice = table.duplicated([*_CURVE, "step"])
    if twice.any():
        raise UserError(
            f"{read[int(twice.to_numpy().argmax())][0]}: another score file holds the same step, "
            "layer, task, source and target; delete the one that does not belong to this experiment"
        )
    table = table.sort_values([*_CURVE, "step"], ignore_index=True)
    untrained = table.loc[table["step"] == 0, [*_CURVE, "score"]]
    table = table.merge(untrained.rename(columns={"score": "step0"}), on=_CURVE, how="left")
    table.insert(0, SERIES[0], run)
    table.insert(list(table.columns).index("majority") + 1, "step0", table.pop("step0"))
    return table
