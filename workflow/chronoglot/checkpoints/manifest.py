"""What a model folder should hold: the size and SHA-256 of each file.

Snakemake does not see a file that is damaged after the job that made it; who reads the folder does.
"""

import json
from pathlib import Path

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import sha256, whole

NAME = "manifest.json"


def write_manifest(folder: str | Path) -> None:
    """Write `manifest.json` over all other files of a folder."""
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != NAME)
    entries = {
        path.relative_to(folder).as_posix(): {"size": path.stat().st_size, "sha256": sha256(path)}
        for path in files
    }
    with whole(folder / NAME) as temporary:
        temporary.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8")


def check_manifest(folder: str | Path) -> dict[str, dict]:
    """Raise UserError unless every file of the manifest is there and unchanged.

    Returns the manifest: name → `size` in bytes and `sha256`.
    """
    folder = Path(folder)
    mend = f"delete {folder} and run again"
    try:
        entries = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except OSError:
        raise UserError(f"{folder}: no model folder, for it has no {NAME}; {mend}") from None
    except ValueError:
        raise UserError(f"{folder / NAME}: damaged; {mend}") from None
    for name, expected in entries.items():
        path = folder / name
        if not path.is_file():
            raise UserError(f"{path}: missing; {mend}")
        size = path.stat().st_size
        if size != expected["size"]:
            raise UserError(f"{path}: {size} bytes where {expected['size']} were written; {mend}")
        if sha256(path) != expected["sha256"]:
            raise UserError(f"{path}: changed since it was written; {mend}")
    return entries
