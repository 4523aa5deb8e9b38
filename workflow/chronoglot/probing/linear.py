"""The linear probe: fitted on training examples, its regularisation chosen on dev."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronoglot.probing.features import Features, Standardised
from chronoglot.probing.solver import Regression, Solution

# The solver's tolerance for the path of λ, and for those among which accuracy on dev decides. Of 36
# probes of the default experiment 33 keep the λ that fits to convergence choose; the others lose
# 0.065 points of accuracy at most.
ROUGH, CLOSE = 3e-4, 5e-5


@dataclass(frozen=True)
class Probe:
    """A linear classifier of standardised inputs.

    `mean` and `scale` [inputs] are the training part's, `weights` [classes, inputs] and `bias`
    [classes] belong to `classes`, the labels in alphabetical order.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    classes: NDArray[np.object_]

    def predict(self, features: Features) -> NDArray[np.object_]:
        """The likeliest class of each example; of equals the first."""
        return predict([self], features)[0]


def predict(probes: Sequence[Probe], features: Features) -> list[NDArray[np.object_]]:
    """The likeliest class of each example by each of `probes`; the inputs are made once for all."""
    slopes = [probe.weights / probe.scale for probe in probes]
    biases = [
        probe.bias - slope.astype(np.float64) @ probe.mean
        for probe, slope in zip(probes, slopes, strict=True)
    ]
    best: list[list[NDArray[np.intp]]] = [[] for _ in probes]
    for block in features.blocks():
        for found, slope, bias in zip(best, slopes, biases, strict=True):
            found.append((block @ slope.T + bias).argmax(axis=1))
    return [probe.classes[np.concatenate(found)] for probe, found in zip(probes, best, strict=True)]


@dataclass(frozen=True)
class Fit:
    """The probe that did best on dev, its λ and accuracy there, and all iterations spent."""

    probe: Probe
    regularisation: float
    accuracy_dev: float
    iterations: int


def fit(train: Features, dev: Features, strengths: Sequence[float]) -> Fit:
    """Fit a probe for each λ of `strengths`, from strong to weak, and keep the best on dev.

    Each fit starts from the one before and is rough. Those within a standard error of the highest
    dev accuracy, which still moves by as much, are fitted closer; the best of them, of equals the
    stronger, is kept and finished. The path is left where dev accuracy has fallen below its
    highest by more than that: weaker regularisation overfits from there on, and is the dearest to
    fit. `train` must have two classes or more; the objective is `solver`'s.
    """
    names, labels = np.unique(train.examples.label.astype(str), return_inverse=True)
    classes = names.astype(object)
    mean, scale = train.moments()
    regression = Regression(Standardised(train, mean, scale), labels, len(classes))

    def scored(solution: Solution) -> tuple[Probe, float]:
        weights = solution.weights.astype(np.float32)
        if len(weights) == 1:
            weights = np.concatenate([np.zeros_like(weights), weights])
        probe = Probe(mean, scale, weights[:, :-1], weights[:, -1], classes)
        return probe, accuracy(probe.predict(dev), dev.examples.label)

    path: list[tuple[Solution, float]] = []
    highest, iterations = 0.0, 0
    for strength in sorted(set(strengths), reverse=True):
        solution = regression.solve(strength, tolerance=ROUGH)
        iterations += solution.iterations
        _, reached = scored(solution)
        path.append((solution, reached))
        highest = max(highest, reached)
        if reached < highest - _standard_error(highest, len(dev)):
            break
    if not path:
        raise ValueError("no regularisation to choose from")
    near = highest - _standard_error(highest, len(dev))
    running = [(solution, reached) for solution, reached in path if reached >= near]
    if len(running) > 1:
        closer = [
            regression.solve(one.regularisation, tolerance=CLOSE, start=one.weights)
            for one, _ in running
        ]
        iterations += sum(solution.iterations for solution in closer)
        running = [(solution, scored(solution)[1]) for solution in closer]
    best, _ = max(running, key=lambda one: one[1])  # the first of equals
    finished = regression.solve(best.regularisation, start=best.weights)
    probe, accuracy_dev = scored(finished)
    return Fit(probe, best.regularisation, accuracy_dev, iterations + finished.iterations)


def _standard_error(share: float, count: int) -> float:
    return float(np.sqrt(share * (1 - share) / count))


def accuracy(predicted: NDArray[np.object_], gold: NDArray[np.object_]) -> float:
    """Share of the examples whose label is predicted; one that training never saw never is."""
    return float(np.mean(predicted == gold))
