"""Checkpoints that hold another step's weights are named; sound runs have no finding."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny_model
import torch
from chronoglot.checkpoints.digest import digest, read_digest
from chronoglot.checkpoints.sketch import NUMBERS, decoded, encoded, places
from chronoglot.checkpoints.verify import verify
from chronoglot.runtime.errors import UserError
from trained_run import Tensors, train, write

STEPS = (0, 50, 100, 200, 300, 400, 600, 800)
# States that the run passed, but under no step of it.
BETWEEN = (250, 500)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    model, _, size = tiny_model.write_tokenizer(tmp_path_factory.mktemp("tokenizer"))
    return model, size


@pytest.fixture(scope="module")
def passed(tokenizer: tuple[Path, int]) -> dict[int, Tensors]:
    return train(tokenizer[1], sorted((*STEPS, *BETWEEN)), noise=0.5)


@pytest.fixture
def run(passed: dict[int, Tensors]) -> dict[int, Tensors]:
    return {step: passed[step] for step in STEPS}


def mixed(a: Tensors, b: Tensors, share: float) -> Tensors:
    """So much of the way from a to b."""
    return {
        name: tensor.lerp(b[name], share) if tensor.is_floating_point() else tensor
        for name, tensor in a.items()
    }


def rounded(tensors: Tensors, dtype: torch.dtype) -> Tensors:
    return {
        name: tensor.to(dtype).to(tensor.dtype) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in tensors.items()
    }


@pytest.fixture
def found(tokenizer: tuple[Path, int], tmp_path: Path):
    """Names of a run's findings about order, from model folders of its tensors."""

    def found(run: dict[int, Tensors]) -> list[str]:
        folders = {
            step: write(tmp_path / f"step-{step}" / "model", tensors, tokenizer)
            for step, tensors in run.items()
        }
        names = [finding.name for finding in verify(folders).findings]
        return [name for name in names if name.split(":")[0] in {"order", "near", "between"}]

    return found


@pytest.mark.parametrize(
    ("steps", "options"),
    [
        (STEPS, {}),
        (STEPS, {"noise": 0.5}),
        (STEPS, {"seed": 1, "rate": 0.02}),
        (STEPS, {"seed": 2, "decay": 0.1}),
        ((0, 1, 2, 3, 10, 11, 12, 100, 101, 102, 103, 400, 401), {"seed": 3}),
        ((0, 100, 300, 500, 700, 800, 900, 990, 1000), {"seed": 4, "decay": 0.3, "noise": 0.5}),
        ((0, 800), {}),
    ],
)
def test_a_sound_run_has_no_findings(
    found, tokenizer: tuple[Path, int], steps: tuple[int, ...], options: dict
) -> None:
    assert found(train(tokenizer[1], steps, **options)) == []


@pytest.mark.parametrize("first", range(1, len(STEPS) - 1))
def test_two_steps_exchanged_are_named(found, run: dict[int, Tensors], first: int) -> None:
    a, b = STEPS[first], STEPS[first + 1]
    run[a], run[b] = run[b], run[a]
    names = found(run)
    assert len(names) == 1
    assert names[0].startswith("order:")
    assert {str(a), str(b)} & set(names[0].split(":"))


def test_steps_far_apart_exchanged_are_named(found, run: dict[int, Tensors]) -> None:
    run[100], run[600] = run[600], run[100]
    names = found(run)
    assert {step for name in names for step in name.split(":")} >= {"100", "600"}
    assert {name.split(":")[0] for name in names} == {"order"}


@pytest.mark.parametrize(("step", "state"), [(50, 250), (100, 500), (400, 250), (800, 250)])
def test_a_step_that_holds_a_state_of_another_time_is_named(
    found, run: dict[int, Tensors], passed: dict[int, Tensors], step: int, state: int
) -> None:
    run[step] = passed[state]
    assert any(str(step) in name.split(":") for name in found(run))


@pytest.mark.parametrize(
    ("step", "other", "dtype"),
    [
        (100, 400, torch.bfloat16),
        (800, 200, torch.bfloat16),
        (300, 400, torch.float16),
        (200, 100, torch.float16),
    ],
)
def test_a_copy_in_another_precision_is_named(
    found, run: dict[int, Tensors], step: int, other: int, dtype: torch.dtype
) -> None:
    run[step] = rounded(run[other], dtype)
    names = found(run)
    a, b = sorted((step, other))
    assert f"near:{a}:{b}" in names


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("step", "others", "share"),
    [(200, (100, 300), 0.5), (300, (50, 600), 0.7), (800, (0, 400), 0.5)],
)
def test_a_mixture_of_two_steps_is_named(
    found,
    run: dict[int, Tensors],
    step: int,
    others: tuple[int, int],
    share: float,
    dtype: torch.dtype,
) -> None:
    a, b = others
    run[step] = rounded(mixed(run[a], run[b], share), dtype)
    assert f"between:{step}:{a}:{b}" in found(run)


def test_a_state_of_another_run_is_named(
    found, run: dict[int, Tensors], tokenizer: tuple[Path, int]
) -> None:
    run[300] = train(tokenizer[1], [300], seed=7, noise=0.5)[300]
    assert [name for name in found(run) if name.startswith("order")] == ["order:300"]


def test_what_cannot_be_compared_is_left_out(
    found, run: dict[int, Tensors], tokenizer: tuple[Path, int]
) -> None:
    run[200] = run[200] | {"0.weight": run[200]["0.weight"] * float("nan")}
    run[400] = run[400] | {"2.weight": run[400]["2.weight"][:-1]}
    assert found(run) == []
    run[300] = train(tokenizer[1], [300], seed=7, noise=0.5)[300]
    assert found(run) == ["order:300"]


def test_a_digest_without_a_sketch_is_refused(
    run: dict[int, Tensors], tokenizer: tuple[Path, int], tmp_path: Path
) -> None:
    content = digest(write(tmp_path / "model", run[50], tokenizer))
    for tensor in content["tensors"].values():
        tensor.pop("sketch", None)
    (tmp_path / "digest.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match="delete it and run again"):
        read_digest(tmp_path / "digest.json")


def test_distances_of_sketches_are_those_of_the_weights(run: dict[int, Tensors]) -> None:
    """For all pairs of steps, as near as the thresholds need."""
    ratios = []
    for a in STEPS:
        for b in STEPS[STEPS.index(a) + 1 :]:
            whole = sampled = 0.0
            for name, tensor in run[a].items():
                if tensor.ndim > 1 and tensor.is_floating_point():
                    change = (run[b][name] - tensor).double().flatten().numpy()
                    taken = change[places(tensor.shape)]
                    norm = float(tensor.double().square().sum()) or 1.0
                    whole += np.square(change).sum() / norm
                    sampled += np.square(taken).sum() * change.size / taken.size / norm
            ratios.append((sampled / whole) ** 0.5)
    assert 0.85 < min(ratios) < max(ratios) < 1.15


@pytest.mark.parametrize("shape", [(3, 4), (64, 1), (65, 1), (100, 9), (768, 768), (250002, 768)])
def test_places_are_spread_evenly(shape: tuple[int, ...]) -> None:
    size = int(np.prod(shape))
    taken = places(shape)
    assert len(taken) == min(size, NUMBERS)
    assert (np.diff(taken) > 0).all()
    assert 0 <= taken[0] <= taken[-1] < size
    if size > NUMBERS * 100:
        assert np.diff(taken).max() < 3 * size / NUMBERS
        assert len(set(taken % shape[-1])) > NUMBERS * 0.9  # not of a few columns alone


def test_numbers_come_back_from_text() -> None:
    numbers = np.array([1.5, -0.25, 3e-5, np.inf])
    assert decoded(encoded(numbers)) == pytest.approx(numbers, rel=1e-7)
    with pytest.raises(ValueError):
        decoded("not base64!")
