"""`chronoglot`, or `python -m chronoglot`."""

import errno
import sys

from chronoglot.runtime.shared_start.client import hand_over

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_PATHS = {errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}


def main() -> None:
    """Run the command line, in a process of the shared start's server where there is one."""
    code = hand_over(sys.argv)
    if code is None:
        run_command()
    else:
        sys.exit(code)


def run_command() -> None:
    """Run the command line in this process; a user's mistake ends it with one message."""
    from chronoglot.cli import app
    from chronoglot.runtime.errors import UserError

    try:
        app(prog_name="chronoglot")
    except UserError as error:
        sys.exit(f"chronoglot: {error}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else "an output could not be written: "
        if error.errno in _FULL:
            sys.exit(
                f"chronoglot: {where}{error.strerror}; make room, or raise the limit, and run "
                "again: what is whole stays"
            )
        if error.errno in _PATHS and error.filename:
            sys.exit(f"chronoglot: {where}{error.strerror}; mend the path, or what lies there")
        raise


if __name__ == "__main__":
    main()
