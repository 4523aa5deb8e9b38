"""The time that each rule took, from Snakemake's benchmark files."""

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chronoglot.errors import UserError


@dataclass(frozen=True)
class Timing:
    """Jobs of one rule: their number, seconds in all and of the longest, peak memory in MB."""

    rule: str
    jobs: int
    seconds: float
    longest: float
    memory: float


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
    memory: dict[str, float] = defaultdict(float)
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                rule = rule_of(path)
                seconds[rule].append(_number(row.get("s")))
                memory[rule] = max(memory[rule], _number(row.get("max_rss")))
    timings = [
        Timing(rule, len(taken), sum(taken), max(taken), memory[rule])
        for rule, taken in seconds.items()
    ]
    return sorted(timings, key=lambda timing: (-timing.seconds, timing.rule))
