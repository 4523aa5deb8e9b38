"""Checkpoints that do not lie where their steps are, by the distances between them.

Weights move away from where they were: straight on while the gradient stays the same, as a random
walk otherwise. Norms are left to `chronoglot.checkpoints.jumps`, for decay can draw them back to
what they were: distances here are those of directions, each matrix divided by its own norm. Let
a < b < c be three steps.

- **out and back** (`order:b`): the way from b to c undoes that from a to b. The cosine of the two
  ways is near 1 on a straight line, 0 in a random walk, and -1/2 where weights do nothing but
  shake about one place, each checkpoint as much as any other. Below `_BACK` they turned back: b
  (or a, or c) holds the weights of another step. Of the steps of such triples those are named that
  are part of most of them, and taken out, until there is none; two that were exchanged are named
  together.
- **too near** (`near:a:b`): two steps are nearly equal though they are not neighbours, or though
  neighbours elsewhere are far from each other; a copy in other precision, say.
- **in between** (`between:b:a:c`): b lies on the line from one step to another, as no trainer's
  weights do: an average or interpolation of the two. Here matrices are divided by their usual norm
  in the run, for a straight line is none among directions.

What cannot be seen: two neighbours exchanged that hardly differ beside what lies around them; a run
whose steps are all wrong in one way (shifted, or in reverse); averages of many steps.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from chronoglot.checkpoints.sketch import decoded

# Sound runs stay above 0, exchanged steps come below -0.69 and steps that hold a later one's
# weights below -0.58; -1/2 is what noise alone comes to (see docs/checkpoints.md).
_BACK = -0.55
# Sound runs stay above 0.7 for steps that are not neighbours.
_NEAR = 0.1
# A neighbour is a copy at this part of the way that the slower of random walk and straight line
# would have gone at the speed just before and after.
_NEAR_NEIGHBOUR = 0.01
# In sound runs a checkpoint is further off any line than 8 % of its way to the nearer end, three
# successive updates included; bfloat16 rounds an average by 2 %.
_OFF_LINE = 0.03
# Nearer to an end of the line than this part of it, it is rather a copy of that step.
_END = 0.02


def order(tensors: Mapping[int, dict]) -> dict[str, str]:
    """`order:A`, `near:A:B` or `between:A:B:C` → what was found.

    `tensors` are those of digests, by step, in order. Steps without a finite sketch of the matrices
    that all have (see `chronoglot.checkpoints.sketch`), and steps with equal weights, of which
    there are other findings, are left out.
    """
    steps, directions, weights = _places(tensors)
    if len(steps) < 3:
        return {}
    squares = _squared_distances(directions)
    near = _near(steps, squares)
    between = _between(steps, _squared_distances(weights))
    wrong = {a for pair in near for a in pair} | {b for b, _, _ in between}
    kept = [place for place, step in enumerate(steps) if step not in wrong]
    turned = _turned([steps[place] for place in kept], squares[np.ix_(kept, kept)])
    named = {f"near:{a}:{b}": text for (a, b), text in near.items()}
    named |= {f"between:{b}:{a}:{c}": text for (b, a, c), text in between.items()}
    return named | {":".join(["order", *map(str, group)]): text for group, text in turned.items()}


def _places(
    tensors: Mapping[int, dict],
) -> tuple[list[int], NDArray[np.float64], NDArray[np.float64]]:
    """The steps that can be compared, and where each is [steps, numbers].

    Once with each matrix divided by its own norm, once by the median of its norms.
    """
    sketches = {
        step: {name: decoded(t["sketch"]) for name, t in content.items() if "sketch" in t}
        for step, content in tensors.items()
        if all(t["norm"] is not None for t in content.values() if "sketch" in t)
    }
    weights = {
        step: tuple((name, tensors[step][name]["sha256"]) for name in sketch)
        for step, sketch in sketches.items()
        if sketch
    }
    copies = Counter(weights.values())
    steps = [step for step in weights if copies[weights[step]] == 1]
    directions, scaled = [], []
    for name in _in_all([tensors[step] for step in steps]):
        norms = np.array([tensors[step][name]["norm"] for step in steps])
        if norms.all():
            size = np.prod(tensors[steps[0]][name]["shape"])
            numbers = np.array([sketches[step][name] for step in steps])
            numbers *= np.sqrt(size / numbers.shape[1])
            directions.append(numbers / norms[:, None])
            scaled.append(numbers / np.median(norms))
    if not directions:
        return [], np.zeros((0, 0)), np.zeros((0, 0))
    return steps, np.concatenate(directions, axis=1), np.concatenate(scaled, axis=1)


def _in_all(contents: list[dict]) -> list[str]:
    """Names of the matrices that all have, in one shape, with a sketch."""
    first, *others = contents or [{}]
    return [
        name
        for name, tensor in first.items()
        if "sketch" in tensor
        and all(
            "sketch" in other.get(name, {}) and other[name]["shape"] == tensor["shape"]
            for other in others
        )
    ]


def _squared_distances(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between all pairs of steps [steps, steps]."""
    centred = places - places.mean(axis=0)  # so that less is lost where steps are near
    products = centred @ centred.T
    lengths = np.diag(products)
    return np.maximum(lengths[:, None] + lengths - 2 * products, 0)


def _near(steps: list[int], squares: NDArray[np.float64]) -> dict[tuple[int, int], str]:
    """Pairs of steps that are nearly equal."""
    distances = np.sqrt(squares)
    found = {}
    for a in range(len(steps)):
        for b in range(a + 1, len(steps)):
            if b > a + 1:
                usual = distances[[a, b], a + 1 : b].max(axis=0).min()
                share = _NEAR
            else:
                usual, share = _beside(steps, distances, a), _NEAR_NEIGHBOUR
            if distances[a, b] < share * usual:
                found[steps[a], steps[b]] = (
                    f"nearly equal: {distances[a, b] / usual:.2%} of the distance to be expected"
                )
    return found


def _beside(steps: list[int], distances: NDArray[np.float64], place: int) -> float:
    """How far it should at least be from a step to the next, by the ways before and after it."""
    ways = []
    for other in (place - 1, place + 1):
        if 0 <= other < len(steps) - 1:
            times = (steps[place + 1] - steps[place]) / (steps[other + 1] - steps[other])
            ways.append(distances[other, other + 1] * min(times, times**0.5))
    return min(ways)


def _between(steps: list[int], squares: NDArray[np.float64]) -> dict[tuple[int, int, int], str]:
    """Steps on the line between two others, each with the two whose line is nearest."""
    found = {}
    for b, step in enumerate(steps):
        to = squares[b]
        with np.errstate(divide="ignore", invalid="ignore"):
            along = (to[:, None] + squares - to) / (2 * squares)
            off = np.maximum(to[:, None] - along**2 * squares, 0)
            off = np.sqrt(off / np.minimum(to[:, None], to))
        off[~((along > _END) & (along < 1 - _END))] = np.inf
        off[b] = off[:, b] = np.inf
        x, y = sorted(np.unravel_index(off.argmin(), off.shape))
        if off[x, y] < _OFF_LINE:
            found[step, steps[x], steps[y]] = (
                f"a mixture: {along[x, y]:.0%} of the way from step {steps[x]} to {steps[y]}"
            )
    return found


def _turned(steps: list[int], squares: NDArray[np.float64]) -> dict[tuple[int, ...], str]:
    """Steps at which the weights go out and back, those of most such triples first."""
    found: dict[tuple[int, ...], str] = {}
    triples = {
        (a, b, c): cosine
        for b in range(1, len(steps) - 1)
        for (a, c), cosine in np.ndenumerate(_cosines(squares, b))
        if cosine < _BACK
        for c in [b + 1 + c]
    }
    while triples:
        counts = Counter(place for triple in triples for place in triple)
        most = max(counts.values())
        group = sorted(place for place, count in counts.items() if count == most)
        a, b, c = min(triples, key=lambda triple: triples[triple])
        d = np.sqrt(squares[[a, b, a], [b, c, c]])
        found[tuple(steps[place] for place in group)] = (
            f"the weights go out and back: {d[0]:.2g} from {steps[a]} to {steps[b]}, {d[1]:.2g} "
            f"on to {steps[c]}, yet {steps[a]} and {steps[c]} are {d[2]:.2g} apart (in norms)"
        )
        triples = {t: cosine for t, cosine in triples.items() if not set(t) & set(group)}
    return found


def _cosines(squares: NDArray[np.float64], b: int) -> NDArray[np.float64]:
    """Of the ways from each step before place b to b, and on to each after it."""
    before, after = squares[:b, b, None], squares[b, b + 1 :]
    with np.errstate(divide="ignore", invalid="ignore"):
        return (squares[:b, b + 1 :] - before - after) / (2 * np.sqrt(before * after))
