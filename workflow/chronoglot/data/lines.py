"""Numbered lines of UTF-8 files, plain or compressed."""

import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from chronoglot.errors import UserError


def read_lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """Yield each line with its number, from 1, without its line end (LF or CRLF).

    A name that ends in `.xz` or `.gz` is decompressed; a byte order mark is skipped. Raises
    UserError if the file is absent, cut short or not UTF-8.
    """
    path = Path(path)
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, 1):
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                yield number, text.removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise UserError(
            f"{path}, line {number}: byte 0x{byte:02x} is not UTF-8; convert the file, for example "
            "with `iconv -f ENCODING -t UTF-8`"
        ) from error
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(
            f"{path}: damaged or cut short after line {number} ({error}); fetch the file again"
        ) from error
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".xz":
        return io.BufferedReader(cast(io.RawIOBase, lzma.open(path)), 1 << 16)
    if path.suffix == ".gz":
        return io.BufferedReader(cast(io.RawIOBase, gzip.open(path)), 1 << 16)
    return path.open("rb")
