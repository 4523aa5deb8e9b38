"""`chronoglot`, or `python -m chronoglot`."""

import sys

from chronoglot.cli import app
from chronoglot.errors import UserError


def main() -> None:
    """Run the command line; a user's mistake ends it with one message."""
    try:
        app(prog_name="chronoglot")
    except UserError as error:
        sys.exit(f"chronoglot: {error}")


if __name__ == "__main__":
    main()
