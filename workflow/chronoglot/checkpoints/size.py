"""How large a converted model is."""

from math import prod
from pathlib import Path

from safetensors import safe_open


def count_parameters(model: Path) -> int:
    """Number of parameters in a model.safetensors file; tied ones are stored, and count, once."""
    with safe_open(model, framework="numpy") as tensors:
        return sum(prod(tensors.get_slice(name).get_shape()) for name in tensors.keys())  # noqa: SIM118
