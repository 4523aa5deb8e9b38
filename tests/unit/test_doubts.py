"""A gain is doubted up to two standard errors of the difference, and not beyond."""

import math

import pytest
from chronoglot.analysis.doubts import NOT_ABOVE, WITHIN_ERROR, doubt
from hypothesis import assume, given
from hypothesis import strategies as st

accuracies = st.integers(0, 1000).map(lambda number: number / 1000)


@given(best=accuracies, baseline=accuracies)
def test_enough_items_take_the_doubt_away(best: float, baseline: float) -> None:
    """A gain is two standard errors at 4 · (sum of the variances) ÷ gain² items."""
    assume(best > baseline)
    items = 4 * (best * (1 - best) + baseline * (1 - baseline)) / (best - baseline) ** 2
    assert doubt(best, (baseline,), math.ceil(items * 1.001) + 1) == ""
    if fewer := math.floor(items * 0.999):
        assert doubt(best, (baseline,), fewer) == WITHIN_ERROR


def test_a_gain_of_two_standard_errors_is_enough() -> None:
    assert doubt(0.75, (0.25,), 6) == ""  # √(6/16 ÷ 6) = 1/4
    assert doubt(0.75, (0.25,), 5) == WITHIN_ERROR


@pytest.mark.parametrize("best", [0.6, 0.999])
def test_a_score_of_no_known_items_is_doubted_like_one_of_a_single_item(best: float) -> None:
    assert doubt(best, (0.5,), 0) == doubt(best, (0.5,), 1) == WITHIN_ERROR


@given(best=accuracies, baselines=st.lists(accuracies, min_size=1, max_size=3))
def test_the_highest_baseline_that_is_known_counts(best: float, baselines: list[float]) -> None:
    expected = doubt(best, (max(baselines),), 100)
    assert doubt(best, (*baselines, math.nan), 100) == expected
    assert doubt(best, (math.nan, *baselines), 100) == expected
    assert (expected == NOT_ABOVE) == (best <= max(baselines))
