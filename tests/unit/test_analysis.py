"""Learned step, forgetting, the table of scores and its summary."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chronoglot.analysis.doubts import NOT_ABOVE, WITHIN_ERROR, doubt
from chronoglot.analysis.learning import best_layers, forgetting, learned_step, summarise
from chronoglot.analysis.scores import collect_scores
from chronoglot.analysis.tidy import in_language, read_table, transfer, write_named, write_table
from chronoglot.runtime.errors import UserError
from hypothesis import given
from hypothesis import strategies as st
from synthetic_tables import made_up_alignment, made_up_bpc, made_up_scores, made_up_transfer

STEPS = [0, 10, 100, 1000, 5000]

# Multiples of 2^-10: sums, differences and doublings of these are exact in floating point, so
# that a curve moved or stretched crosses the threshold at exactly the same step.
exact = st.integers(1, 1024).map(lambda number: number / 1024)
curves = st.lists(exact, min_size=1, max_size=12)


def steps_of(scores: list[float]) -> list[int]:
    return [0, *(10 * 2**number for number in range(len(scores) - 1))]


def test_known_curve() -> None:
    scores = [0.60, 0.70, 0.788, 0.80, 0.76]
    assert learned_step(STEPS, scores) == 100  # 0.784 = 98 % of 0.80
    assert learned_step(STEPS, scores, baseline=0.60) == 1000  # 0.796 = 0.60 + 98 % of 0.20
    assert forgetting(STEPS, scores) == pytest.approx(0.04 / 0.80)
    assert forgetting(STEPS, scores, baseline=0.60) == pytest.approx(0.04 / 0.20)


def test_a_high_start_looks_learned_until_it_is_corrected() -> None:
    scores = [0.985, 0.985, 0.986, 1.0, 1.0]
    assert learned_step(STEPS, scores) == 0
    assert learned_step(STEPS, scores, baseline=scores[0]) == 1000


def test_known_curve_of_bits_per_character() -> None:
    scores = [8.0, 4.0, 2.03, 2.0, 2.1]
    assert learned_step(STEPS, scores, lower_is_better=True) == 100  # 2.041 = 2.0 / 0.98
    assert learned_step(STEPS, scores, lower_is_better=True, baseline=8.0) == 100
    assert learned_step(STEPS, scores, 0.999, lower_is_better=True, baseline=8.0) == 1000
    assert forgetting(STEPS, scores, lower_is_better=True) == pytest.approx(0.05)
    assert forgetting(STEPS, scores, lower_is_better=True, baseline=8.0) == pytest.approx(0.1 / 6)


def test_a_smaller_share_is_reached_earlier() -> None:
    scores = [0.1, 0.5, 0.7, 0.9, 1.0]
    assert [learned_step(STEPS, scores, share) for share in (0.5, 0.7, 0.9, 1.0)] == STEPS[1:]


def test_one_checkpoint() -> None:
    assert learned_step([700], [0.4]) == 700
    assert forgetting([700], [0.4]) == 0
    assert learned_step([0], [0.4], baseline=0.4) is None
    assert math.isnan(forgetting([0], [0.4], baseline=0.4))


def test_nothing_measured() -> None:
    assert learned_step([0, 10], [math.nan, math.nan]) is None
    assert math.isnan(forgetting([0, 10], [math.nan, math.nan]))
    assert learned_step([], []) is None


def test_a_step_that_was_not_measured_is_passed_over() -> None:
    assert learned_step(STEPS, [0.1, 0.2, math.nan, 1.0, 0.5]) == 1000
    assert forgetting(STEPS, [0.1, 0.2, 1.0, 0.5, math.nan]) == 0.5


def test_an_unknown_baseline_leaves_the_corrected_forms_missing() -> None:
    assert learned_step(STEPS, [0.1, 0.2, 0.3, 0.4, 0.5], baseline=math.nan) is None
    assert math.isnan(forgetting(STEPS, [0.1, 0.2, 0.3, 0.4, 0.5], baseline=math.nan))


@given(curves, st.permutations(range(12)))
def test_the_order_of_the_checkpoints_does_not_matter(
    scores: list[float], order: list[int]
) -> None:
    steps = steps_of(scores)
    order = [index for index in order if index < len(scores)]
    mixed = [steps[index] for index in order], [scores[index] for index in order]
    assert learned_step(*mixed) == learned_step(steps, scores)
    assert forgetting(*mixed) == forgetting(steps, scores)


@given(curves, st.floats(0.01, 1), st.booleans())
def test_learned_at_a_step_of_the_run_not_after_the_best(
    scores: list[float], share: float, lower: bool
) -> None:
    steps = steps_of(scores)
    best_step = steps[int(np.argmin(scores) if lower else np.argmax(scores))]
    for baseline in (None, scores[0]):
        step = learned_step(steps, scores, share, lower, baseline)
        if step is None:
            assert baseline is not None
            assert best_step == 0
        else:
            assert step in steps
            assert step <= best_step


@given(curves, st.integers(-3, 3), st.booleans())
def test_plain_forms_do_not_see_a_change_of_unit(
    scores: list[float], power: int, lower: bool
) -> None:
    steps, other = steps_of(scores), [score * 2.0**power for score in scores]
    assert learned_step(steps, other, lower_is_better=lower) == learned_step(
        steps, scores, lower_is_better=lower
    )
    assert forgetting(steps, other, lower) == forgetting(steps, scores, lower)


@given(curves, exact, st.booleans())
def test_corrected_forms_do_not_see_a_constant(
    scores: list[float], constant: float, lower: bool
) -> None:
    steps, other = steps_of(scores), [score + constant for score in scores]
    assert learned_step(steps, other, 0.98, lower, other[0]) == learned_step(
        steps, scores, 0.98, lower, scores[0]
    )
    assert forgetting(steps, other, lower, other[0]) == pytest.approx(
        forgetting(steps, scores, lower, scores[0]), nan_ok=True, abs=0
    )


@given(curves)
def test_corrected_forms_are_the_same_seen_from_above(scores: list[float]) -> None:
    """A curve turned upside down and read as lower-is-better gains and forgets the same."""
    steps, mirrored = steps_of(scores), [2 - score for score in scores]
    assert learned_step(steps, mirrored, 0.98, True, mirrored[0]) == learned_step(
        steps, scores, 0.98, False, scores[0]
    )
    assert forgetting(steps, mirrored, True, mirrored[0]) == pytest.approx(
        forgetting(steps, scores, False, scores[0]), nan_ok=True, abs=0
    )


@given(curves)
def test_bits_are_learned_when_their_reciprocals_are(scores: list[float]) -> None:
    """Share q of the best characters per bit is the best bits per character divided by q."""
    steps, reciprocal = steps_of(scores), [1 / score for score in scores]
    best = max(scores)
    if any(abs(score - 0.98 * best) < 1e-9 for score in scores):
        return  # rounding decides
    assert learned_step(steps, reciprocal, lower_is_better=True) == learned_step(steps, scores)


@given(curves)
def test_forgetting_is_a_share(scores: list[float]) -> None:
    assert 0 <= forgetting(steps_of(scores), scores) < 1


def naive_best(rows: list[dict]) -> list[dict]:
    chosen: dict[int, dict] = {}
    for row in sorted(rows, key=lambda row: row["layer"]):
        if row["step"] not in chosen or row["score_dev"] > chosen[row["step"]]["score_dev"]:
            chosen[row["step"]] = row
    return [chosen[step] for step in sorted(chosen)]


def test_summary_equals_a_plain_loop() -> None:
    scores = made_up_scores(["de", "fi"], STEPS, layers=3)
    transfer = made_up_transfer(["de"], ["fi"], STEPS, layers=3, seed=5)
    second = made_up_scores(["de"], STEPS, layers=3, seed=9).assign(run="second")
    scores = pd.concat([scores, transfer, second]).sample(frac=1, random_state=1)
    summary = summarise(scores, share=0.9)

    expected = {}
    keys = ("run", "task", "source", "target")
    for series in {tuple(row[key] for key in keys) for row in scores.to_dict("records")}:
        rows = [
            row for row in scores.to_dict("records") if tuple(row[key] for key in keys) == series
        ]
        curves_of = {
            str(layer): [row for row in rows if row["layer"] == layer] for layer in range(4)
        }
        curves_of |= {"best": naive_best(rows), "last": curves_of["3"]}
        for layer, curve in curves_of.items():
            curve = sorted(curve, key=lambda row: row["step"])
            test = [row["score"] for row in curve]
            best, first = max(test), test[0]
            expected[*series, layer] = {
                "best": best,
                "best_step": STEPS[test.index(best)],
                "final": test[-1],
                "learned_step": min(s for s, t in zip(STEPS, test, strict=True) if t >= 0.9 * best),
                "learned_step_corrected": min(
                    s for s, t in zip(STEPS, test, strict=True) if t - first >= 0.9 * (best - first)
                )
                if best > first
                else math.nan,
                "forgetting": (best - test[-1]) / best,
                "forgetting_corrected": (best - test[-1]) / (best - first)
                if best > first
                else math.nan,
                "majority": curve[0]["majority"],
                "step0": first,
            }

    assert len(summary) == len(expected) == (3 * 2 + 3 + 3) * 6
    numeric = summary.select_dtypes("number").columns
    for row in summary.astype(dict.fromkeys(numeric, float)).to_dict("records"):
        numbers = expected[*(row[key] for key in keys), row["layer"]]
        assert {key: row[key] for key in numbers} == pytest.approx(numbers, nan_ok=True)


def test_summary_of_a_curve_that_gains_nothing() -> None:
    scores = made_up_scores(["de"], STEPS, layers=1, tasks=["pos"])
    scores = scores.assign(score=0.5, score_dev=0.5)
    summary = summarise(scores)
    assert summary["learned_step"].tolist() == [0] * 4
    assert summary["learned_step_corrected"].isna().all()
    assert summary["forgetting_corrected"].isna().all()
    assert summary["best_step"].dtype == "Int64"


def test_bits_per_character_have_no_layer_but_the_best() -> None:
    bits = made_up_bpc(["de", "fi"], STEPS)
    summary = summarise(pd.concat([bits, made_up_scores(["de"], STEPS, layers=1, tasks=["pos"])]))
    summary = summary[summary["task"] == "bpc"]
    assert summary["layer"].tolist() == ["best", "best"]
    pd.testing.assert_frame_equal(
        summary.reset_index(drop=True), summarise(bits), check_index_type=False
    )
    for row in summary.to_dict("records"):
        scores = bits.loc[bits["source"] == row["source"], "score"].tolist()
        baseline = scores[0]
        assert row["best"] == min(scores)
        assert row["step0"] == baseline
        assert row["learned_step"] == learned_step(STEPS, scores, lower_is_better=True)
        assert row["learned_step_corrected"] == learned_step(STEPS, scores, 0.98, True, baseline)
        assert row["forgetting"] == forgetting(STEPS, scores, True)
        assert row["forgetting_corrected"] == forgetting(STEPS, scores, True, baseline)


def test_without_a_dev_score_the_best_layer_has_the_best_score() -> None:
    scores = made_up_alignment([("en", "de")], STEPS, layers=3)
    best = best_layers(scores).set_index("step")["score"]
    assert best.to_dict() == scores.groupby("step")["score"].max().to_dict()
    summary = summarise(scores).set_index("layer")
    assert list(summary.index) == ["0", "1", "2", "3", "best", "last"]
    assert summary.loc["best", "best"] == scores["score"].max()
    assert math.isnan(summary.loc["best", "majority"])


def test_curves_over_other_steps_are_read_for_themselves() -> None:
    """A score that is missing at some step of the table is not measured, as one that is NaN."""
    full = made_up_scores(["de", "fi"], STEPS, layers=1, tasks=["pos"])
    gone = (full["source"] == "fi") & full["step"].isin([0, 10, 5000])
    holes = full.assign(score=full["score"].mask(gone), score_dev=full["score_dev"].mask(gone))
    pd.testing.assert_frame_equal(summarise(full[~gone]), summarise(holes))
    summary = summarise(full[~gone]).groupby("source")
    pd.testing.assert_frame_equal(
        summary.get_group("de"), summarise(full).groupby("source").get_group("de")
    )
    assert set(summary.get_group("fi")["best_step"]) <= {100, 1000}
    assert summary.get_group("fi")["step0"].isna().all()


def test_best_layers_are_a_table_in_order_whatever_the_scores_order() -> None:
    scores = made_up_scores(["fi", "de"], STEPS, layers=2, tasks=["pos"])
    best = best_layers(scores.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(best, best_layers(scores))
    assert best.index.tolist() == list(range(2 * len(STEPS)))
    assert best["source"].tolist() == ["de"] * len(STEPS) + ["fi"] * len(STEPS)
    assert best["step"].tolist() == STEPS * 2


def test_the_best_layer_is_chosen_on_dev_and_the_lowest_of_equals() -> None:
    scores = made_up_scores(["de"], [0], layers=2, tasks=["pos"])
    scores["score_dev"] = [0.4, 0.8, 0.8]
    scores["score"] = [0.9, 0.3, 0.7]
    assert best_layers(scores)[["layer", "score"]].to_numpy().tolist() == [[1, 0.3]]


def test_a_run_without_step_0_has_no_corrected_forms() -> None:
    summary = summarise(made_up_scores(["de"], [100, 1000], layers=1, tasks=["pos"]))
    assert summary["step0"].isna().all()
    assert summary["learned_step_corrected"].isna().all()
    assert summary["learned_step"].notna().all()


def test_a_share_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match="share"):
        summarise(made_up_scores(["de"], [0], layers=1), share=98)


@pytest.mark.parametrize(
    ("best", "baselines", "items", "expected"),
    [
        (0.6, (0.6, 0.2), 1000, NOT_ABOVE),
        (0.6, (0.5, 0.7), 1000, NOT_ABOVE),
        (0.61, (0.6, 0.5), 1000, WITHIN_ERROR),
        (0.61, (0.6, 0.5), 100_000, ""),
        (0.9, (0.6, 0.5), 1000, ""),
        (0.9, (math.nan, 0.5), 1000, ""),
        (0.9, (math.nan, math.nan), 1000, ""),
    ],
)
def test_doubts(best: float, baselines: tuple[float, float], items: int, expected: str) -> None:
    assert doubt(best, baselines, items) == expected


def test_noise_alone_is_doubted() -> None:
    """Two samples of the same proportion differ by two standard errors in about 5 % of cases."""
    random = np.random.default_rng(0)
    pairs = random.binomial(400, 0.6, (2000, 2)) / 400
    sure = [doubt(best, (baseline,), 400) == "" for best, baseline in pairs]
    assert 0.01 < np.mean(sure) < 0.04  # the upper half of the 5 %


def write_score_files(folder: Path, table: pd.DataFrame) -> list[Path]:
    """A file a row, but the alignment's in one list."""
    content = table.drop(columns=["run", "step0"]).assign(accuracy_by_class=1)
    rows = json.loads(content.to_json(orient="records", double_precision=15))
    lists = [row for row in rows if row["task"] == "alignment"]
    files = []
    for scores in [row for row in rows if row["task"] != "alignment"] + [lists] * bool(lists):
        files.append(folder / f"{len(files)}.json")
        files[-1].write_text(json.dumps(scores))
    return files


def test_collected_scores_are_those_of_the_files_in_any_order(tmp_path: Path) -> None:
    table = pd.concat(
        [
            made_up_scores(["fi", "de"], [0, 100], layers=2),
            made_up_transfer(["fi"], ["de"], [0, 100], layers=2),
            made_up_bpc(["fi", "de"], [0, 100]),
            made_up_alignment([("fi", "de")], [0, 100], layers=2),
        ]
    )
    files = write_score_files(tmp_path, table)
    assert len(files) == len(table) - 2 * 3 + 1
    found = collect_scores(files[::-1], "made-up", range(3))
    keys = ["task", "source", "target", "layer", "step"]
    expected = table.sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_dtype=False)
    assert list(found.columns) == [
        *("run", "step", "layer", "task", "source", "target", "score", "score_dev"),
        *("majority", "step0", "train_items", "test_items", "unseen", "regularisation"),
    ]
    assert found["layer"].dtype == "Int64"
    pd.testing.assert_frame_equal(collect_scores(files, "made-up", range(3)), found)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    table = made_up_bpc(["fi"], [0, 100])
    parquet, csv = tmp_path / "tables/scores.parquet", tmp_path / "tables/scores.csv"
    write_table(table, parquet, csv)
    pd.testing.assert_frame_equal(read_table(parquet), table)
    pd.testing.assert_frame_equal(pd.read_csv(csv), table, check_dtype=False)
    before = parquet.read_bytes(), csv.read_bytes()
    write_named(table, tmp_path / "tables", "scores")
    assert (parquet.read_bytes(), csv.read_bytes()) == before


@pytest.mark.parametrize("damage", ["", '{"step": 0, "lay', "{}", "[{}]", "null", '{"step": "x"}'])
def test_a_damaged_score_file_is_named(tmp_path: Path, damage: str) -> None:
    files = write_score_files(tmp_path, made_up_scores(["fi"], [0, 100], layers=1, tasks=["pos"]))
    files[2].write_text(damage)
    with pytest.raises(UserError, match=rf"{files[2].name}.*delete it and run again"):
        collect_scores(files, "made-up", [1, 2])


def test_layers_that_are_not_asked_for_are_left_out(tmp_path: Path) -> None:
    table = pd.concat(
        [made_up_bpc(["fi", "de"], [0]), made_up_alignment([("fi", "de")], [0, 100], layers=2)]
    )
    found = collect_scores(write_score_files(tmp_path, table), "made-up", [1])
    kept = table[table["layer"].isna() | (table["layer"] == 1)]
    assert found["layer"].isna().sum() == 2 and len(found) == len(kept) < len(table)


def test_two_files_of_one_tuple_are_refused(tmp_path: Path) -> None:
    file = write_score_files(tmp_path, made_up_bpc(["fi"], [0]))[0]
    twin = tmp_path / "twin.json"
    twin.write_bytes(file.read_bytes())
    with pytest.raises(UserError, match=r"twin\.json"):
        collect_scores([file, twin], "made-up", [1, 2])


def test_no_files_are_refused() -> None:
    with pytest.raises(UserError, match="no scores"):
        collect_scores([], "made-up", [1, 2])


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    path.write_bytes(b"PAR1 cut short")
    with pytest.raises(UserError, match=r"scores\.parquet.*delete it and run again"):
        read_table(path)


def test_in_language_and_transfer_are_apart_and_alignment_is_neither() -> None:
    table = pd.DataFrame(
        {
            "task": ["pos", "pos", "bpc", "alignment"],
            "source": ["de", "de", "fi", "de"],
            "target": ["de", "fi", "fi", "fi"],
        }
    )
    assert in_language(table).index.tolist() == [0, 2]
    assert transfer(table).index.tolist() == [1]
