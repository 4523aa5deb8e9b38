"""Files that are whole or absent: written under a temporary name and renamed when complete."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def _temporary(path: Path) -> Path:
    """A name beside `path` that no other process takes, on another machine either."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f".{uuid4().hex}.{path.name}")


@contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on error."""
    path = Path(path)
    temporary = _temporary(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """The same for a folder, which the caller fills; an older folder at `path` is replaced."""
    path = Path(path)
    temporary = _temporary(path)
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            shutil.rmtree(path)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def sha256(path: Path) -> str:
    """The hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def link(target: str | Path, path: str | Path) -> None:
    """Make `path` a hard link to a file, which outlives its removal where it lies.

    It is a symbolic link where the file system has no hard links, or is another.
    """
    target = Path(target).resolve()
    with whole(path) as temporary:
        try:
            os.link(target, temporary)
        except OSError:
            temporary.symlink_to(target)
