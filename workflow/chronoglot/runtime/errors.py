"""The one kind of error that a user can mend, and what its messages have in common."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Something that the user gave is wrong.

    The message says what, where (file and line, or key) and how to mend it; the command line
    prints it alone, without a traceback.
    """


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first of some names, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message: the known name that is nearest, or all of them."""
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def most_alike(name: str, known: Iterable[str], number: int = 1) -> list[str]:
    """As many of the known names, those most like `name` first, however unlike they are."""
    return get_close_matches(name, sorted(known), n=number, cutoff=0)
