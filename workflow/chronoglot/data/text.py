"""Text for pretraining and its held-out part, divided by document."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Literal, TextIO

from chronoglot.data.draw import draw, number_of
from chronoglot.data.lines import BLANK, read_lines
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

# Control characters, tabs among them, and Unicode's line and paragraph separators.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")

Document = tuple[str, list[str]]  # the name that its split is drawn from, its paragraphs


@dataclass
class Counts:
    """Size of a text; `characters` are Unicode characters of the paragraphs.

    `worded` are the paragraphs with a letter in them, of which text has some.
    """

    documents: int = 0
    paragraphs: int = 0
    characters: int = 0
    worded: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return (
            f"{self.documents:,} documents, {self.paragraphs:,} paragraphs, "
            f"{self.characters:,} characters"
        )


def prepare_text(
    inputs: list[Path],
    train: Path,
    heldout: Path,
    *,
    format: Literal["plain", "keyed"],
    heldout_share: float,
    max_characters: int | None = None,
) -> tuple[Counts, Counts]:
    """Divide the documents of `inputs` into `train` and `heldout`; print and return their sizes.

    `plain`: a paragraph a line, a blank line between documents. `keyed`: `id TAB paragraph`, the
    document being the id up to any `#`. Either may be compressed (`.gz`, `.bz2`, `.xz`, `.zst`).
    About `heldout_share` of the documents is held out, by a draw from the document's text (plain)
    or its id (keyed: the same in every language of a parallel text). Of paragraphs with the same
    text only the first is kept. `max_characters` ends train before the first document that would
    exceed it; nothing more is then read. With a share of 1 all is held out, to `max_characters`.
    Both outputs have the plain format.
    Raises UserError if a file is empty, malformed or not UTF-8, or if either output would be empty,
    train with a share of 1 excepted, or hold no letter.
    """
    with whole(train) as train_path, whole(heldout) as heldout_path:

        def divide(bound: float) -> _Division:
            documents = _documents(inputs, format)
            return _divide(documents, train_path, heldout_path, bound, max_characters)

        division = divide(heldout_share)
        if format == "plain" and division.documents > 1 and not division.heldout.documents:
            division = divide(division.lowest)  # small text: the lowest draw alone is held out
        _check(division, inputs, train.parent.name, format, heldout_share, max_characters)
    print(
        f"{train.parent.name}: train {division.train}; heldout {division.heldout}; "
        f"{division.repeats:,} repeated paragraphs dropped"
    )
    return division.train, division.heldout


def _clean(text: str) -> str:
    return _CONTROL.sub(" ", text).strip(BLANK)


def _documents(inputs: list[Path], format: str) -> Iterator[Document]:
    """Yield the documents of all inputs; one never reaches over the end of a file."""
    for path in inputs:
        empty = True
        _refuse_json(path)
        for name, paragraphs in _plain(path) if format == "plain" else _keyed(path):
            empty = False
            yield name, paragraphs
        if empty:
            raise UserError(f"{path}: holds no text; give a file that does, or drop it")


def _refuse_json(path: Path) -> None:
    """JSON lines are what many corpora come as; their braces and keys are no text."""
    first = next((line for _, line in read_lines(path) if line.strip()), "")
    try:
        is_json = isinstance(json.loads(first), dict)
    except ValueError:
        return
    if is_json:
        raise UserError(
            f"{path}: is JSON lines, not text; take the text out of them, for example with "
            "`jq -r '.text, \"\"'`"
        )


def _plain(path: Path) -> Iterator[Document]:
    lines = (line for _, line in read_lines(path))
    for _, group in groupby(lines, key=lambda line: bool(line.strip(BLANK))):
        # A line of wide spaces alone has no text, and yet is no blank line.
        if paragraphs := [text for text in map(_clean, group) if text.strip()]:
            yield "\n".join(paragraphs), paragraphs


def _keyed(path: Path) -> Iterator[Document]:
    for name, rows in groupby(_rows(path), key=lambda row: row[0]):
        yield name, [text for _, text in rows]


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    """Yield document and paragraph of each line that has text."""
    for number, line in read_lines(path):
        key, tab, text = line.partition("\t")
        document = key.partition("#")[0]
        if line.strip(BLANK) and not (tab and document):
            raise UserError(
                f"{path}, line {number}: not `id TAB text`; mend it, or set `format: plain` for "
                "text without ids"
            )
        text = _clean(text)
        if text.strip():
            yield document, text


class _Output:
    """One side of the division, being written."""

    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.counts = Counts()

    def write(self, paragraphs: list[str]) -> None:
        if self.counts.documents:
            self.file.write("\n")
        self.file.writelines(f"{paragraph}\n" for paragraph in paragraphs)
        self.counts.documents += 1
        self.counts.paragraphs += len(paragraphs)
        self.counts.characters += sum(map(len, paragraphs))
        self.counts.worded += sum(any(map(str.isalpha, paragraph)) for paragraph in paragraphs)


@dataclass
class _Division:
    train: Counts
    heldout: Counts
    documents: int = 0  # those met, one left out of train for its length included
    repeats: int = 0
    lowest: float = 1.0
    full: bool = False


def _divide(
    documents: Iterator[Document],
    train_path: Path,
    heldout_path: Path,
    bound: float,
    max_characters: int | None,
) -> _Division:
    """Write the documents with a draw up to `bound` to heldout, the others to train."""
    seen: set[int] = set()
    with ExitStack() as stack:
        train, heldout = (
            _Output(stack.enter_context(path.open("w", encoding="utf-8", newline="\n")))
            for path in (train_path, heldout_path)
        )
        division = _Division(train.counts, heldout.counts)
        for name, paragraphs in documents:
            fresh = _unseen(paragraphs, seen)
            division.repeats += len(paragraphs) - len(fresh)
            if not fresh:
                continue
            place = draw(name)
            division.documents += 1
            division.lowest = min(division.lowest, place)
            # The text's own part is limited: held out is what falls to it on the way.
            limited = heldout if bound >= 1 else train
            if place <= bound and limited is train:
                heldout.write(fresh)
            elif not division.full:
                characters = limited.counts.characters + sum(map(len, fresh))
                division.full = max_characters is not None and characters > max_characters
                if not division.full:
                    limited.write(fresh)
            if division.full and heldout.counts.documents:
                break
    return division


def _unseen(paragraphs: list[str], seen: set[int]) -> list[str]:
    fresh = []
    for paragraph in paragraphs:
        mark = number_of(paragraph)  # 8 bytes in place of the text
        if mark not in seen:
            seen.add(mark)
            fresh.append(paragraph)
    return fresh


_SINGLE = {
    "plain": "no blank line stands in it",
    "keyed": "all its lines have the same id before any `#`",
}


def _check(
    division: _Division,
    inputs: list[Path],
    language: str,
    format: Literal["plain", "keyed"],
    heldout_share: float,
    max_characters: int | None,
) -> None:
    names = ", ".join(map(str, inputs))
    for side, counts in (("train", division.train), ("heldout", division.heldout)):
        if counts.documents and not counts.worded:
            raise UserError(f"{names}: there is no letter in what falls to {side}; give more text")
    if heldout_share >= 1:
        if not division.heldout.documents:
            raise UserError(
                f"{names}: the first document alone has more than {max_characters} characters; "
                "raise max_characters"
            )
        return
    if division.documents < 2:
        raise UserError(
            f"{names}: a single document cannot be divided into train and heldout: as "
            f"`format: {format}` has it, {_SINGLE[format]}. Set "
            f"languages.{language}.text.format to what the file is: `plain`, a paragraph a "
            "line and a blank line between documents, or `keyed`, "
            "`document#paragraph TAB text`"
        )
    if not division.heldout.documents:
        raise UserError(
            f"{names}: none of the {division.documents} documents falls to heldout; raise "
            f"heldout_share to {ceil(division.lowest * 1e4) / 1e4}"
        )
    if not division.train.documents and division.full:
        raise UserError(
            f"{names}: the first document alone has more than {max_characters} characters; raise "
            "max_characters"
        )
    if not division.train.documents:
        raise UserError(
            f"{names}: all {division.documents} documents fall to heldout; lower heldout_share "
            f"({heldout_share}) or give more text"
        )
