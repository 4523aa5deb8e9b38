"""The results: a JSON line a competitor, with the machine that it ran on."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from bench.benchmark import Facts


@dataclass(frozen=True)
class Row:
    """What a competitor took in one case.

    `wall` and `cpu` are medians over the `repeats`, in seconds for `amount` of `unit`; `walls`
    holds each. `ratio`: how many times as fast the case's first competitor is. Memory in MB, at its
    peak: the process's own, with the files that it maps, and on the GPU.
    `facts` are numbers to show beside; `where` is the machine, the options and the commit.
    """

    benchmark: str
    case: str
    size: str
    competitor: str
    unit: str
    per: float | None
    repeats: int
    amount: float
    wall: float
    cpu: float | None = None
    walls: list[float] = field(default_factory=list)
    ratio: float | None = None
    memory: float | None = None
    resident: float | None = None
    gpu_memory: float | None = None
    facts: Facts = field(default_factory=dict)
    where: dict[str, Any] = field(default_factory=dict)

    def at(self, where: dict[str, Any]) -> "Row":
        """The row with where it was measured."""
        return replace(self, where=where)


def append(rows: Iterable[Row], path: Path) -> None:
    """Add rows at the end of a file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def read(path: Path) -> list[Row]:
    """The rows of a file, the oldest first; none if there is no such file."""
    if not path.exists():
        return []
    names = {each.name for each in fields(Row)}
    with path.open(encoding="utf-8") as file:
        contents = [json.loads(line) for line in file if line.strip()]
    return [Row(**{name: content[name] for name in names & content.keys()}) for content in contents]
