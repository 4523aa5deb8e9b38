"""Which λ are tried, which of them are fitted closer, and which is kept."""

import numpy as np
import pytest
from chronoglot.probing.features import Features
from chronoglot.probing.linear import CLOSE, ROUGH, Fit, fit
from chronoglot.probing.solver import TOLERANCE, Regression, Solution
from chronoglot.tables.words import Words
from chronoglot.tasks.base import Examples, ProbingTask, item_inputs
from numpy.typing import NDArray

PATH = [10.0 ** (1 - number / 2) for number in range(13)]  # from strong to weak


def part(vectors: NDArray[np.float32], labels: NDArray[np.bool_]) -> Features:
    def unused(words: Words, split: str, seed: int) -> Examples:
        raise AssertionError("features are made from examples that are there")

    rows = np.arange(len(vectors), dtype=np.int32)
    names = np.where(labels, "b", "a").astype(object)
    task = ProbingTask("plain", "words", unused, item_inputs)
    return Features(task, vectors, Examples(rows, rows * 0 - 1, names))


class Watched:
    """A fit, and for each search in it the λ, the tolerance and the accuracy on dev reached."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, seed: int, noise: float, dev_items: int
    ) -> None:
        random = np.random.default_rng(seed)
        vectors = random.normal(size=(100 + dev_items, 60)).astype(np.float32)
        labels = vectors[:, 0] + noise * random.normal(size=len(vectors)) > 0
        train, dev = vectors[:100], vectors[100:]
        mean, scale = train.mean(0, dtype=float), train.std(0, dtype=float)
        self.dev_items = dev_items
        self.searches: list[tuple[float, float, float]] = []
        self.iterations = 0
        solve = Regression.solve

        def watched(
            regression: Regression,
            strength: float,
            tolerance: float = TOLERANCE,
            start: NDArray[np.float64] | None = None,
        ) -> Solution:
            solution = solve(regression, strength, tolerance, start)
            weights, bias = solution.weights[0, :-1], solution.weights[0, -1]
            said = (dev - mean) / scale @ weights + bias > 0
            self.searches.append((strength, tolerance, float(np.mean(said == labels[100:]))))
            self.iterations += solution.iterations
            return solution

        with monkeypatch.context() as patch:
            patch.setattr(Regression, "solve", watched)
            self.fit: Fit = fit(part(train, labels[:100]), part(dev, labels[100:]), PATH[::-1])

    def of(self, tolerance: float) -> dict[float, float]:
        return {one: reached for one, used, reached in self.searches if used == tolerance}

    def least(self, highest: float) -> float:
        return highest - np.sqrt(highest * (1 - highest) / self.dev_items)


@pytest.fixture(scope="module")
def fits() -> list[Watched]:
    with pytest.MonkeyPatch.context() as patch:
        return [
            Watched(patch, seed, noise, items)
            for seed in range(8)
            for noise, items in ((0.3, 400), (2.0, 400), (0.3, 3000))
        ]


def test_the_path_is_left_where_dev_has_fallen_by_more_than_a_standard_error(
    fits: list[Watched],
) -> None:
    tried = []
    for watched in fits:
        reached = list(watched.of(ROUGH).values())
        assert list(watched.of(ROUGH)) == PATH[: len(reached)]
        falls = [
            accuracy < watched.least(max(reached[: number + 1]))
            for number, accuracy in enumerate(reached)
        ]
        assert not any(falls[:-1])
        assert falls[-1] or len(reached) == len(PATH)
        tried.append(len(reached))
    assert min(tried) < len(PATH) == max(tried)  # some are left and some gone to the end


def test_those_within_a_standard_error_are_fitted_closer_and_the_best_is_finished(
    fits: list[Watched],
) -> None:
    for watched in fits:
        rough, close, finished = map(watched.of, (ROUGH, CLOSE, TOLERANCE))
        least = watched.least(max(rough.values()))
        near = {strength: reached for strength, reached in rough.items() if reached >= least}
        assert set(close) == (set(near) if len(near) > 1 else set())
        running = close or near
        best = max(running, key=lambda strength: (running[strength], strength))
        assert list(finished) == [watched.fit.regularisation] == [best]
        assert watched.fit.accuracy_dev == pytest.approx(finished[best])
        assert watched.fit.iterations == watched.iterations
