"""The best source of each target: from which other language a probe transfers best."""

from collections.abc import Sequence

import pandas as pd

from chronoglot.analysis.tidy import SERIES, in_language, transfer


def best_sources(summary: pd.DataFrame, languages: Sequence[str]) -> pd.DataFrame:
    """The best source of every target, one row per (run, task, layer, target).

    `source` is the language, other than the target itself, whose probe has the best score on the
    target over the run, of equals the first in `languages`; `best` that score, `in_language` the
    best score of the target's own probe (NaN if it has none) and `share` best ÷ in_language. A
    target on which nothing was measured is left out. Raises KeyError if a language is not among
    `languages`.
    """
    place = {language: number for number, language in enumerate(languages)}
    key = ["run", "task", "layer", "target"]
    rows = transfer(summary).dropna(subset="best")
    rows = rows.assign(
        _source=[place[source] for source in rows["source"]],
        _target=[place[target] for target in rows["target"]],
        _layer=rows.groupby(SERIES).cumcount(),  # the summary lists layers in order
    )
    rows = rows.sort_values(["best", "_source"], ascending=[False, True]).drop_duplicates(key)
    rows = rows.sort_values(["run", "task", "_target", "_layer"])
    own = in_language(summary)[[*key, "best"]].rename(columns={"best": "in_language"})
    table = rows[[*key, "source", "best"]].merge(own, on=key, how="left")
    return table.assign(share=table["best"] / table["in_language"])
