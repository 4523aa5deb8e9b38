"""`chronoglot`, or `python -m chronoglot`."""

import errno
import sys

from chronoglot.nursery.client import hand_over

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def main() -> None:
    """Run the command line, in a process of the nursery's where there is one."""
    code = hand_over(sys.argv)
    if code is None:
        run_command()
    else:
        sys.exit(code)


def run_command() -> None:
    """Run the command line in this process; a user's mistake ends it with one message."""
    from chronoglot.cli import app
    from chronoglot.errors import UserError

    try:
        app(prog_name="chronoglot")
    except UserError as error:
        sys.exit(f"chronoglot: {error}")
    except OSError as error:
        if error.errno not in _FULL:
            raise
        where = f"{error.filename}: " if error.filename else "an output could not be written: "
        sys.exit(
            f"chronoglot: {where}{error.strerror}; make room, or raise the limit, and run again: "
            "what is whole stays"
        )


if __name__ == "__main__":
    main()
