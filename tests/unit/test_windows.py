"""Windows of a long sentence: as long as they may be, half overlapping, each word where it is
most central."""

from itertools import pairwise

import numpy as np
from chronoglot.encoding.windows import Window, windows
from hypothesis import given
from hypothesis import strategies as st


def test_a_sentence_is_divided_as_soon_as_it_does_not_fit() -> None:
    assert windows(np.arange(3, 12), 8) == [Window(3, 11, 3, 11)]
    # Each word goes to the window where it is farther from an edge that is not the sentence's
    # own: the fifth is third from both, and goes to the first.
    assert windows(np.arange(3, 13), 8) == [Window(3, 11, 3, 9), Window(7, 12, 9, 12)]


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=60),
    first=st.integers(0, 50),
    size=st.integers(12, 60),
)
def test_each_word_is_read_in_the_window_where_it_is_most_central(
    counts: list[int], first: int, size: int
) -> None:
    """Of equals the first. Beyond the sentence's own edges there is no context to miss."""
    starts = first + np.cumsum([0, *counts])
    parts = windows(starts, size)

    def depth(part: Window, start: int, stop: int) -> float:
        before = start - part.start if part.start > starts[0] else np.inf
        after = part.stop - stop if part.stop < starts[-1] else np.inf
        return min(before, after, size)

    for start, stop in pairwise(starts):
        readers = [part for part in parts if part.start <= start and stop <= part.stop]
        deepest = max(readers, key=lambda part: depth(part, start, stop))
        assert deepest.keep_start <= start and stop <= deepest.keep_stop


@given(
    counts=st.lists(st.integers(1, 5), min_size=1, max_size=80),
    first=st.integers(0, 50),
    size=st.integers(20, 60),
)
def test_windows_are_full_and_overlap_by_half(counts: list[int], first: int, size: int) -> None:
    starts = first + np.cumsum([0, *counts])
    parts = windows(starts, size)
    assert (len(parts) == 1) == (starts[-1] - first <= size)
    for part, following in pairwise(parts):
        # Not a word more would fit, and the next begins with the word at the middle.
        assert part.stop == starts[starts <= part.start + size].max()
        middle = (part.start + part.stop) // 2
        assert following.start == starts[starts <= middle].max()


@given(number=st.integers(1, 400), size=st.integers(1, 9))
def test_a_word_longer_than_a_window_is_cut_where_windows_are_full(number: int, size: int) -> None:
    parts = windows(np.array([5, 5 + number]), size)
    assert [(part.start, part.stop) for part in parts] == [
        (start, min(start + size, 5 + number)) for start in range(5, 5 + number, size)
    ]
