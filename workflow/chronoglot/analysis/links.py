"""The quality of word alignment in all its numbers, as one tidy table."""

import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from chronoglot.alignment.methods import METHODS
from chronoglot.runtime.errors import UserError

MEASURES = ["precision", "recall", "f1", "aer", "links"]
_KEY = ["step", "layer", "source", "target"]
_GOLD = ["sentences", "sure_links", "possible_links"]


def links(files: Sequence[Path], run: str, layers: Sequence[int]) -> pd.DataFrame:
    """One row per (step, layer, source, target, method), sorted by pair, method, layer and step.

    `files` are the alignment jobs' JSON files, of which the `layers` asked for are taken. Columns:
    `precision`, `recall`, `f1`, `aer` and the
    number of `links` found (see `chronoglot.alignment.metrics`; NaN where undefined), and of the
    gold alignment `sentences`, `sure_links` and `possible_links`. Raises UserError if a file is
    damaged.
    """
    rows = []
    for path in files:
        try:
            for scores in json.loads(path.read_bytes()):
                constant = {name: scores[name] for name in (*_KEY, *_GOLD)}
                rows += [
                    constant
                    | {"method": method}
                    | {name: scores[f"{method}_{name}"] for name in MEASURES}
                    for method in METHODS
                    if scores["layer"] in layers
                ]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{path}: not a whole score file ({type(error).__name__}: {error}); "
                "delete it and run again"
            ) from error
    columns = [*_KEY, "method", *MEASURES, *_GOLD]
    table = pd.DataFrame(rows, columns=columns)
    table = table.astype(dict.fromkeys(["precision", "recall", "f1", "aer"], float))
    table.insert(0, "run", run)
    return table.sort_values(["source", "target", "method", "layer", "step"], ignore_index=True)
