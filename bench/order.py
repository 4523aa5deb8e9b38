"""How many faults in the order of a run's checkpoints are named, and how well sketches do.

    python -m bench.order results/in-vitro …

Puts one fault into each place of each run in turn: neighbouring steps exchanged; a step that holds
the weights of one at least two steps later, in half precision; likewise, the later step left out;
a step that is the mean of its neighbours. Prints how many are named, with the step, and what is
found in the run as it is.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from chronoglot.checkpoints.order import order
from chronoglot.checkpoints.sketch import encoded, places
from numpy.typing import NDArray
from safetensors.numpy import load_file

Weights = dict[str, NDArray]


def tensors(weights: Weights) -> dict:
    """Of a digest, what `order` reads."""
    found = {}
    for name, tensor in weights.items():
        norm = float(np.linalg.norm(tensor.astype(float)))
        found[name] = {"shape": list(tensor.shape), "norm": norm, "sha256": hash(tensor.tobytes())}
        if tensor.ndim > 1:
            found[name]["sketch"] = encoded(tensor.ravel()[places(tensor.shape)])
    return found


def faults(run: dict[int, Weights]) -> Iterator[tuple[str, int, dict[int, Weights]]]:
    """Kind, step and run of each fault."""
    steps = list(run)
    for a, b in pairwise(steps):
        yield "exchanged", a, run | {a: run[b], b: run[a]}
    for place, a in enumerate(steps):
        for b in steps[place + 2 :]:
            held = {name: tensor.astype(np.float16) for name, tensor in run[b].items()}
            yield "copy of a later step", a, run | {a: held}
            without = {step: weights for step, weights in run.items() if step != b}
            yield "later step that is not there", a, without | {a: held}
    for a, b, c in zip(steps, steps[1:], steps[2:], strict=False):
        mean = {name: (tensor + run[c][name]) / 2 for name, tensor in run[a].items()}
        yield "mean of its neighbours", b, run | {b: mean}


def ratios(run: dict[int, Weights]) -> list[float]:
    """Distances by sketches ÷ those by all weights, each matrix in its norm, of all pairs."""
    found = []
    for a, first in run.items():
        for b, second in run.items():
            whole = sampled = 0.0
            for name, tensor in first.items():
                square = float(np.square(tensor.astype(float)).sum())
                if a < b and tensor.ndim > 1 and square:
                    changes = np.square((second[name] - tensor).astype(float)).ravel()
                    whole += changes.sum() / square
                    sampled += changes[places(tensor.shape)].mean() * changes.size / square
            if whole:
                found.append((sampled / whole) ** 0.5)
    return found


def main() -> None:
    """Print the table of all runs, and what is found in each as it is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, nargs="+")
    named: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    apart = []
    for folder in parser.parse_args().results:
        found = {
            int(re.findall(r"\d+", str(path))[-1]): load_file(path / "model/model.safetensors")
            for path in folder.glob("checkpoints/step-*")
        }
        run = dict(sorted(found.items()))
        print(f"{folder}: {len(run)} steps, {order(digests(run)) or 'nothing found'}")
        apart += ratios(run)
        for kind, step, faulty in faults(run):
            tried[kind] += 1
            names = order(digests(dict(sorted(faulty.items()))))
            named[kind] += any(str(step) in name.split(":") for name in names)
    for kind, number in tried.items():
        print(f"| {kind} | {named[kind]} of {number} |")
    print(f"sketches: {min(apart):.2f} to {max(apart):.2f} of the distance")


def digests(run: dict[int, Weights]) -> dict[int, dict]:
    """`tensors` of each step."""
    return {step: tensors(weights) for step, weights in run.items()}


if __name__ == "__main__":
    main()
