"""Competitors of the measurement's own tests: run in other processes, which import them alone."""

import time
from pathlib import Path

import numpy as np

from bench.benchmark import Absent, Outcome, Run


def told(file: Path, name: str, megabytes: int = 0, seconds: float = 0.0) -> Run:
    """Writes its name into a file, holding some memory and taking its time."""

    def run() -> Outcome:
        held = np.ones((megabytes, 125_000))
        time.sleep(seconds)
        with file.open("a") as log:
            log.write(name)
        return Outcome(2, lambda: {"held": float(len(held))})

    return run


def absent() -> Run:
    """Is not installed."""
    raise Absent("not installed")


def broken() -> Run:
    """Fails when it runs."""

    def run() -> Outcome:
        raise ValueError("of no use")

    return run
