"""What makes the probes' solver fast: few passes over correlated inputs, and none done twice."""

from collections.abc import Iterator

import numpy as np
import pytest
from chronoglot.probing.features import Features, Standardised
from chronoglot.probing.solver import Regression
from chronoglot.tables.words import Words
from chronoglot.tasks.base import Examples, ProbingTask, item_inputs
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

CLASSES = 12
PATH = [1e-1, 1e-2, 1e-3, 1e-4]


def _examples(words: Words, split: str, seed: int) -> Examples:
    raise AssertionError("features are made from examples that are there")


@pytest.fixture(scope="module")
def inputs() -> Standardised:
    """Inputs like a transformer's: few strong directions, many weak ones, all of them mixed."""
    random = np.random.default_rng(5)
    spectrum = np.arange(1, 97) ** -1.0
    vectors = random.normal(size=(2000, 96)) * spectrum @ random.normal(size=(96, 96))
    rows = np.arange(2000, dtype=np.int32)
    examples = Examples(rows, rows * 0 - 1, rows.astype(object))
    task = ProbingTask("plain", "words", _examples, item_inputs)
    part = Features(task, vectors.astype(np.float32), examples)
    return Standardised(part, *part.moments())


@pytest.fixture(scope="module")
def labels(inputs: Standardised) -> NDArray[np.intp]:
    """Classes that a linear probe tells apart for the most part, some of them rare."""
    random = np.random.default_rng(6)
    truth = random.normal(size=(96, CLASSES))
    scores = np.concatenate(list(inputs.blocks())) @ truth
    scores = scores / scores.std() + random.normal(0, 0.3, scores.shape) - np.arange(CLASSES) / 6
    labels = scores.argmax(axis=1)
    labels[:CLASSES] = np.arange(CLASSES)
    return labels


def test_correlated_inputs_take_a_fraction_of_the_steps_of_plain_l_bfgs(
    inputs: Standardised, labels: NDArray[np.intp]
) -> None:
    vectors = np.concatenate(list(inputs.blocks())).astype(np.float64)
    solution = Regression(inputs, labels, CLASSES).solve(1e-3)
    plain = LogisticRegression(C=1 / (len(labels) * 1e-3), tol=1e-4, max_iter=5000)
    plain.fit(vectors, labels)
    assert solution.iterations < plain.n_iter_[0] / 4


def test_a_search_goes_on_with_what_was_learned_for_other_strengths(
    inputs: Standardised, labels: NDArray[np.intp]
) -> None:
    regression = Regression(inputs, labels, CLASSES)
    *_, before, learned = [regression.solve(strength) for strength in PATH]
    fresh = Regression(inputs, labels, CLASSES).solve(PATH[-1], start=before.weights)
    assert learned.iterations < fresh.iterations
    assert learned.loss == pytest.approx(fresh.loss, rel=1e-4)


def test_a_search_from_its_own_optimum_ends_at_once(
    inputs: Standardised, labels: NDArray[np.intp]
) -> None:
    regression = Regression(inputs, labels, CLASSES)
    solution = regression.solve(1e-3)
    regression.solve(1e-1)
    again = regression.solve(1e-3, start=solution.weights)
    assert again.iterations <= 3
    assert again.loss == pytest.approx(solution.loss, rel=1e-5)


class Counting(Standardised):
    """Counts how often all blocks are read, and how often some."""

    def __init__(self, features: Features) -> None:
        super().__init__(features, *features.moments())
        self.all = self.some = 0

    def blocks(self, every: int = 1) -> Iterator[NDArray[np.float32]]:
        self.all, self.some = self.all + (every == 1), self.some + (every > 1)
        return super().blocks(every)


def test_a_search_begins_with_a_sample_and_ends_with_all(
    inputs: Standardised, labels: NDArray[np.intp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chronoglot.probing.features.BLOCK_BYTES", 0)  # the smallest blocks
    monkeypatch.setattr("chronoglot.probing.solver.ENOUGH", 5)
    sampled, full = (Counting(inputs.features) for _ in range(2))
    found = Regression(sampled, labels, CLASSES).solve(1e-2)
    slopes, bias = np.zeros((CLASSES, 96)), np.log(np.bincount(labels) / len(labels))
    plain = Regression(full, labels, CLASSES).solve(1e-2, start=np.column_stack([slopes, bias]))
    assert found.loss == pytest.approx(plain.loss, rel=1e-4)
    assert sampled.some > full.some
    assert sampled.all < full.all


def _inputs(vectors: NDArray[np.float32]) -> Standardised:
    rows = np.arange(len(vectors), dtype=np.int32)
    examples = Examples(rows, rows * 0 - 1, rows.astype(object))
    part = Features(ProbingTask("plain", "words", _examples, item_inputs), vectors, examples)
    return Standardised(part, *part.moments())


@pytest.mark.parametrize("classes", [2, 3, 12])
@pytest.mark.parametrize("order", ["sorted", "rare last", "mixed"])
def test_a_class_that_the_first_sample_lacks(
    order: str, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The least loss is found all the same, without a warning and in few steps."""
    random = np.random.default_rng(7)
    monkeypatch.setattr("chronoglot.probing.features.BLOCK_BYTES", 1 << 16)
    count, width = 20_000, 8
    vectors = random.normal(size=(count, width)).astype(np.float32)
    scores = vectors @ random.normal(size=(width, classes)) + random.normal(size=(count, classes))
    labels = scores.argmax(axis=1)
    if order == "sorted":
        place = np.argsort(labels, kind="stable")
        vectors, labels = vectors[place], labels[place]
    elif order == "rare last":  # one example in all of the last class
        labels[labels == classes - 1] = 0
        labels[-1] = classes - 1
        if classes == 2:
            labels[-9:] = 1
    inputs = _inputs(vectors)
    assert len(list(inputs.blocks())) > 2
    with np.errstate(all="raise", under="ignore"):
        solution = Regression(inputs, labels, classes).solve(1e-2)
    assert np.isfinite(solution.weights).all()
    assert solution.iterations < 60
    reference = LogisticRegression(C=1 / (count * 1e-2), tol=1e-8, max_iter=1000)
    reference.fit(np.concatenate(list(inputs.blocks())).astype(np.float64), labels)
    slopes, bias = solution.weights[:, :-1], solution.weights[:, -1]
    scale = np.abs(reference.coef_).max()
    np.testing.assert_allclose(slopes, reference.coef_, atol=0.03 * scale)
    if order != "rare last":
        ours, theirs = bias - bias.mean(), reference.intercept_ - reference.intercept_.mean()
        np.testing.assert_allclose(ours, theirs, atol=0.05)
