"""Norms of matrices that jump between neighbouring checkpoints.

Norms grow about as a power of the step, so a speed is Δ log norm ÷ Δ log (step + 1). A norm jumps
if it

- more than doubles or halves,
- 10 times as fast as is usual in the run (the median over matrices and neighbouring steps, of
  norms that move at all), or at a speed above 2 whatever is usual,
- and 3 times as fast as it moves the same way just before or after: what goes on growing, as
  weights that begin small do in a warm-up, is training.

From step 0, untrained, to the next nothing is a jump. Vectors are left out: biases grow from
nothing by any factor.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

_LEAST = math.log(2)
# In sound runs a matrix was at most 3 times as fast as is usual.
_TIMES = 10
# An update moves a weight by about the learning rate at most, which in a warm-up itself grows with
# the step: so a norm grows as the step's square at most.
_FASTEST = 2.0
_AGAIN = 3


def jumps(tensors: Mapping[int, dict]) -> dict[str, str]:
    """`norm:A:B` → what jumped; `tensors` are those of digests, by step, in order."""
    steps = [step for step in tensors if step > 0]
    names = sorted({n for s in steps for n, t in tensors[s].items() if len(t["shape"]) > 1})
    if len(steps) < 2 or not names:
        return {}
    norms = np.array([[_norm(tensors[s].get(name, {})) for s in steps] for name in names])
    jumped, changes = _jumped(norms, np.array(steps))
    found = {}
    for place in np.flatnonzero(jumped.any(axis=0)):
        most = np.where(jumped[:, place], np.abs(changes[:, place]), -1).argmax()
        before, after = norms[most, place : place + 2]
        found[f"norm:{steps[place]}:{steps[place + 1]}"] = (
            f"norms of {jumped[:, place].sum()} of {len(names)} matrices jump, that of "
            f"{names[most]} the most, from {before:.3g} to {after:.3g}"
        )
    return found


def _norm(tensor: Mapping) -> float:
    """NaN where there is no finite one."""
    norm = tensor.get("norm")
    return math.nan if norm is None else norm


def _jumped(norms: NDArray, steps: NDArray) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Whether each norm [matrices, steps] jumps after each step but the last, and Δ log norm."""
    with np.errstate(divide="ignore", invalid="ignore"):  # a norm of 0 moves infinitely far
        changes = np.diff(np.log(norms), axis=1)
        speeds = changes / np.diff(np.log(steps + 1))
        beside = np.pad(speeds, ((0, 0), (1, 1)))
        along = np.sign(speeds) * np.stack([beside[:, :-2], beside[:, 2:]])
    moving = np.abs(speeds[(speeds != 0) & ~np.isnan(speeds)])
    enough = min(_TIMES * np.median(moving), _FASTEST) if moving.size else _FASTEST
    again = _AGAIN * np.nan_to_num(along, posinf=np.inf, neginf=-np.inf).max(axis=0)
    jumped = (np.abs(changes) > _LEAST) & (np.abs(speeds) > np.maximum(enough, again))
    return jumped, changes
