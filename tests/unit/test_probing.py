"""The probes against scikit-learn and known truth."""

import logging
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from chronoglot.probing import features as features_module
from chronoglot.probing.features import Features, Standardised
from chronoglot.probing.linear import Probe, fit
from chronoglot.probing.solver import Regression
from chronoglot.tables.words import Words
from chronoglot.tasks import load_task
from chronoglot.tasks.base import Examples, ProbingTask, item_inputs
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

STRENGTHS = [1e-1, 1e-2, 1e-3, 1e-4]

Data = tuple[NDArray[np.float32], NDArray[np.intp]]


def plain(vectors: NDArray[np.float32], labels: NDArray[np.intp]) -> Features:
    """Every row an example, its own vector the input."""

    def unused(words: Words, split: str, seed: int) -> Examples:
        raise AssertionError("features are made from examples that are there")

    rows = np.arange(len(vectors), dtype=np.int32)
    names = np.array([f"class {label:02}" for label in labels], dtype=object)
    return Features(
        ProbingTask("plain", "words", unused, item_inputs),
        vectors,
        Examples(rows, rows * 0 - 1, names),
    )


def standardised(part: Features) -> Standardised:
    return Standardised(part, *part.moments())


def clusters(classes: int, dimension: int, spread: float, count: int = 6000) -> Data:
    """Gaussian clusters of uneven size."""
    random = np.random.default_rng(classes)
    share = 1 / np.arange(1, classes + 1)
    labels = random.choice(classes, size=count, p=share / share.sum())
    labels[:classes] = np.arange(classes)
    centres = random.normal(size=(classes, dimension))
    vectors = centres[labels] + spread * random.normal(size=(count, dimension))
    return vectors.astype(np.float32), labels


def rogue() -> Data:
    """Scales over eight decades, far-off means, repeated and constant inputs, few directions."""
    random = np.random.default_rng(7)
    vectors, labels = clusters(8, 40, 3.0)
    mixed = np.tanh(vectors) @ random.normal(size=(40, 60)) * np.geomspace(1e-4, 1e4, 60)
    offsets = mixed.std(axis=0) * random.normal(0, 30, size=60)
    extra = [mixed[:, :3] + offsets[:3], np.full((len(mixed), 2), 0.1)]
    return np.concatenate([mixed + offsets, *extra], axis=1).astype(np.float32), labels


CASES: dict[str, Callable[[], Data]] = {
    "two classes": lambda: clusters(2, 30, 4.0),
    "five classes": lambda: clusters(5, 20, 2.0),
    "seventeen classes": lambda: clusters(17, 64, 3.0),
    "separable": lambda: clusters(6, 30, 0.3),
    "two separable classes": lambda: clusters(2, 30, 0.3),
    "badly scaled and collinear": rogue,
}


@pytest.fixture(scope="module", params=CASES, ids=lambda name: name.replace(" ", "-"))
def data(request: pytest.FixtureRequest) -> Data:
    return CASES[request.param]()


def loss(
    inputs: NDArray[np.float64],
    labels: NDArray[np.intp],
    weights: NDArray[np.float64],
    bias: NDArray[np.float64],
    strength: float,
) -> float:
    """The objective in double precision; one row of weights is the second class's."""
    scores = inputs @ weights.T + bias
    if scores.shape[1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    gold = scores[np.arange(len(labels)), labels]
    return float(
        np.mean(np.logaddexp.reduce(scores, axis=1) - gold) + strength / 2 * np.sum(weights**2)
    )


def test_optimum_and_accuracy_are_those_of_scikit_learn(data: Data) -> None:
    vectors, labels = data
    train, test = slice(0, 3000), slice(3000, None)
    scaler = StandardScaler().fit(vectors[train].astype(np.float64))
    inputs, unseen = (scaler.transform(vectors[part].astype(np.float64)) for part in (train, test))
    part = plain(vectors[train], labels[train])
    regression = Regression(standardised(part), labels[train], labels.max() + 1)
    for strength in STRENGTHS:
        solution = regression.solve(strength)
        reference = LogisticRegression(C=1 / (3000 * strength), tol=1e-6, max_iter=5000)
        reference.fit(inputs, labels[train])
        weights, bias = solution.weights[:, :-1], solution.weights[:, -1]
        assert weights.shape == reference.coef_.shape
        least = loss(inputs, labels[train], reference.coef_, reference.intercept_, strength)
        reached = loss(inputs, labels[train], weights, bias, strength)
        assert reached <= least * (1 + 1e-4)
        assert solution.loss == pytest.approx(reached, rel=1e-4)

        one = fit(part, plain(vectors[test], labels[test]), [strength])
        assert one.regularisation == strength
        assert one.accuracy_dev == pytest.approx(reference.score(unseen, labels[test]), abs=0.005)


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    vectors, labels = clusters(9, 32, 2.0)
    inputs = standardised(plain(vectors, labels))
    regression = Regression(inputs, labels, 9)
    *_, warm = (regression.solve(strength) for strength in STRENGTHS)
    cold = Regression(inputs, labels, 9).solve(STRENGTHS[-1])
    assert warm.loss == pytest.approx(cold.loss, rel=1e-4)


def test_blocks_made_anew_fit_as_those_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = clusters(4, 24, 2.0)
    task = load_task("arc_classification")
    random = np.random.default_rng(0)
    examples = replace(
        plain(vectors, labels).examples, other=random.permutation(len(labels)).astype(np.int32)
    )
    part = Features(task, vectors, examples)
    kept = fit(part, part, [1e-2]).probe
    monkeypatch.setattr(features_module, "KEPT_BYTES", 0)
    monkeypatch.setattr(features_module, "BLOCK_BYTES", 100 * 72 * 4)
    assert len(list(part.blocks())) == 60
    anew = fit(part, part, [1e-2]).probe
    assert np.abs(kept.weights).max() > 0.1
    np.testing.assert_allclose(anew.weights, kept.weights, atol=5e-3)
    assert np.mean(anew.predict(part) == kept.predict(part)) > 0.999


@pytest.mark.parametrize(("room", "times"), [(40 * 6 * 4, 1), (40 * 6 * 4 - 1, 3)])
def test_features_that_there_is_room_for_are_made_once(
    room: int, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    def inputs(vectors: NDArray[np.float32], examples: Examples) -> NDArray[np.float32]:
        nonlocal made
        made += len(examples)
        return item_inputs(vectors, examples)

    part = plain(*clusters(3, 6, 1.0, count=40))
    part = replace(part, task=replace(part.task, inputs=inputs))
    monkeypatch.setattr(features_module, "KEPT_BYTES", room)
    mean, scale = part.moments()
    made = 0
    standard = Standardised(part, mean, scale)
    blocks = [np.concatenate(list(standard.blocks())) for _ in range(3)]
    assert made == 40 * times
    for block in blocks:
        np.testing.assert_allclose(block, (part.vectors - mean) / scale, atol=1e-5)


def test_a_search_that_cannot_go_on_ends_and_one_cut_short_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    vectors, labels = clusters(3, 10, 0.5)
    inputs = standardised(plain(vectors, labels))
    # No tolerance: single precision ends the search.
    exact = Regression(inputs, labels, 3).solve(1e-3, tolerance=-1.0)
    assert not caplog.records
    usual = Regression(inputs, labels, 3).solve(1e-3)
    assert usual.loss == pytest.approx(exact.loss, rel=1e-4)
    monkeypatch.setattr("chronoglot.probing.solver.MAX_ITERATIONS", 2)
    with caplog.at_level(logging.WARNING):
        Regression(inputs, labels, 3).solve(1e-3)
    assert "not converged after 2" in caplog.text


@settings(max_examples=50)
@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 200), st.integers(1, 4)),
        # The squares of smaller numbers vanish in single precision.
        elements=st.floats(-1000, 1000, width=32).filter(lambda x: x == 0 or abs(x) > 1e-6),
    )
)
def test_moments_are_those_of_double_precision(vectors: NDArray[np.float32]) -> None:
    mean, scale = plain(vectors, np.zeros(len(vectors), int)).moments()
    exact = vectors.astype(np.float64)
    size = np.abs(exact).max(axis=0)
    assert np.all(np.abs(mean - exact.mean(axis=0)) <= 1e-5 * size)
    spread = exact.std(axis=0)
    varies = spread > 1e-4 * size
    np.testing.assert_allclose(scale[varies], spread[varies], rtol=1e-2)
    assert np.all(scale > 0)
    assert np.all(scale[np.ptp(exact, axis=0) == 0] == 1)


def test_moments_far_from_zero_do_not_cancel() -> None:
    random = np.random.default_rng(3)
    vectors = (random.normal(size=(50_000, 8)) + 1000).astype(np.float32)
    mean, scale = plain(vectors, np.zeros(50_000, int)).moments()
    np.testing.assert_allclose(mean, vectors.mean(axis=0, dtype=np.float64), rtol=1e-6)
    np.testing.assert_allclose(scale, vectors.std(axis=0, dtype=np.float64), rtol=1e-4)


def test_a_planted_linear_signal_is_recovered() -> None:
    random = np.random.default_rng(11)
    truth = random.normal(size=(5, 24))
    vectors = random.normal(size=(9000, 24)).astype(np.float32)
    labels = (vectors @ truth.T).argmax(axis=1)
    train, dev, test = (plain(vectors[i::3], labels[i::3]) for i in range(3))
    fitted = fit(train, dev, STRENGTHS)
    assert np.mean(fitted.probe.predict(test) == test.examples.label) > 0.97
    found, planted = (rows - rows.mean(axis=0) for rows in (fitted.probe.weights, truth))
    cosines = np.sum(found * planted, axis=1) / (
        np.linalg.norm(found, axis=1) * np.linalg.norm(planted, axis=1)
    )
    assert cosines.min() > 0.99


def test_pure_noise_gives_about_the_majority() -> None:
    random = np.random.default_rng(12)
    vectors = random.normal(size=(6000, 32)).astype(np.float32)
    labels = random.choice(4, size=6000, p=[0.6, 0.2, 0.1, 0.1])
    train, dev, test = (plain(vectors[i::3], labels[i::3]) for i in range(3))
    fitted = fit(train, dev, STRENGTHS)
    accuracy = np.mean(fitted.probe.predict(test) == test.examples.label)
    assert accuracy == pytest.approx(np.mean(labels[2::3] == 0), abs=0.02)


def test_regularisation_is_that_of_the_best_dev_accuracy_and_the_stronger_of_equals() -> None:
    random = np.random.default_rng(13)
    # Fewer examples than inputs, and noise: weak regularisation overfits.
    vectors = random.normal(size=(1120, 200)).astype(np.float32)
    labels = (vectors[:, 0] + random.normal(size=1120) > 0).astype(int)
    train, dev = plain(vectors[:120], labels[:120]), plain(vectors[120:], labels[120:])
    accuracies = {strength: fit(train, dev, [strength]).accuracy_dev for strength in [10, 1, 1e-4]}
    assert accuracies[1] > accuracies[1e-4]
    chosen = fit(train, dev, [1e-4, 10, 1])
    assert chosen.regularisation == max(accuracies, key=lambda key: (accuracies[key], key))
    # Separable clusters are told apart without fault at any strength.
    vectors, labels = clusters(3, 10, 0.01)
    part = plain(vectors, labels)
    assert fit(part, part, STRENGTHS).regularisation == max(STRENGTHS)


def test_a_label_unseen_in_training_is_an_error() -> None:
    vectors, labels = clusters(3, 10, 0.01)
    known = labels < 2
    fitted = fit(plain(vectors[known], labels[known]), plain(vectors, labels), STRENGTHS)
    assert fitted.accuracy_dev == np.mean(known)
    assert fitted.probe.classes.tolist() == ["class 00", "class 01"]


def test_a_probe_predicts_from_what_it_was_given() -> None:
    # Two inputs, on scales 10 and 0.1; the class is the sign of the standardised second.
    given = Probe(
        mean=np.array([100, 1], np.float32),
        scale=np.array([10, 0.1], np.float32),
        weights=np.array([[0, 0], [0, 1]], np.float32),
        bias=np.array([0, 0], np.float32),
        classes=np.array(["minus", "plus"], dtype=object),
    )
    vectors = np.array([[500, 0.9], [-500, 1.1], [0, 1.01]], np.float32)
    assert given.predict(plain(vectors, np.zeros(3, int))).tolist() == ["minus", "plus", "plus"]
