"""Where over the layers a task is solved."""

import numpy as np
import pandas as pd
import pytest
from chronoglot.analysis.movement import movement
from hypothesis import given
from hypothesis import strategies as st

STEPS = [0, 100, 1000]


def layered(scores: list[list[float]], task: str = "pos") -> pd.DataFrame:
    """A table of scores from scores[layer][step]."""
    rows = [
        {
            "run": "made-up",
            "step": step,
            "layer": layer,
            "task": task,
            "source": "de",
            "target": "de",
            "score": score,
            "score_dev": score,
            "step0": curve[0],
        }
        for layer, curve in enumerate(scores)
        for step, score in zip(STEPS, curve, strict=True)
    ]
    return pd.DataFrame(rows).astype({"layer": "Int64"})


def test_known_centre_of_mass() -> None:
    table = movement(layered([[0.5, 0.6, 0.4], [0.5, 0.5, 0.6], [0.5, 0.8, 0.8]]))
    assert table["step"].tolist() == STEPS
    # gains 0.1, 0, 0.3: (2 · 0.3) / 0.4; then 0 (a loss is no gain), 0.1, 0.3: (0.1 + 0.6) / 0.4
    expected = [np.nan, 1.5, 1.75]
    assert table["centre_of_mass"].tolist() == pytest.approx(expected, nan_ok=True)
    assert table["best_layer"].tolist() == [0, 2, 2]
    assert table["best"].tolist() == [0.5, 0.8, 0.8]
    assert table["last"].tolist() == [0.5, 0.8, 0.8]


def test_the_best_layer_is_chosen_on_dev_and_scored_on_test() -> None:
    scores = layered([[0.1, 0.2, 0.3], [0.1, 0.4, 0.5]])
    scores["score_dev"] = 1 - scores["score"]
    table = movement(scores)
    assert table["best_layer"].tolist() == [0, 0, 0]
    assert table["best"].tolist() == [0.1, 0.2, 0.3]
    assert table["last"].tolist() == [0.1, 0.4, 0.5]


def test_the_layer_that_alone_gains_is_the_centre() -> None:
    table = movement(layered([[0.5, 0.4, 0.4], [0.5, 0.7, 0.6], [0.5, 0.5, 0.1]]))
    assert table["centre_of_mass"].tolist()[1:] == [1, 1]


def test_without_step_0_there_is_no_centre() -> None:
    table = movement(layered([[0.1, 0.2, 0.3], [0.1, 0.4, 0.5]]).assign(step0=np.nan))
    assert table["centre_of_mass"].isna().all()
    assert table["best"].notna().all()


def test_curves_are_kept_apart_and_a_task_without_layers_has_no_rows() -> None:
    pos = layered([[0.5, 0.6, 0.4], [0.5, 0.5, 0.6]])
    other = layered([[0.1, 0.1, 0.1], [0.1, 0.2, 0.3], [0.1, 0.2, 0.3]], "arc_prediction")
    transfer = layered([[0.2, 0.3, 0.3], [0.2, 0.2, 0.2]]).assign(target="fi")
    bits = layered([[4.0, 3.0, 2.0]], "bpc").assign(layer=pd.NA, score_dev=np.nan)
    together = movement(pd.concat([bits, transfer, other, pos]).astype({"layer": "Int64"}))
    apart = pd.concat([movement(other), movement(pos), movement(transfer)], ignore_index=True)
    pd.testing.assert_frame_equal(together, apart)


exact = st.integers(0, 256).map(lambda number: number / 256)


@given(st.lists(st.lists(exact, min_size=3, max_size=3), min_size=1, max_size=5))
def test_the_centre_lies_within_the_layers_and_knows_no_unit(scores: list[list[float]]) -> None:
    centre = movement(layered(scores))["centre_of_mass"]
    known = centre.dropna()
    assert known.between(0, len(scores) - 1).all()
    gained = [any(curve[step] > curve[0] for curve in scores) for step in range(3)]
    assert centre.notna().tolist() == gained
    stretched = movement(layered([[score / 2 + 0.25 for score in curve] for curve in scores]))
    assert stretched["centre_of_mass"].tolist() == pytest.approx(centre.tolist(), nan_ok=True)
