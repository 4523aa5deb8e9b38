"""The beginning of a large compressed text, without fetching the rest of it."""

import lzma
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import IO, BinaryIO, cast

from chronoglot.data.fetch.download import Report, by_hand, say_lines
from chronoglot.data.fetch.stream import StartOver, Stream, Unavailable, persist
from chronoglot.data.lines import BLANK
from chronoglot.data.text import Counts
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole


def fetch_text(
    url: str, path: Path, *, max_characters: int, progress: Report | None = None
) -> Counts:
    """Write the first documents of the .txt.xz file at a URL to `path`, itself .xz; their size.

    The file has a paragraph a line and a blank line between documents, as CC100. It is decompressed
    as it arrives, and left as soon as the next document would make more than `max_characters`
    Unicode characters of paragraphs. A connection that is cut is made again where the server gives
    ranges; a call that fails leaves nothing, and the next one starts over. The same file and
    `max_characters` give the same bytes.

    Raises UserError if the source is down, or holds no xz, no UTF-8, or no document so short.
    """
    report = progress or say_lines(path)
    try:
        return persist(StartOver, lambda: _fetch(url, path, max_characters, report))
    except Unavailable as error:
        raise UserError(f"{error}; {by_hand(url, path)}") from error
    except (lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise UserError(
            f"{url}: not a whole .xz file of UTF-8 text ({error}); see its page for what it is now"
        ) from error


def _fetch(url: str, path: Path, max_characters: int, progress: Report) -> Counts:
    counts = Counts()
    with (
        Stream(url) as stream,
        lzma.open(cast(BinaryIO, stream)) as text,
        whole(path) as temporary,
    ):
        with lzma.open(temporary, "wt", encoding="utf-8", newline="\n", preset=1) as file:
            for document in _documents(text, max_characters):
                if counts.documents:
                    file.write("\n")
                file.writelines(f"{paragraph}\n" for paragraph in document)
                counts.documents += 1
                counts.paragraphs += len(document)
                counts.characters += sum(map(len, document))
                progress(stream.offset, stream.size)
        if not counts.documents:
            raise UserError(
                f"{url}: no document in the first {max_characters:,} characters; raise the limit"
            )
    return counts


def _documents(lines: IO[bytes], max_characters: int) -> Iterator[list[str]]:
    """The first documents with so many characters in all; no more than these is ever held."""
    left = max_characters
    for has_text, group in groupby(_lines(lines, 4 * max_characters + 1), key=bool):
        document = []
        for paragraph in group if has_text else ():
            left -= len(paragraph)
            if left < 0:
                return
            document.append(paragraph)
        if document:
            yield document


def _lines(text: IO[bytes], longest: int) -> Iterator[str]:
    """The lines; of one that is longer, its beginning, so that none is held that never ends."""
    while line := text.readline(longest):
        errors = "ignore" if len(line) == longest else "strict"  # it may end within a character
        yield line.decode(errors=errors).strip(BLANK + "\r\n")
