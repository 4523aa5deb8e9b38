"""Norms that jump between checkpoints: each bound holds just beyond it and not just before."""

import math

import pytest
from chronoglot.checkpoints.jumps import jumps

STEPS = (0, 9, 29, 89, 269, 809)  # the next step + 1 is 3 times the one before, from 10 on
UNIT = math.log(3)


def run(usual: float, *speeds: float, matrices: int = 5) -> dict[int, dict]:
    """Digests of a run: one matrix moves at `speeds` from 9 on, the others at the usual speed.

    A speed is Δ log norm ÷ Δ log (step + 1).
    """
    assert len(speeds) == len(STEPS) - 2

    def norm(place: int, moves: tuple[float, ...]) -> dict:
        return {"shape": [4, 4], "norm": 5 * math.exp(UNIT * sum(moves[: max(0, place - 1)]))}

    return {
        step: {"odd": norm(place, speeds)}
        | {f"other {i}": norm(place, (usual,) * len(speeds)) for i in range(matrices)}
        for place, step in enumerate(STEPS)
    }


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("usual", "before", "bound", "after"),
    [
        # More than doubled or halved, where the rest hardly moves.
        (0.01, 0.0, math.log(2) / UNIT, 0.0),
        # 10 times as fast as is usual.
        (0.12, 0.0, 1.2, 0.0),
        # At a speed above 2, however fast is usual.
        (0.5, 0.0, 2.0, 0.0),
        # 3 times as fast as it moves the same way just before, or just after.
        (0.01, 0.4, 1.2, 0.0),
        (0.01, 0.0, 1.2, 0.4),
        (0.01, 0.4, 1.2, 0.2),
    ],
)
def test_a_norm_jumps_beyond_each_bound(
    sign: int, usual: float, before: float, bound: float, after: float
) -> None:
    def found(factor: float) -> dict[str, str]:
        return jumps(run(usual, before * sign, bound * sign * factor, after * sign, 0.0))

    assert found(0.99) == {}
    assert list(found(1.01)) == ["norm:29:89"]


def test_what_moves_the_other_way_beside_excuses_nothing() -> None:
    """A norm that falls and comes back jumps twice."""
    assert list(jumps(run(0.01, -1.2, 1.2, -1.2, 0.0))) == [
        "norm:9:29",
        "norm:29:89",
        "norm:89:269",
    ]


def test_what_is_usual_is_that_of_norms_that_move() -> None:
    """Frozen matrices, be they most of all, do not make every move unusual."""
    tensors = run(0.12, 0.0, 1.1, 0.0, 0.0)
    for step in tensors:
        tensors[step] |= {f"frozen {i}": {"shape": [2, 2], "norm": 1.0} for i in range(50)}
    assert jumps(tensors) == {}


def test_the_matrix_that_jumps_the_farthest_is_named() -> None:
    tensors = run(0.01, 0.0, -1.5, 0.0, 0.0)
    for step, more in zip(STEPS, (1, 1, 1, 3, 3, 3), strict=True):
        tensors[step]["beside"] = {"shape": [4, 4], "norm": more}
        tensors[step]["bias"] = {"shape": [4], "norm": more**9}
    (text,) = jumps(tensors).values()
    assert text == (
        f"norms of 2 of 7 matrices jump, that of odd the most, from 5 to {5 * 3**-1.5:.3g}"
    )


@pytest.mark.parametrize("vanished", [{"shape": [4, 4], "norm": 0.0}, {"shape": [4, 4]}, None])
def test_a_norm_of_nothing_jumps_and_an_unknown_one_does_not(vanished: dict | None) -> None:
    tensors = run(0.01, 0.0, 0.0, 0.0, 0.0)
    del tensors[89]["odd"]
    if vanished:
        tensors[89]["odd"] = vanished
    known = vanished is not None and "norm" in vanished
    assert list(jumps(tensors)) == (["norm:29:89", "norm:89:269"] if known else [])


def test_nothing_jumps_from_step_0_nor_in_a_single_step() -> None:
    tensors = run(0.01, 0.0, 0.0, 0.0, 0.0)
    tensors[0]["odd"] = {"shape": [4, 4], "norm": 1e-9}
    assert jumps(tensors) == {}
    assert jumps({step: tensors[step] for step in (0, 9)}) == {}
    assert jumps({step: {"bias": {"shape": [4], "norm": 3.0**step}} for step in (1, 2, 3)}) == {}


def test_two_steps_are_enough() -> None:
    tensors = run(0.01, 1.2, 0.0, 0.0, 0.0)
    assert list(jumps({step: tensors[step] for step in (9, 29)})) == ["norm:9:29"]
