"""Downloading a file: resumed where it was left, checked, whole or not at all."""

import json
from collections.abc import Callable
from pathlib import Path

from chronoglot.data.fetch.stream import StartOver, Stream, Unavailable, persist
from chronoglot.runtime import files
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.progress import Progress

Report = Callable[[int, int | None], None]
"""Called with the bytes there are and those there will be, if known."""


def download(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: Report | None = None,
) -> None:
    """Write what the URL serves to `path`, of `size` bytes and with that checksum where given.

    What has arrived is kept in `path`.part, and a later call continues it, as long as the server
    has the same file still and gives ranges of it. Without `progress`, a line every few seconds
    goes to standard error.

    Raises UserError, with what to do by hand, if the source is down or has another file.
    """
    part = _Part(path, url)
    report = progress or say_lines(path)
    try:
        persist(StartOver, lambda: part.complete(size, report, checked=sha256 is not None))
    except Unavailable as error:
        raise UserError(f"{error}; {by_hand(url, path)}") from error
    part.check(sha256, size)
    part.finish()


def by_hand(url: str, path: Path) -> str:
    """What to do where the workflow cannot fetch a file."""
    return (
        "run again later, or bring the file from a machine that can reach it: "
        f"{url} → {path} (the same name)"
    )


def say_lines(path: Path) -> Report:
    """A line on standard error every few seconds, and at the end."""
    return Progress(f"{path.name}:", None, "MB", scale=1_000_000, digits=1).reach


class _Part:
    """What has arrived of a file, and beside it what its continuation depends on."""

    def __init__(self, path: Path, url: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._url = path, url
        self._file = path.with_name(f"{path.name}.part")
        self._notes = path.with_name(f"{path.name}.part.json")

    def complete(self, size: int | None, progress: Report, *, checked: bool) -> None:
        """Read what is missing; what cannot be continued is removed."""
        tag, whole = self._begun()
        offset = self._file.stat().st_size if self._file.exists() else 0
        if offset and offset == whole:
            return
        try:
            with Stream(self._url, offset=offset, tag=tag, checked=checked) as stream:
                block = stream.read()  # the first: only now is anything known of the file
                self._note(stream)
                self._check_size(stream.size, size)
                with self._file.open("ab") as file:
                    while block:
                        file.write(block)
                        progress(stream.offset, stream.size)
                        block = stream.read()
        except StartOver:
            self.remove()
            raise

    def _begun(self) -> tuple[str | None, int | None]:
        """Tag and size of what was begun; nothing of it is kept if it came from elsewhere."""
        try:
            notes = json.loads(self._notes.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            notes = {}
        if notes.get("url") != self._url or notes.get("tag") is None:
            self.remove()
            return None, None
        return notes["tag"], notes["size"]

    def _note(self, stream: Stream) -> None:
        notes = {"url": stream.url, "tag": stream.tag, "size": stream.size}
        self._notes.write_text(json.dumps(notes))

    def _check_size(self, found: int | None, size: int | None) -> None:
        if size is not None and found not in (None, size):
            self.remove()
            raise UserError(
                f"{self._url}: has {found:,} bytes, not {size:,}: not the file that is known; "
                f"{_OTHER}"
            )

    def check(self, sha256: str | None, size: int | None) -> None:
        """Raise UserError, and remove what arrived, if it is not what is expected."""
        self._check_size(self._file.stat().st_size, size)
        if sha256 is None:
            return
        if (digest := files.sha256(self._file)) != sha256:
            self.remove()
            raise UserError(
                f"{self._url}: its sha256 is {digest}, not {sha256}: damaged on its way, or "
                f"replaced at its source; {_OTHER}"
            )

    def finish(self) -> None:
        """Give the file its name."""
        self._file.replace(self._path)
        self._notes.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove what arrived."""
        self._file.unlink(missing_ok=True)
        self._notes.unlink(missing_ok=True)


_OTHER = "run again, and if it stays so, look at the source's page for what replaced it"
