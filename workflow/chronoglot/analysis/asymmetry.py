"""Asymmetry of transfer: what a pair of languages gains from a to b, beside from b to a."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from chronoglot.analysis.tidy import SERIES, transfer

MEASURES = ["best", "final", "learned_step", "learned_step_corrected"]
"""Columns of the summary that are set side by side."""


def asymmetry(summary: pd.DataFrame, languages: Sequence[str]) -> pd.DataFrame:
    """Both directions of every pair of languages, one row per (run, task, layer, pair).

    `a` comes before `b` in `languages`. `best_ab` is the best score of the probe trained on a and
    scored on b, `best_ba` that of the other direction, and so for the other measures; a direction
    without probes (a language that is only a target) is missing. Raises KeyError if a language is
    not among `languages`.
    """
    place = {language: number for number, language in enumerate(languages)}
    rows = transfer(summary)
    rows = rows.assign(_layer=rows.groupby(SERIES).cumcount())  # the summary lists layers in order
    forward = np.array(
        [place[a] < place[b] for a, b in zip(rows["source"], rows["target"], strict=True)], bool
    )
    ab = rows[forward].rename(columns={"source": "a", "target": "b"})
    ba = rows[~forward].rename(columns={"source": "b", "target": "a"})
    pair = ["run", "task", "_layer", "layer", "a", "b"]
    table = ab[[*pair, *MEASURES]].merge(
        ba[[*pair, *MEASURES]], on=pair, how="outer", suffixes=("_ab", "_ba")
    )
    table = table.sort_values(
        ["run", "task", "a", "b", "_layer"],
        key=lambda column: column.map(place) if column.name in ("a", "b") else column,
        ignore_index=True,
    )
    measures = [f"{measure}_{direction}" for measure in MEASURES for direction in ("ab", "ba")]
    return table[["run", "task", "layer", "a", "b", *measures]]
