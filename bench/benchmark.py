"""What a benchmark is made of: cases, and in each the competitors that do the same work."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parents[1]

Facts = dict[str, float]


class Absent(Exception):
    """What a competitor needs is not installed; the message says how to get it."""


Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Options:
    """How a benchmark is run.

    `small` only shows that everything works; `full` is what the numbers are for. `treebank` is a
    folder of a UD release; without it, an invented language takes its place. `cache` is the folder
    for inputs, which are made once, and for what the competitors write.
    """

    scale: Literal["small", "full"] = "small"
    threads: int = 1
    device: str = "cpu"
    precision: Precision = "fp32"
    repeats: int = 3
    treebank: Path | None = None
    experiment: Path = ROOT / "config.yaml"
    cache: Path = ROOT / "results" / "bench"

    @property
    def full(self) -> bool:
        return self.scale == "full"


def _nothing() -> Any:
    return {}


@dataclass(frozen=True)
class Outcome:
    """What one run of a competitor did: so much of the case's unit.

    `facts` are numbers to show beside the times, `result` what the competitors must agree in.
    Both are asked for after the clock is stopped, and `result` by the tests alone.
    """

    amount: float
    facts: Callable[[], Facts] = _nothing
    result: Callable[[], Any] = _nothing


Run = Callable[[], Outcome]


@dataclass(frozen=True)
class Competitor:
    """A way to do a case's work.

    `prepare(**arguments)` loads what is not to be timed and returns the run; it is called in a
    process of its own, so it is a function of a module. One that takes very long is run `once`,
    and not warmed up.
    """

    name: str
    prepare: Callable[..., Run]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    once: bool = False


@dataclass(frozen=True)
class Case:
    """Competitors over the same inputs; the others are compared with the first.

    `size` says how much there is of what. Results are told as `unit` a second, or as seconds for
    `per` of them.
    """

    name: str
    size: str
    unit: str
    competitors: Sequence[Competitor]
    per: float | None = None
