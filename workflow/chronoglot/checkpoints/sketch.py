"""A few numbers of each matrix, from which distances between checkpoints can be told.

The same places of a matrix are taken from each checkpoint, spread evenly over it, so that the
squared distance of two samples times (size ÷ `NUMBERS`) estimates that of the matrices. Summed over
the matrices of a model, distances come within a few per cent of those of all weights.
"""

import base64
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NUMBERS = 64
_GOLDEN = (math.sqrt(5) - 1) / 2
_TYPE = "<f4"


def places(shape: Sequence[int]) -> NDArray[np.int64]:
    """Which numbers of a flattened matrix are taken, sorted: `NUMBERS` of them, or all if fewer.

    One lies in each of as many equal parts; where in it, by multiples of the golden ratio, so that
    they do not fall into a few columns.
    """
    size = math.prod(shape)
    if size <= NUMBERS:
        return np.arange(size)
    # One of each of `NUMBERS` equal parts.
    within = np.arange(1, NUMBERS + 1) * _GOLDEN % 1
    edges = np.arange(NUMBERS + 1) * size // NUMBERS
    return edges[:-1] + (within * np.diff(edges)).astype(np.int64)


def encoded(numbers: NDArray) -> str:
    """Numbers as text for JSON: base64 of little-endian single precision."""
    return base64.b64encode(numbers.astype(_TYPE).tobytes()).decode("ascii")


def decoded(text: str) -> NDArray[np.float64]:
    """What `encoded` was given, in single precision; raises ValueError if it is none of its."""
    return np.frombuffer(base64.b64decode(text, validate=True), _TYPE).astype(np.float64)
