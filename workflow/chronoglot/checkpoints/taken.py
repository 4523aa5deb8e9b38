"""What a checkpoint was taken from, so that another one under its name is noticed.

A run that is trained again into the same folder has the same names. Its checkpoints would pass for
those that were taken before, and the later ones of it would go on with the older run's curve.
"""

import json
import os
from collections.abc import Collection
from pathlib import Path
from time import localtime, strftime

from chronoglot.runtime.files import sha256, whole

NAME = "taken.json"


def write_taken(folder: Path, files: Collection[Path]) -> None:
    """Write into a checkpoint's folder size, time and SHA-256 of what it was taken from."""
    content = {
        str(path.resolve()): _stat(path) | {"sha256": sha256(path)} for path in sorted(files)
    }
    with whole(folder / NAME) as temporary:
        temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def changed(folder: Path, files: Collection[Path]) -> str | None:
    """What differs between what a checkpoint was taken from and the files that are there now.

    None where nothing does, or nothing is known of it. What a trainer has removed is no difference,
    and neither is a file that was only touched: bytes are compared where size or time differ.
    """
    try:
        content = dict(json.loads((folder / NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    for path in sorted(files):
        before = content.get(str(path.resolve()))
        if before is None:
            if content:
                return f"{path} was not there when it was taken"
            continue
        try:
            now = _stat(path)
            same = all(now[key] == before[key] for key in now)
            if same or (now["size"] == before["size"] and sha256(path) == before["sha256"]):
                continue
        except OSError:  # removed in this moment
            continue
        return f"it was taken from {path} {_told(before)}, which is now {_told(now)}"
    return None


def _stat(path: Path) -> dict[str, int]:
    found = os.stat(path)
    return {"size": found.st_size, "time": found.st_mtime_ns}


def _told(file: dict[str, int]) -> str:
    at = strftime("%Y-%m-%d %H:%M:%S", localtime(file["time"] / 1e9))
    return f"({file['size']:,} bytes, of {at})"
