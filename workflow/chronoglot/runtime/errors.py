"""The one kind of error that a user can mend."""


class UserError(Exception):
    """Something that the user gave is wrong.

    The message says what, where (file and line, or key) and how to mend it; the command line
    prints it alone, without a traceback.
    """


def listed(names: list[str]) -> str:
    """The first five of some names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
