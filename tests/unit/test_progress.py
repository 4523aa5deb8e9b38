"""Lines on standard error: how much is done, of how much, and how fast."""

import re

import pytest
from chronoglot.runtime import progress
from chronoglot.runtime.progress import Progress


def test_what_is_counted_is_said_at_the_end_and_once(capsys: pytest.CaptureFixture[str]) -> None:
    counted = Progress("encoded", 1200, "words")
    counted.add(500)
    assert capsys.readouterr().err == ""
    counted.add(700)
    counted.reach(1200, 1200)
    line = capsys.readouterr().err
    assert re.fullmatch(r"encoded 1,200 of 1,200 words, [\d,]+ words/s\n", line)


def test_what_was_there_before_is_not_taken_for_speed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter([0.0, 1.0, 6.0, 7.0, 20.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    reached = Progress("a.gz:", None, "MB", scale=1_000_000, digits=1)
    reached.reach(10_000_000, None)
    reached.reach(16_000_000, 40_000_000)
    reached.reach(17_000_000, 40_000_000)  # too soon for another line
    reached.reach(20_000_000, None)
    assert capsys.readouterr().err.splitlines() == [
        "a.gz: 16.0 of 40.0 MB, 1.0 MB/s",
        "a.gz: 20.0 MB, 0.5 MB/s",
    ]
