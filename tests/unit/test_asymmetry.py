"""Both directions of transfer, and the best source of a target."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from chronoglot.analysis.asymmetry import MEASURES, asymmetry
from chronoglot.analysis.learning import summarise
from chronoglot.analysis.sources import best_sources
from synthetic_tables import made_up_scores

LANGUAGES = ["fi", "de", "tr"]  # not in the order of the alphabet


def summary_of(best: dict[tuple[str, str], float], task: str = "pos") -> pd.DataFrame:
    """A summary with these best scores; the other measures follow from them."""
    rows = [
        {
            "run": "made-up",
            "task": task,
            "source": source,
            "target": target,
            "layer": layer,
            "best": score,
            "final": score / 2,
            "learned_step": None if np.isnan(score) else round(1000 * score),
            "learned_step_corrected": None,
        }
        for (source, target), score in sorted(best.items())
        for layer in ("0", "1", "best", "last")
    ]
    whole = {"learned_step": "Int64", "learned_step_corrected": "Int64"}
    return pd.DataFrame(rows).astype(whole)


BEST = {
    ("fi", "fi"): 0.8,
    ("de", "de"): 0.9,
    ("fi", "de"): 0.6,
    ("de", "fi"): 0.4,
    ("fi", "tr"): 0.5,
    ("de", "tr"): 0.5,
}


def test_both_directions_stand_in_one_row() -> None:
    table = asymmetry(summary_of(BEST), LANGUAGES)
    rows = table[table["layer"] == "best"].set_index(["a", "b"])
    assert rows.index.tolist() == [("fi", "de"), ("fi", "tr"), ("de", "tr")]
    pair = rows.loc[("fi", "de")]
    assert (pair["best_ab"], pair["best_ba"]) == (0.6, 0.4)
    assert (pair["final_ab"], pair["final_ba"]) == (0.3, 0.2)
    assert (pair["learned_step_ab"], pair["learned_step_ba"]) == (600, 400)
    assert pd.isna(pair["learned_step_corrected_ab"])


def test_a_language_that_is_only_a_target_leaves_a_direction_missing() -> None:
    table = asymmetry(summary_of(BEST), LANGUAGES)
    rows = table[table["b"] == "tr"]
    assert len(rows) == 2 * 4
    assert (rows["best_ab"] == 0.5).all()
    assert rows[["best_ba", "final_ba", "learned_step_ba"]].isna().all(axis=None)
    assert table["learned_step_ba"].dtype == "Int64"


def test_exchanging_the_languages_exchanges_the_directions() -> None:
    summary = summarise(
        pd.concat(
            made_up_scores(LANGUAGES, [0, 10, 100], 2, ["pos"], seed).assign(target=target)
            for seed, target in enumerate(LANGUAGES)
        )
    )
    forward, backward = asymmetry(summary, LANGUAGES), asymmetry(summary, LANGUAGES[::-1])
    exchanged = {"a": "b", "b": "a"}
    exchanged |= {f"{measure}_ab": f"{measure}_ba" for measure in MEASURES}
    exchanged |= {f"{measure}_ba": f"{measure}_ab" for measure in MEASURES}
    key = ["task", "layer", "a", "b"]
    pd.testing.assert_frame_equal(
        forward.sort_values(key, ignore_index=True),
        backward.rename(columns=exchanged)[forward.columns].sort_values(key, ignore_index=True),
    )
    assert forward["layer"].unique().tolist() == ["0", "1", "2", "best", "last"]


def test_alignment_and_in_language_rows_are_no_transfer() -> None:
    aligned = summary_of({("de", "fi"): 0.7}, "alignment")
    assert asymmetry(aligned, LANGUAGES).empty
    assert best_sources(aligned, LANGUAGES).empty
    assert asymmetry(summary_of({("de", "de"): 0.7}), LANGUAGES).empty


def test_a_language_out_of_the_list_is_refused() -> None:
    for table in (asymmetry, best_sources):
        with pytest.raises(KeyError, match="tr"):
            table(summary_of(BEST), ["fi", "de"])


def test_best_sources() -> None:
    table = best_sources(summary_of(BEST), LANGUAGES)
    assert table["layer"].tolist() == ["0", "1", "best", "last"] * 3
    rows = table[table["layer"] == "last"].set_index("target")
    assert rows.index.tolist() == LANGUAGES
    assert rows["source"].tolist() == ["de", "fi", "fi"]  # equals: the first in the list
    assert rows["best"].tolist() == [0.4, 0.6, 0.5]
    assert rows["in_language"].tolist() == pytest.approx([0.8, 0.9, np.nan], nan_ok=True)
    assert rows["share"].tolist() == pytest.approx([0.5, 0.6 / 0.9, np.nan], nan_ok=True)


def test_the_best_source_is_the_best_of_all() -> None:
    codes = ["sw", "fi", "de", "tr", "el"]
    scores = np.random.default_rng(0).permutation(len(codes) ** 2) / 100
    pairs = dict(zip(product(codes, codes), scores.tolist(), strict=True))
    rows = best_sources(summary_of(pairs), codes)
    assert rows[rows["layer"] == "last"]["target"].tolist() == codes
    for _, row in rows.iterrows():
        target = row["target"]
        others = {source: pairs[source, target] for source in codes if source != target}
        assert row["source"] == max(others, key=others.__getitem__)
        assert row["best"] == others[row["source"]]
        assert row["in_language"] == pairs[target, target]


def test_of_equal_sources_the_first_in_the_list_is_taken() -> None:
    rows = best_sources(summary_of(BEST), ["de", "fi", "tr"]).set_index("target")
    assert set(rows.loc["tr", "source"]) == {"de"}


def test_a_source_that_was_not_measured_is_not_the_best() -> None:
    rows = best_sources(summary_of(BEST | {("fi", "tr"): np.nan}), LANGUAGES).set_index("target")
    assert set(rows.loc["tr", "source"]) == {"de"}
    assert best_sources(summary_of({("fi", "tr"): np.nan}), LANGUAGES).empty
