"""Numbers as the page prints them."""

from collections.abc import Iterable

import pandas as pd

from chronoglot.figures.units import shown

MISSING = "–"


def percent(share: float) -> str:
    """0.8731 → "87.3"; the unit is in the table's head."""
    return MISSING if pd.isna(share) else f"{round(100 * share, 1) + 0.0:.1f}"  # no "-0.0"


def amount(score: float, task: str) -> str:
    """A score in its task's unit: accuracy 0.8731 → "87.3", 1.2345 bits → "1.23"."""
    if pd.isna(score):
        return MISSING
    return percent(score) if shown(task).unit == "%" else f"{round(score, 2) + 0.0:.2f}"


def count(number: float | None) -> str:
    """1500000 → "1,500,000"."""
    return MISSING if pd.isna(number) else f"{int(number):,}"


def duration(seconds: float) -> str:
    """5025 → "1 h 24 min"."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"


def enumerate_words(words: Iterable[str]) -> str:
    """a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
