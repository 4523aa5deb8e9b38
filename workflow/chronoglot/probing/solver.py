"""Multinomial logistic regression with an L2 penalty.

The objective is  mean negative log-likelihood + λ/2 ‖W‖²,  the bias free, on standardised
features: the optimum of scikit-learn's `LogisticRegression(C=1/(n λ))` on the same features.
Two classes have one row of weights, that of the second, here as there.

Limited-memory BFGS (Nocedal 1980) alone takes hundreds of passes over vectors of transformers,
whose features are strongly correlated. Here its initial inverse Hessian is a good one: class by
class  (c Σ + λ I)⁻¹,  with Σ the features' correlation and c the class's mean curvature, applied
in Σ's eigenbasis, which is found once for all λ. The optimum is not changed by it.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronoglot.probing.features import Standardised

Matrix = NDArray[np.float64]

TOLERANCE = 1e-6  # leaves the loss within 1e-4 of the least
MAX_ITERATIONS = 500  # for one λ
MEMORY = 10  # steps that L-BFGS remembers
HALVINGS = 30  # of a step, before the search for a lower loss is given up
CORRELATED = 16  # examples per input, about, are enough to precondition by their correlation


@dataclass(frozen=True)
class Solution:
    """What the search for one λ reached: `weights` [classes, inputs + 1], the last column the bias.

    With two classes there is one row, and its score is that of the second over the first.
    """

    regularisation: float
    weights: Matrix
    loss: float
    iterations: int


class Regression:
    """The regression of `labels`, class numbers below `classes` with every class present."""

    def __init__(self, inputs: Standardised, labels: NDArray[np.intp], classes: int) -> None:
        self._inputs, self._labels = inputs, labels
        self._dimension = len(inputs.mean)
        eigenvalues, self._basis = _correlation(inputs)
        self._eigenvalues = np.append(eigenvalues, 1.0)  # the bias, as a feature of its own
        share = np.bincount(labels, minlength=classes) / len(labels)
        bias = np.log(share) if classes > 2 else np.log(share[1:] / share[0])
        self._curvature = (share * (1 - share))[-len(bias) :]
        self._reached = np.column_stack([np.zeros((len(bias), self._dimension)), bias])

    def solve(
        self, strength: float, tolerance: float = TOLERANCE, start: Matrix | None = None
    ) -> Solution:
        """Minimise the objective for λ = `strength`, from `start` or from where the last ended.

        `tolerance` bounds the estimated distance from the least loss, as a share of the loss.
        """
        penalty = np.append(np.full(self._dimension, strength), 0.0)
        inverse = 1 / (np.outer(self._curvature, self._eigenvalues) + penalty)

        def objective(weights: Matrix) -> tuple[float, Matrix]:
            loss, gradient, self._curvature = _likelihood(self._inputs, self._labels, weights)
            decay = penalty * weights
            return loss + 0.5 * float(np.vdot(weights, decay)), gradient + decay

        def precondition(gradient: Matrix) -> Matrix:
            step = inverse * np.column_stack([gradient[:, :-1] @ self._basis, gradient[:, -1]])
            return np.column_stack([step[:, :-1] @ self._basis.T, step[:, -1]])

        start = self._reached if start is None else start
        self._reached, loss, iterations = _minimise(objective, precondition, start, tolerance)
        if iterations == MAX_ITERATIONS:
            logging.getLogger(__name__).warning(
                "regularisation %g: not converged after %d iterations", strength, iterations
            )
        return Solution(strength, self._reached, loss, iterations)


def _correlation(inputs: Standardised) -> tuple[Matrix, Matrix]:
    """Eigenvalues and eigenvectors (columns) of the inputs' correlation matrix."""
    dimension, count = len(inputs.mean), 0
    total = np.zeros((dimension, dimension), dtype=np.float32)
    for block in inputs.blocks(max(1, len(inputs) // (CORRELATED * dimension))):
        total += block.T @ block
        count += len(block)
    eigenvalues, basis = np.linalg.eigh(total / count)
    return np.maximum(eigenvalues, 0).astype(np.float64), basis.astype(np.float64)


def _likelihood(
    inputs: Standardised, labels: NDArray[np.intp], weights: Matrix
) -> tuple[float, Matrix, Matrix]:
    """Mean negative log-likelihood, its gradient, and the mean curvature of each class.

    The curvature p (1 - p) is taken as (p - y)², whose expectation it is.
    """
    slopes, bias = weights[:, :-1].astype(np.float32), weights[:, -1:].astype(np.float32)
    loss, start = 0.0, 0
    gradient = np.zeros_like(weights)
    curvature = np.zeros(len(weights))
    for block in inputs.blocks():
        gold = labels[start : start + len(block)], np.arange(len(block))
        start += len(block)
        scores = slopes @ block.T  # [classes, block]: reductions over classes run along rows
        scores += bias
        if len(scores) == 1:
            scores = np.concatenate([np.zeros_like(scores), scores])
        scores -= scores.max(axis=0)
        gold_scores = scores[gold]
        np.exp(scores, out=scores)
        total = scores.sum(axis=0)
        loss += float(np.sum(np.log(total) - gold_scores, dtype=np.float64))
        scores /= total
        scores[gold] -= 1
        residuals = scores[-len(weights) :]
        gradient[:, :-1] += residuals @ block
        gradient[:, -1] += residuals.sum(axis=1, dtype=np.float64)
        curvature += np.einsum("cb,cb->c", residuals, residuals)
    return loss / start, gradient / start, curvature / start


def _minimise(
    objective: Callable[[Matrix], tuple[float, Matrix]],
    precondition: Callable[[Matrix], Matrix],
    weights: Matrix,
    tolerance: float,
) -> tuple[Matrix, float, int]:
    """L-BFGS on a strongly convex objective; returns the optimum, its loss and the iterations.

    Half the product of gradient and step estimates how far the loss lies above its least (it is
    half the squared Newton decrement): the search ends when that is `tolerance` of the loss.
    """
    loss, gradient = objective(weights)
    memory: deque[tuple[Matrix, Matrix, float]] = deque(maxlen=MEMORY)
    for iteration in range(MAX_ITERATIONS):
        step = -_inverse_hessian(gradient, memory, precondition)
        slope = float(np.vdot(gradient, step))
        if -slope / 2 <= tolerance * loss:
            return weights, loss, iteration
        for size in 0.5 ** np.arange(HALVINGS):
            reached = weights + size * step
            new_loss, new_gradient = objective(reached)
            if new_loss <= loss + 1e-4 * size * slope:
                break
        else:  # no descent is left that single precision can see
            return weights, loss, iteration
        change, bend = reached - weights, new_gradient - gradient
        curvature = float(np.vdot(change, bend))
        if curvature > 0:
            memory.append((change, bend, curvature))
        weights, loss, gradient = reached, new_loss, new_gradient
    return weights, loss, MAX_ITERATIONS


def _inverse_hessian(
    gradient: Matrix,
    memory: Sequence[tuple[Matrix, Matrix, float]],
    precondition: Callable[[Matrix], Matrix],
) -> Matrix:
    """The two-loop recursion (Nocedal 1980): the estimated inverse Hessian times the gradient."""
    product, shares = gradient.copy(), []
    for change, bend, curvature in reversed(memory):
        share = float(np.vdot(change, product)) / curvature
        product -= share * bend
        shares.append(share)
    product = precondition(product)
    if memory:
        _, bend, curvature = memory[-1]
        product *= curvature / float(np.vdot(bend, precondition(bend)))
    for (change, bend, curvature), share in zip(memory, reversed(shares), strict=True):
        product += (share - float(np.vdot(bend, product)) / curvature) * change
    return product
