"""The linear probe: fitted on training examples, its regularisation chosen on dev."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chronoglot.probing.features import Features, Standardised
from chronoglot.probing.solver import path


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
        return self._predict(Standardised(features, self.mean, self.scale))

    def _predict(self, inputs: Standardised) -> NDArray[np.object_]:
        best = [
            (block @ self.weights.T + self.bias).argmax(axis=1).astype(np.int32)
            for block in inputs.blocks()
        ]
        return self.classes[np.concatenate(best)]


@dataclass(frozen=True)
class Fit:
    """The probe that did best on dev, its λ and accuracy there, and the whole path's iterations."""

    probe: Probe
    regularisation: float
    accuracy_dev: float
    iterations: int


def fit(train: Features, dev: Features, strengths: Sequence[float]) -> Fit:
    """Fit a probe for each λ of `strengths`, from strong to weak, and keep the best on dev.

    Of equals the stronger is kept. The path is left where dev accuracy has fallen below its best
    by more than its standard error: weaker regularisation overfits from there on, and is the
    dearest to fit. `train` must have two classes or more; the objective is `solver`'s.
    """
    names, labels = np.unique(train.examples.label.astype(str), return_inverse=True)
    classes = names.astype(object)
    mean, scale = train.moments()
    train_inputs, dev_inputs = (Standardised(part, mean, scale) for part in (train, dev))

    best: Fit | None = None
    iterations = 0
    for solution in path(train_inputs, labels, len(classes), sorted(set(strengths), reverse=True)):
        iterations += solution.iterations
        weights = solution.weights.astype(np.float32)
        if len(weights) == 1:
            weights = np.concatenate([np.zeros_like(weights), weights])
        probe = Probe(mean, scale, weights[:, :-1], weights[:, -1], classes)
        reached = accuracy(probe._predict(dev_inputs), dev.examples.label)
        if best is None or reached > best.accuracy_dev:
            best = Fit(probe, solution.regularisation, reached, iterations)
        elif reached < best.accuracy_dev - _standard_error(best.accuracy_dev, len(dev)):
            break
    if best is None:
        raise ValueError("no regularisation to choose from")
    return replace(best, iterations=iterations)


def _standard_error(share: float, count: int) -> float:
    return float(np.sqrt(share * (1 - share) / count))


def accuracy(predicted: NDArray[np.object_], gold: NDArray[np.object_]) -> float:
    """Share of the examples whose label is predicted; one that training never saw never is."""
    return float(np.mean(predicted == gold))
