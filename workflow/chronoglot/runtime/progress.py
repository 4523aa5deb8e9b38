"""A line on standard error every few seconds."""

import sys
import time

_SECONDS_BETWEEN_LINES = 5


class Progress:
    """Counts what is done of `total`, if that is known.

    `what` is said before the numbers, which count `scale` as one and have so many `digits`, and
    `unit` after them.
    """

    def __init__(
        self, what: str, total: int | None, unit: str, *, scale: int = 1, digits: int = 0
    ) -> None:
        self._what, self._total, self._unit = what, total, unit
        self._scale, self._digits = scale, digits
        self._done = 0
        self._first: int | None = None
        self._ended = False
        self._began = self._last = time.monotonic()

    def add(self, number: int) -> None:
        """Count `number` more; says so if the last line is old, or all is done."""
        if self._first is None:
            self._first = self._done
        self.reach(self._done + number, self._total)

    def reach(self, done: int, total: int | None) -> None:
        """Count up to `done`; what was there at the first call is not taken for this one's work."""
        self._done, self._total = done, total
        self._first = done if self._first is None else self._first
        now = time.monotonic()
        ends = done == total and not self._ended
        if now - self._last >= _SECONDS_BETWEEN_LINES or ends:
            self._last, self._ended = now, done == total
            of = f" of {self._number(total)}" if total else ""
            speed = (done - self._first) / max(now - self._began, 1e-9)
            print(
                f"{self._what} {self._number(done)}{of} {self._unit}, "
                f"{self._number(speed)} {self._unit}/s",
                file=sys.stderr,
                flush=True,
            )

    def _number(self, number: float) -> str:
        return f"{number / self._scale:,.{self._digits}f}"
