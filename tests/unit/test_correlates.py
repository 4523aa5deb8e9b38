"""Rank correlations with properties, and their p-values by permuting languages."""

from itertools import permutations as ordered_pairs
from itertools import product

import numpy as np
import pandas as pd
import pytest
from chronoglot.analysis.correlates import MEASURES, OF_LANGUAGE_PAIRS, correlates, mantel
from scipy.stats import kstest, spearmanr

CODES = [f"q{letter}" for letter in "abcdefgh"]
RANK = {code: number for number, code in enumerate(CODES)}
PAIRS = np.array(list(ordered_pairs(range(len(CODES)), 2)))
SOURCE, TARGET = PAIRS.T


def curves(task: str, best: dict[tuple[str, str], float]) -> pd.DataFrame:
    """A summary with the given best scores; what is best is learned first and forgotten least."""
    return pd.DataFrame(
        {
            "run": "made-up",
            "task": task,
            "source": [source for source, _ in best],
            "target": [target for _, target in best],
            "layer": "best",
            "best": best.values(),
            "learned_step": pd.array(
                [round(1000 - 10 * score) for score in best.values()], "Int64"
            ),
            "learned_step_corrected": pd.array([pd.NA] * len(best), "Int64"),
            "forgetting": [1 / (10 + score) for score in best.values()],
            "forgetting_corrected": [1 / (10 + score) for score in best.values()],
        }
    )


def in_language_curves(task: str = "pos") -> pd.DataFrame:
    return curves(task, {(code, code): number + 1.0 for code, number in RANK.items()})


def transfer_curves() -> pd.DataFrame:
    """The best score falls with the distance between the places of two languages."""
    return curves(
        "pos", {(a, b): -abs(RANK[a] - RANK[b]) + 0.0 for a, b in ordered_pairs(CODES, 2)}
    )


def scores_of(summary: pd.DataFrame) -> pd.DataFrame:
    items = [100 - RANK[code] for code in summary["source"]]
    return summary[["run", "task", "source", "target"]].assign(train_items=pd.array(items, "Int64"))


LANGUAGES = pd.DataFrame(
    {
        "language": CODES,
        "text_characters": [10.0**number for number in range(len(CODES))],
        "text_tokens": np.nan,
        "fertility": 2.0,
    }
)
LANGUAGE_PAIRS = pd.DataFrame(
    [
        {
            "source": a,
            "target": b,
            "vocabulary_overlap": 1 / (1 + abs(RANK[a] - RANK[b])),
            "same_script": RANK[a] % 2 == RANK[b] % 2,
            "syntactic": abs(RANK[a] - RANK[b]) / 10,
            "genetic": 1.0,
            "geographic": np.nan,
        }
        for a, b in ordered_pairs(CODES, 2)
    ]
)


def correlated(summary: pd.DataFrame, **options: int) -> pd.DataFrame:
    options = {"permutations": 999, "seed": 1} | options
    return correlates(summary, scores_of(summary), LANGUAGES, LANGUAGE_PAIRS, **options)


def test_in_language_correlations_of_known_strength() -> None:
    table = correlated(in_language_curves()).set_index(["measure", "property"])
    assert table.loc[("best", "text_characters"), "spearman"] == pytest.approx(1)
    assert table.loc[("learned_step", "text_characters"), "spearman"] == pytest.approx(-1)
    assert table.loc[("best", "train_items"), "spearman"] == pytest.approx(-1)
    assert table.loc[("forgetting", "train_items"), "spearman"] == pytest.approx(1)
    assert (table["p_value"] == 1 / 1000).all()  # 8! orders, of which two are as strong
    assert (table["n"] == len(CODES)).all()
    assert set(table["setting"]) == {"in-language"}


def test_transfer_correlations_of_known_strength() -> None:
    table = correlated(transfer_curves()).set_index(["measure", "property"])
    assert table.loc[("best", "vocabulary_overlap"), "spearman"] == pytest.approx(1)
    assert table.loc[("best", "syntactic"), "spearman"] == pytest.approx(-1)
    assert table.loc[("learned_step", "syntactic"), "spearman"] == pytest.approx(1)
    assert table.loc[("best", "syntactic"), "p_value"] == 1 / 1000
    assert (table["n"] == len(CODES) * (len(CODES) - 1)).all()
    assert set(table["setting"]) == {"transfer"}
    assert set(table.index.get_level_values("property")) == {
        *("source text_characters", "target text_characters", "source train_items"),
        *("vocabulary_overlap", "same_script", "syntactic"),
    }


def test_what_is_constant_or_unknown_has_no_row() -> None:
    table = correlated(pd.concat([in_language_curves(), transfer_curves()]))
    assert not table["property"].str.contains("fertility|genetic|geographic").any()
    assert "learned_step_corrected" not in set(table["measure"])
    assert set(table["measure"]) < set(MEASURES)


def test_fewer_than_four_languages_have_no_row() -> None:
    summary = pd.concat([in_language_curves(), transfer_curves()])
    few = summary["source"].isin(CODES[:3]) & summary["target"].isin(CODES[:3])
    assert correlated(summary[few]).empty
    few = summary["source"].isin(CODES[:4]) & summary["target"].isin(CODES[:4])
    assert set(correlated(summary[few])["setting"]) == {"in-language", "transfer"}


def test_bits_per_character_count_in_language_and_alignment_not_at_all() -> None:
    bits = in_language_curves("bpc")
    aligned = transfer_curves().assign(task="alignment")
    summary = pd.concat([bits, aligned])
    scores = scores_of(summary)
    scores["train_items"] = scores["train_items"].mask(scores["task"] == "bpc")
    table = correlates(summary, scores, LANGUAGES, LANGUAGE_PAIRS, permutations=99, seed=1)
    assert set(table["task"]) == {"bpc"}
    assert set(table["property"]) == {"text_characters"}


def test_only_the_best_layer_counts() -> None:
    summary = in_language_curves()
    other = summary.assign(layer="last", best=summary["best"].iloc[::-1].to_numpy())
    pd.testing.assert_frame_equal(correlated(pd.concat([summary, other])), correlated(summary))


def test_a_language_unknown_to_a_property_is_left_out() -> None:
    pairs = LANGUAGE_PAIRS.copy()
    of_last = (pairs["source"] == CODES[-1]) | (pairs["target"] == CODES[-1])
    pairs.loc[of_last, "syntactic"] = np.nan
    summary = transfer_curves()
    table = correlates(
        summary, scores_of(summary), LANGUAGES, pairs, permutations=99, seed=1
    ).set_index(["measure", "property"])
    assert table.loc[("best", "syntactic"), "n"] == 7 * 6
    assert table.loc[("best", "vocabulary_overlap"), "n"] == 8 * 7


def test_a_property_known_of_some_pairs_only_is_left_out() -> None:
    pairs = LANGUAGE_PAIRS.copy()
    pairs.loc[[0, 20], "syntactic"] = np.nan
    summary = transfer_curves()
    table = correlates(summary, scores_of(summary), LANGUAGES, pairs, permutations=99, seed=1)
    assert "syntactic" not in set(table["property"])
    assert "vocabulary_overlap" in set(table["property"])


def test_a_language_that_is_only_a_target_keeps_its_columns() -> None:
    summary = transfer_curves()
    summary = summary[~summary["source"].isin(CODES[:2])]
    table = correlated(summary).set_index(["measure", "property"])
    assert (table["n"] == 6 * 7).all()  # train_items too, which two languages have none of
    assert table.loc[("best", "syntactic"), "p_value"] < 0.01


def test_the_same_seed_gives_the_same_table_whatever_else_is_in_it() -> None:
    transfer = transfer_curves()
    first = correlated(transfer)
    pd.testing.assert_frame_equal(first, correlated(transfer.iloc[::-1]))
    both = correlated(pd.concat([in_language_curves(), transfer]))
    again = both[both["setting"] == "transfer"].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, again)


def noise(random: np.random.Generator) -> np.ndarray:
    return random.normal(size=(len(CODES), len(CODES)))


def test_spearman_is_scipys() -> None:
    random = np.random.default_rng(0)
    values, matrix = noise(random)[SOURCE, TARGET].round(1), noise(random).round(1)
    values[5] = np.nan
    found = mantel(SOURCE, TARGET, values, matrix, permutations=9, seed=0)
    expected = spearmanr(values, matrix[SOURCE, TARGET], nan_policy="omit").statistic
    assert found is not None
    assert found[0] == pytest.approx(expected)
    assert found[2] == len(PAIRS) - 1


def test_few_languages_have_as_many_p_values_as_orders() -> None:
    """All 24 orders of four languages, of which the exact share is known by listing them."""
    random = np.random.default_rng(3)
    values, rank = random.normal(size=4), np.arange(4.0)
    every = np.arange(4)
    strength = [abs(spearmanr(values, order).statistic) for order in ordered_pairs(rank)]
    exact = np.mean(np.array(strength) >= abs(spearmanr(values, rank).statistic) - 1e-9)
    found = mantel(every, every, values, np.tile(rank[:, None], 4), permutations=20_000, seed=0)
    assert found is not None
    assert found[1] == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_languages_change_places_with_those_of_the_same_part_alone(seed: int) -> None:
    """Two sources, two of both and three targets have 2! · 2! · 3! orders, here listed.

    A language that is not observed keeps out, and nothing needs to be known of it.
    """
    random = np.random.default_rng(seed)
    sources, targets = [0, 1, 2, 3], [2, 3, 4, 5, 6]
    source, target = np.array([(a, b) for a in sources for b in targets if a != b]).T
    values, matrix = random.normal(size=len(source)), noise(random)
    matrix[7], matrix[:, 7] = np.nan, np.nan
    strength = [
        abs(spearmanr(values, matrix[order[source], order[target]]).statistic)
        for parts in product(*map(ordered_pairs, ([0, 1], [2, 3], [4, 5, 6])))
        for order in [np.concatenate([*parts, [7]]).astype(int)]
    ]
    exact = np.mean(np.array(strength) >= strength[0] - 1e-9)
    found = mantel(source, target, values, matrix, permutations=4_000, seed=seed)
    assert found is not None
    assert found[1] == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("block", [1, 4_000, 1_000_000])
def test_every_permutation_counts_once_whatever_is_in_memory(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing goes along with anything, every permutation is as strong."""
    monkeypatch.setattr("chronoglot.analysis.correlates._BLOCK", block)
    every = np.arange(4)
    values, property_ = np.array([1.0, 2, 2, 1]), np.array([1.0, 2, 3, 4])
    matrix = np.tile(property_[:, None], 4)
    found = mantel(every, every, values, matrix, permutations=1_001, seed=0)
    assert found == (pytest.approx(0), 1.0, 4)


def null_p_values(of_pairs: bool, simulations: int = 400) -> tuple[list[float], list[float]]:
    """P-values of transfer scores that are made up without regard to a property, and naive ones.

    Every source and target has its own height and every pair its noise; so has the property, if it
    is one of pairs. Naive is to permute pairs.
    """
    random = np.random.default_rng(5)
    found, naive = [], []
    for simulation in range(simulations):
        height, difficulty, own = random.normal(size=(3, len(CODES)))
        values = height[SOURCE] + difficulty[TARGET] + 0.3 * noise(random)[SOURCE, TARGET]
        matrix = np.repeat(own[:, None], len(CODES), axis=1)
        if of_pairs:
            matrix = matrix + matrix.T + noise(random)
        result = mantel(SOURCE, TARGET, values, matrix, permutations=199, seed=simulation)
        assert result is not None
        found.append(result[1])
        naive.append(spearmanr(values, matrix[SOURCE, TARGET]).pvalue)
    return found, naive


@pytest.mark.parametrize("of_pairs", [False, True])
def test_p_values_are_uniform_where_nothing_goes_along(of_pairs: bool) -> None:
    """Permuting pairs would find what is not there: seven scores of one source are not seven."""
    found, naive = null_p_values(of_pairs)
    assert kstest(found, "uniform").pvalue > 0.01
    assert kstest(naive, "uniform").pvalue < 1e-6
    assert np.mean(np.array(naive) < 0.05) > 0.15


def test_all_properties_of_pairs_are_asked_for() -> None:
    assert set(OF_LANGUAGE_PAIRS) == set(LANGUAGE_PAIRS.columns) - {"source", "target"}


def test_tokens_pretrained_on_elsewhere_count() -> None:
    """The settings give them where no text was counted here, so no characters are known."""
    summary = in_language_curves()
    tokens = [3.0**number for number in reversed(range(len(CODES)))]
    languages = LANGUAGES.assign(text_characters=np.nan, text_tokens=tokens)
    table = correlates(
        summary, scores_of(summary), languages, LANGUAGE_PAIRS, permutations=99, seed=1
    ).set_index(["measure", "property"])
    assert table.loc[("best", "text_tokens"), "spearman"] == pytest.approx(-1)
    assert "text_characters" not in set(table.index.get_level_values("property"))
