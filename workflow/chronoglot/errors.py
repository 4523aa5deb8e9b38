"""The one kind of error that a user can mend."""


class UserError(Exception):
    """Something that the user gave is wrong.

    The message says what, where (file and line, or key) and how to mend it; the command line
    prints it alone, without a traceback.
    """
