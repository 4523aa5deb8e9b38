"""Lines of UTF-8 files: numbered, of plain or compressed ones; a text's paragraphs; their parts."""

import bz2
import gzip
import io
import lzma
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.masquerade import masquerade

BLANK = " \t"
"""What parts the items of a line in all formats read here. Python's own `split` and `strip` take
two dozen characters more for space, such as the no-break space within `10 000`."""

_BLANKS = re.compile(r"[ \t]+")


def items(line: str) -> list[str]:
    """The parts of a line between spaces and tabs."""
    return [part for part in _BLANKS.split(line) if part]


def paragraphs(text: Path) -> Iterator[str]:
    """Yield the paragraphs of a text, one a line; blank lines part documents and are passed over.

    Raises UserError where the text is not UTF-8.
    """
    try:
        with text.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                if line := line.strip(BLANK + "\n"):
                    yield line
    except UnicodeDecodeError as error:
        raise UserError(f"{text}: not UTF-8 ({error}); convert it") from error


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1, without its line end (LF or CRLF).

    A name that ends in `.gz`, `.bz2`, `.xz` or `.zst` is decompressed; a byte order mark is
    skipped. Raises UserError if the file is absent, cut short, not UTF-8, or something other than
    its name says.
    """
    path = Path(path)
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if number == 1:
                    _refuse_other(path)
                yield number, text.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        _refuse_other(path)
        byte = error.object[error.start]
        raise UserError(
            f"{path}, line {number}: byte 0x{byte:02x} is not UTF-8; convert the file, for example "
            "with `iconv -f ENCODING -t UTF-8`"
        ) from error
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, _zstd_error()) as error:
        _refuse_other(path)
        raise _damaged(path, number, error) from error
    except OSError as error:
        if error.errno is None:  # as bz2 reports what it cannot read
            _refuse_other(path)
            raise _damaged(path, number, error) from error
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _damaged(path: Path, number: int, error: BaseException) -> UserError:
    return UserError(
        f"{path}: damaged or cut short after line {number} ({error}); fetch the file again"
    )


def _refuse_other(path: Path) -> None:
    if path.is_file() and path.stat().st_size and (what := masquerade(path)):
        raise UserError(f"{path}: is {what}")


# Imported where it is met: few files are compressed so.
def _zstd_error() -> type[Exception]:
    from backports.zstd import ZstdError

    return ZstdError


def _open(path: Path) -> BinaryIO:
    if path.suffix not in _OPENERS:
        return path.open("rb")
    return io.BufferedReader(cast(io.RawIOBase, _OPENERS[path.suffix](path)), 1 << 16)


def _zstd_open(path: Path) -> BinaryIO:
    from backports.zstd import ZstdFile

    return cast(BinaryIO, ZstdFile(path))


_OPENERS: dict[str, Callable[[Path], object]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _zstd_open,
}
