"""Multinomial logistic regression with an L2 penalty.

The objective is  mean negative log-likelihood + λ/2 ‖W‖²,  the bias free, on standardised
features: the optimum of scikit-learn's `LogisticRegression(C=1/(n λ))` on the same features.
Two classes have one row of weights, that of the second, here as there.

Limited-memory BFGS (Nocedal 1980) alone takes hundreds of passes over vectors of transformers,
whose features are strongly correlated. Three things save most of them and leave the optimum as it
is. The initial inverse Hessian is a good one,  (A ⊗ Σ + λ I)⁻¹,  with Σ the features' correlation
and A the classes' mean curvature at the weights reached (the factors of Martens and Grosse 2015);
it is applied in the eigenbases of both, and Σ's is found once for all λ. And the steps remembered
are those of the likelihood, to which any λ adds its own part, so that the search for one λ goes
on with what was learned in the searches before. And the first search begins with a sample of the
examples, whose optimum is most of the way to that of all.
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chronoglot.probing.features import Standardised

Matrix = NDArray[np.float64]
Single = NDArray[np.float32]

TOLERANCE = 5e-6  # leaves the loss within 1e-4 of the least
SAMPLED = 3e-3  # tolerance on the sample: nearer to its optimum is no nearer to that of all
MAX_ITERATIONS = 500  # for one λ
MEMORY = 20  # steps that L-BFGS remembers
HALVINGS = 30  # of a step, before the search for a lower loss is given up
NEGLIGIBLE = 1e-3  # share of the examples whose classes the sample may lack
ENOUGH = 8  # examples per input make a sample
FLAT = 1e-3  # share of the mean curvature that every combination of classes is taken to have


@dataclass(frozen=True)
class Solution:
    """What the search for one λ reached: `weights` [classes, inputs + 1], the last column the bias.

    With two classes there is one row, and its score is that of the second over the first.
    """

    regularisation: float
    weights: Matrix
    loss: float
    iterations: int


@dataclass(frozen=True)
class _Likelihood:
    """Mean negative log-likelihood at `weights`, its gradient, and the classes' mean curvature.

    The curvature  diag(p) − p pᵀ  is taken as  (p − y)(p − y)ᵀ,  whose expectation it is.
    """

    weights: Matrix
    loss: float
    gradient: Matrix
    curvature: Matrix

    def penalised(self, penalty: Matrix) -> tuple[float, Matrix]:
        """The objective and its gradient; `penalty` is the λ of each column of the weights."""
        decay = penalty * self.weights
        return self.loss + 0.5 * float(np.vdot(self.weights, decay)), self.gradient + decay


class Regression:
    """The regression of `labels`, class numbers below `classes` with every class present."""

    def __init__(self, inputs: Standardised, labels: NDArray[np.intp], classes: int) -> None:
        self._inputs, self._labels = inputs, labels
        self._every = max(1, len(inputs) // (ENOUGH * len(inputs.mean)))  # the sample's blocks
        share = np.bincount(labels, minlength=classes) / len(labels)
        sample = list(inputs.blocks(self._every))
        self._eigenvalues, self._basis = _correlation(sample)
        # Without a class there is no least loss to search for: its bias would fall for ever.
        absent = share[np.bincount(_of_sample(labels, sample, self._every), minlength=classes) == 0]
        if absent.size and (classes == 2 or absent.sum() > NEGLIGIBLE):
            self._every = 1
        bias = np.log(share) if classes > 2 else np.log(share[1:] / share[0])
        self._reached = self._likelihood(
            np.column_stack([np.zeros((len(bias), len(inputs.mean))), bias])
        )
        self._memory: deque[tuple[Matrix, Matrix]] = deque(maxlen=MEMORY)

    def solve(
        self, strength: float, tolerance: float = TOLERANCE, start: Matrix | None = None
    ) -> Solution:
        """Minimise the objective for λ = `strength`, from `start` or from where the last ended.

        `tolerance` bounds the estimated distance from the least loss, as a share of the loss.
        """
        penalty = np.append(np.full(len(self._inputs.mean), strength), 0.0)
        iterations = 0
        if self._every > 1:
            if start is None:
                iterations = self._descend(penalty, max(tolerance, SAMPLED))
                start = self._reached.weights
            self._every = 1
            self._reached = self._likelihood(start)
        elif start is not None and not np.array_equal(start, self._reached.weights):
            self._reached = self._likelihood(start)
        iterations += self._descend(penalty, tolerance)
        loss, _ = self._reached.penalised(penalty)
        return Solution(strength, self._reached.weights, loss, iterations)

    def _descend(self, penalty: Matrix, tolerance: float) -> int:
        """Advance until the search ends; returns the number of steps."""
        for iterations in range(MAX_ITERATIONS):
            if not self._advance(penalty, tolerance):
                return iterations
        logging.getLogger(__name__).warning(
            "regularisation %g: not converged after %d iterations", penalty[0], MAX_ITERATIONS
        )
        return MAX_ITERATIONS

    def _advance(self, penalty: Matrix, tolerance: float) -> bool:
        """Take one step of L-BFGS; False if the search has ended.

        Half the product of gradient and step estimates how far the loss lies above its least (it
        is half the squared Newton decrement): the search ends when that is `tolerance` of the loss.
        """
        here = self._reached
        loss, gradient = here.penalised(penalty)
        step = -self._inverse_hessian(gradient, penalty)
        slope = float(np.vdot(gradient, step))
        if -slope / 2 <= tolerance * loss:
            return False
        for size in 0.5 ** np.arange(HALVINGS):
            there = self._likelihood(here.weights + size * step)
            if there.penalised(penalty)[0] <= loss + 1e-4 * size * slope:
                break
        else:  # no descent is left that single precision can see
            return False
        change, bend = there.weights - here.weights, there.gradient - here.gradient
        if np.vdot(change, bend) > 0:
            self._memory.append((change, bend))
        self._reached = there
        return True

    def _inverse_hessian(self, gradient: Matrix, penalty: Matrix) -> Matrix:
        """The two-loop recursion (Nocedal 1980): the estimated inverse Hessian times `gradient`."""
        values, combinations = np.linalg.eigh(self._reached.curvature)
        values = np.maximum(values, max(FLAT * values.mean(), np.finfo(np.float32).tiny))
        hessian = np.outer(values, np.append(self._eigenvalues, 1)) + penalty  # in the eigenbases

        def precondition(vector: Matrix) -> Matrix:
            turned = _turn(combinations.T @ vector, self._basis) / hessian
            return combinations @ _turn(turned, self._basis.T)

        memory = [(change, bend + penalty * change) for change, bend in self._memory]
        curvatures = [float(np.vdot(change, bend)) for change, bend in memory]
        product, shares = gradient.copy(), []
        for (change, bend), curvature in zip(reversed(memory), reversed(curvatures), strict=True):
            shares.append(float(np.vdot(change, product)) / curvature)
            product -= shares[-1] * bend
        product = precondition(product)
        if memory:
            bend = memory[-1][1]
            product *= curvatures[-1] / float(np.vdot(bend, precondition(bend)))
        for (change, bend), curvature in zip(memory, curvatures, strict=True):
            product += (shares.pop() - float(np.vdot(bend, product)) / curvature) * change
        return product

    def _likelihood(self, weights: Matrix) -> _Likelihood:
        slopes = np.ascontiguousarray(weights[:, :-1].T, dtype=np.float32)
        bias = weights[:, -1:].astype(np.float32)
        loss, count = 0.0, 0
        gradient = np.zeros_like(weights)
        curvature = np.zeros((len(weights), len(weights)))
        for block in self._inputs.blocks(self._every):
            start = count * self._every
            gold = self._labels[start : start + len(block)], np.arange(len(block))
            count += len(block)
            # [classes, block], since reductions over classes then run along rows.
            scores = np.ascontiguousarray((block @ slopes).T)
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
            curvature += residuals @ residuals.T
        return _Likelihood(weights, loss / count, gradient / count, curvature / count)


def _of_sample(labels: NDArray[np.intp], sample: Sequence[Single], every: int) -> NDArray[np.intp]:
    """The labels of the blocks of a sample, every n-th of all."""
    starts = every * np.cumsum([0, *map(len, sample[:-1])])
    spans = zip(starts, map(len, sample), strict=True)
    return np.concatenate([labels[start : start + length] for start, length in spans])


def _correlation(sample: Sequence[Single]) -> tuple[Single, Single]:
    """Eigenvalues and eigenvectors (columns) of the correlation matrix, [inputs, inputs]."""
    inputs = np.concatenate(sample)
    eigenvalues, basis = np.linalg.eigh(inputs.T @ inputs / len(inputs))
    return np.maximum(eigenvalues, 0), basis


def _turn(vector: Matrix, basis: Single) -> Matrix:
    """The slopes of `vector` in another basis, its bias as it was."""
    return np.column_stack([vector[:, :-1].astype(np.float32) @ basis, vector[:, -1]])
