"""The time that each rule took, from Snakemake's benchmark files."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chronoglot.runtime.errors import UserError


@dataclass(frozen=True)
class Timing:
    """Jobs of one rule: their number, seconds in all and of the longest.

    The files' memory and processor time are left alone: of jobs that share a start (see
    `chronoglot.runtime.shared_start`) they are those of the processes that wait for them.
    """

    rule: str
    jobs: int
    seconds: float
    longest: float


def rule_of(path: Path) -> str:
    """The rule of a benchmark file: `…/benchmarks/RULE.tsv` or `…/benchmarks/RULE/….tsv`."""
    parts = path.with_suffix("").parts
    if "benchmarks" not in parts[:-1]:
        raise UserError(f"{path}: a benchmark file lies in a folder benchmarks/")
    after = len(parts) - 1 - parts[::-1].index("benchmarks") + 1
    return parts[after]


def _number(text: str | None) -> float:
    """Snakemake writes "-" or "NA" for what it could not measure in a short job."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def read_timings(paths: Sequence[Path]) -> list[Timing]:
    """One row a rule, the longest in all first; wall-clock seconds of the jobs are summed."""
    seconds: dict[str, list[float]] = defaultdict(list)
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                seconds[rule_of(path)].append(_number(row.get("s")))
    timings = [Timing(rule, len(taken), sum(taken), max(taken)) for rule, taken in seconds.items()]
    return sorted(timings, key=lambda timing: (-timing.seconds, timing.rule))
