"""Unpacking what is wanted of an archive, and nothing that it should not hold."""

import gzip
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Literal, NamedTuple, cast

from chronoglot.runtime.errors import UserError, most_alike
from chronoglot.runtime.files import sha256

_DAMAGE = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError)
_DISTRUST = "do not trust this archive: delete it, and fetch it from its official source"


# Text is packed to a third or a tenth of its size; the largest release of treebanks has 6 GB.
_RATIO, _SMALL, _LARGEST = 100, 1 << 20, 1 << 36

_Kind = Literal["file", "folder", "link or device"]


class _Member(NamedTuple):
    name: str
    kind: _Kind
    open: Callable[[], IO[bytes]]


class _Bound:
    """How much an archive may unpack to, so that a small one cannot fill the disk."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self.most = min(_RATIO * archive.stat().st_size + _SMALL, _LARGEST)
        self._left = self.most

    def spend(self, size: int) -> None:
        """Count bytes that were unpacked; raises UserError where they are too many."""
        self._left -= size
        if self._left < 0:
            raise UserError(
                f"{self._archive}: unpacks to more than {self.most / 1e6:,.0f} MB, as no text of "
                f"its size does; {_DISTRUST}"
            )


def check_sum(archive: Path, expected: str) -> None:
    """Raise UserError if the archive, fetched or brought, is not the one with this sha256."""
    if (found := sha256(archive)) != expected:
        raise UserError(
            f"{archive}: its sha256 is {found}, not {expected}: damaged, or another file than the "
            "table of datasets knows; delete it and fetch it again"
        )


def unpack_all(archive: Path, folder: Path) -> None:
    """Unpack a whole archive into an empty folder; raises as `unpack`."""
    bound = _Bound(archive)
    with _told(archive):
        for member in _members(archive):
            path = _checked(archive, member)
            if member.kind == "file":
                _write(member, folder / path, bound)
            elif member.kind != "folder":
                raise UserError(f"{archive}: {path} is a {member.kind}; {_DISTRUST}")


def unpack(archive: Path, wanted: Sequence[str], folder: Path) -> None:
    """Unpack the wanted files and folders of a .zip or .tar.gz archive into `folder`.

    They are named by their paths in the archive, without the one folder that may hold everything
    (`UD_English-EWT` stands for `ud-treebanks-v2.15/UD_English-EWT` too), and have those paths in
    `folder` then. The archive is read once, to its end, and never held in memory. Each appears
    whole, and none does unless all can.

    Raises UserError if the archive is damaged, cut short or lacks one, unpacks to more than text
    does, a path in it climbs out of
    the archive, or a link or device is among the wanted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bound = _Bound(archive)
    names: set[PurePosixPath] = set()
    found = set()
    with TemporaryDirectory(dir=folder, prefix=".unpack-") as staging:
        with _told(archive):
            for member in _members(archive):
                path = _checked(archive, member)
                names.update((path, *path.parents))
                if match := _match(path, wanted):
                    name, place = match
                    if member.kind == "file":
                        found.add(name)
                        _write(member, Path(staging, place), bound)
                    elif member.kind != "folder":
                        raise UserError(f"{archive}: {path} is a {member.kind}; {_DISTRUST}")
        for name in wanted:
            if name not in found:
                raise UserError(f"{archive}: holds no {name}{_nearest(name, names)}")
        for name in wanted:
            _place(Path(staging, name), folder / name)


@contextmanager
def _told(archive: Path) -> Iterator[None]:
    """What is raised of a damaged archive, as an error that the user can mend."""
    try:
        yield
    except _DAMAGE as error:
        raise UserError(
            f"{archive}: damaged or cut short ({error}); delete it and fetch it again"
        ) from error


def _members(archive: Path) -> Iterator[_Member]:
    with archive.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    return _zip(archive) if is_zip else _tar(archive)


def _checked(archive: Path, member: _Member) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{archive}: {member.name} climbs out of its folder; {_DISTRUST}")
    return path


def _match(path: PurePosixPath, wanted: Sequence[str]) -> tuple[str, PurePosixPath] | None:
    """The wanted name that the path is or lies in, and the path from there on."""
    for inner in (path, PurePosixPath(*path.parts[1:])):
        for name in wanted:
            if inner.is_relative_to(name):
                return name, inner
    return None


def _nearest(name: str, names: set[PurePosixPath]) -> str:
    depth = len(PurePosixPath(name).parts)
    known = {str(PurePosixPath(*path.parts[-depth:])) for path in names}
    near = most_alike(name, known)
    return f"; the nearest name in it is {near[0]}" if near else ""


def _write(member: _Member, path: Path, bound: _Bound) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with member.open() as source, path.open("wb") as copy:
        while block := source.read(1 << 20):
            bound.spend(len(block))
            copy.write(block)


def _place(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


def _zip(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            mode = entry.external_attr >> 16  # as in Unix; 0 if the archive was made elsewhere
            regular = stat.S_IFMT(mode) in (0, stat.S_IFREG)
            kind: _Kind = "folder" if entry.is_dir() else "file" if regular else "link or device"
            yield _Member(entry.filename, kind, partial(archive.open, entry))


def _tar(path: Path) -> Iterator[_Member]:
    with gzip.open(path) as file:
        stream = _Ending(file, _Bound(path))
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|") as archive:
            for entry in archive:
                regular = entry.isreg()
                kind: _Kind = "folder" if entry.isdir() else "file" if regular else "link or device"
                content = cast(Callable[[], IO[bytes]], partial(archive.extractfile, entry))
                yield _Member(entry.name, kind, content)
        stream.check()


class _Ending:
    """A stream that knows its last bytes; tarfile takes one without an end mark for whole."""

    def __init__(self, stream: gzip.GzipFile, bound: _Bound) -> None:
        self._stream, self._bound, self._last = stream, bound, b""

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._bound.spend(len(block))
        self._last = (self._last + block)[-tarfile.BLOCKSIZE :]
        return block

    def check(self) -> None:
        """Read what is left, so that its checksum is compared, and look for the mark."""
        while self.read(1 << 20):
            pass
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise EOFError("it has no end mark")
