"""The benchmarks by name."""

from collections.abc import Callable
from importlib import import_module

from bench.benchmark import Options
from bench.measure import measure
from bench.rows import Row

Say = Callable[[str], None]

# Name → title, in the order that they are run and shown.
TITLES = {
    "encoding": "Encoding",
    "probing": "Probing",
    "bits": "Bits per character",
    "alignment": "Word alignment",
    "xnli": "Sentence pairs",
    "pretraining": "Pretraining",
    "products": "Products of matrices",
    "whole": "From checkpoint to scores",
}


def run(name: str, options: Options, say: Say) -> list[Row]:
    """All rows of a benchmark, without where they were measured."""
    module = import_module(f"bench.{name}")
    if hasattr(module, "run"):
        return list(module.run(options, say))
    return [row for case in module.cases(options) for row in measure(name, case, options, say)]
