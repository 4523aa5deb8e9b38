"""A line on standard error every few seconds."""

import sys
import time

_SECONDS_BETWEEN_LINES = 5


class Progress:
    """Counts what is done of `total`; `what` is said before the numbers, `unit` after them."""

    def __init__(self, what: str, total: int, unit: str) -> None:
        self._what, self._total, self._unit, self._done = what, total, unit, 0
        self._began = self._last = time.monotonic()

    def add(self, number: int) -> None:
        """Count `number` more; says so if the last line is old, or all is done."""
        self._done += number
        now = time.monotonic()
        if now - self._last >= _SECONDS_BETWEEN_LINES or self._done == self._total:
            self._last = now
            speed = self._done / max(now - self._began, 1e-9)
            print(
                f"{self._what} {self._done} of {self._total} {self._unit}, "
                f"{speed:.0f} {self._unit}/s",
                file=sys.stderr,
                flush=True,
            )
