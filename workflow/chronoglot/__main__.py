"""`python -m chronoglot`."""

import sys

from chronoglot.cli import app
from chronoglot.errors import UserError

try:
    app()
except UserError as error:
    sys.exit(f"chronoglot: {error}")
