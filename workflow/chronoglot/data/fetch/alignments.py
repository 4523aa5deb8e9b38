"""Gold alignments as their sources publish them → `sentences.txt` and `gold.txt`.

Both sources count words from 1.
"""

import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from chronoglot.data.lines import BLANK
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole_folder


class _Pair(NamedTuple):
    source: str
    target: str
    links: list[tuple[int, str, int]]  # from 1; `-` sure, `p` possible


_PAIR = re.compile(r"<s\b.*?</s>", re.DOTALL)
_FIELD = re.compile(r"<(english|czech|sure|possible)\b[^>]*>(.*?)</\1>", re.DOTALL)
# As XML has it.
_SPACE = re.compile(r"[ \t\r\n]+")
_SENTENCE = re.compile(r"<s snum=(\d+)>(.*?)</s>")


def write_gold(dataset: str, published: Path, folder: Path) -> None:
    """Write the gold alignment unpacked in `published` as the two files, which `parallel` reads.

    `dataset` is the name of one of CONVERTERS. Raises UserError if a file that it consists of is
    not there, or a sentence has no counterpart.
    """
    pairs = CONVERTERS[dataset](published)
    if not pairs:
        raise UserError(f"{published}: holds no gold alignment as {dataset} is published")
    with whole_folder(folder) as temporary:
        _write(
            temporary / "sentences.txt",
            (f"{a.strip(BLANK)} ||| {b.strip(BLANK)}" for a, b, _ in pairs),
        )
        _write(
            temporary / "gold.txt",
            (" ".join(f"{i - 1}{kind}{j - 1}" for i, kind, j in links) for _, _, links in pairs),
        )


def _write(path: Path, lines: Iterable[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _czenali(folder: Path) -> list[_Pair]:
    """English and Czech: .wa files, nearly XML (an ampersand of the text may stand bare)."""
    pairs = []
    for path in sorted(folder.rglob("*.wa")):
        for number, block in enumerate(_PAIR.findall(path.read_text(encoding="utf-8")), 1):
            fields = {
                name: html.unescape(_SPACE.sub(" ", text).strip(" "))
                for name, text in _FIELD.findall(block)
            }
            if not (fields.get("english") and fields.get("czech")):
                raise UserError(f"{path}, sentence pair {number}: lacks <english> or <czech>")
            links = [
                (int(i), kind, int(j))
                for name, kind in (("sure", "-"), ("possible", "p"))
                for i, j in re.findall(r"(\d+)-(\d+)", fields.get(name, ""))
            ]
            pairs.append(_Pair(fields["english"], fields["czech"], links))
    return pairs


def _wpt(folder: Path) -> list[_Pair]:
    """English and French of the workshop of 2003: numbered sentences, a line a link."""
    sides = []
    for name in ("test.e", "test.f"):
        text = _only(folder, name).read_text(encoding="latin-1")
        sides.append({int(number): words for number, words in _SENTENCE.findall(text)})
    if sides[0].keys() != sides[1].keys():
        number = min(sides[0].keys() ^ sides[1].keys())
        raise UserError(f"{folder}: sentence {number} is only in one of test.e and test.f")
    links = defaultdict(list)
    for line in _only(folder, "test.wa.nonullalign").read_text().split("\n"):
        if not line:
            continue
        sentence, i, j, *kind = line.split(" ")
        links[int(sentence)].append((int(i), "p" if kind == ["P"] else "-", int(j)))
    return [_Pair(sides[0][number], sides[1][number], links[number]) for number in sorted(sides[0])]


def _only(folder: Path, name: str) -> Path:
    found = list(folder.rglob(name))
    if len(found) != 1:
        raise UserError(
            f"{folder}: holds {len(found)} files {name}, not 1; unpack the archive anew"
        )
    return found[0]


CONVERTERS: dict[str, Callable[[Path], list[_Pair]]] = {
    "czenali-1.0": _czenali,
    "wpt03-en-fr": _wpt,
}
"""Datasets whose published format is known."""
