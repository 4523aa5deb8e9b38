"""What vectors were made from, kept beside them: whoever reads them looks whether it still holds.

Vectors are left behind where a run is stopped between encoding and probing. Another table, other
weights or other settings then give others, which their shape does not tell.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from chronoglot.checkpoints.manifest import NAME as MODEL_MANIFEST
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import sha256, whole

NAME = "origin.json"


def write_origin(folder: Path, *, model: Path, table: Path, encoding: Mapping[str, object]) -> None:
    """Write beside the vectors in `folder` what they were made from.

    That are the folder of the model, by its manifest; the table of their rows; the settings.
    """
    with whole(folder / NAME) as temporary:
        content = _digests(model, table) | {"encoding": dict(encoding)}
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def check_origin(folder: Path, *, model: Path, table: Path, encoding: Mapping[str, object]) -> None:
    """Raise UserError unless the vectors in `folder` are of this model, table and settings."""
    again = f"delete {folder} and run again"
    try:
        found = dict(json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"{folder / NAME}: does not say what the vectors were made from ({error}); {again}"
        ) from None
    wanted = _digests(model, table) | {"encoding": dict(encoding)}
    of = {"model": f"the model in {model}", "table": str(table), "encoding": f"{encoding}"}
    for key, value in wanted.items():
        if found.get(key) != value:
            raise UserError(f"{folder}: holds vectors that are not of {of[key]}; {again}")


def _digests(model: Path, table: Path) -> dict[str, object]:
    return {"model": sha256(model / MODEL_MANIFEST), "table": sha256(table)}
