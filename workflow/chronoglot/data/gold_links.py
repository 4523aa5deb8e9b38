"""Reading gold word alignments: Pharaoh links, and content words of two CoNLL-U files."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import regex

from chronoglot.data.conllu import Sentence, read_conllu
from chronoglot.data.lines import items, read_lines
from chronoglot.data.locate import PHARAOH, find_gold
from chronoglot.data.spaces import spaces
from chronoglot.runtime.errors import UserError
from chronoglot.tables.gold_links import GoldLinks, Link, Translation, write_gold_links

_LINK = regex.compile(r"([0-9]+)([-p])([0-9]+)")
_UNALIGNED = "X"


def prepare_gold_links(folder: Path, output: Path) -> None:
    """Write the gold link table of the gold alignment in a folder and print its size."""
    links = read_gold(folder)
    write_gold_links(links, output)
    sure, possible = (
        sum(len(getattr(pair, kind)) for pair in links.translations)
        for kind in ("sure", "possible")
    )
    print(f"{folder}: {len(links):,} sentence pairs, {sure:,} sure links of {possible:,}")


def read_gold(folder: Path) -> GoldLinks:
    """Read a folder with a gold alignment, in the form that its files tell.

    Pharaoh: `sentences.txt` (`source tokens ||| target tokens`) and `gold.txt` (links counted
    from 0, `i-j` sure and `ipj` possible), a line a sentence pair; a line of `gold.txt` may be
    empty. A link given as both is sure.

    Content words (Nikolaev et al. 2020): `en.conllu`, `target.conllu` and `alignment.json`, a list
    of one object a sentence pair, from the id of a source word to those of its target words; "X"
    stands for no word. Every link is sure, and the words that the object names are those judged: a
    word both linked and unaligned is linked.

    Raises UserError if there are neither files, they do not belong together, or one is malformed.
    """
    files = find_gold(folder)
    read = _pharaoh if files[0].name == PHARAOH[0] else _content_words
    pairs = tuple(read(*files))
    if not any(pair.sure for pair in pairs):
        raise UserError(f"{folder}: the gold alignment has no sure link; recall needs one")
    return GoldLinks(pairs)


def _pharaoh(sentences: Path, gold: Path) -> Iterator[Translation]:
    texts, links = list(read_lines(sentences)), list(read_lines(gold))
    if len(texts) != len(links):
        raise UserError(
            f"{gold}, line {min(len(texts), len(links)) + 1}: {len(links)} lines of links, but "
            f"{sentences} has {len(texts)} sentence pairs; line n of both must be the same pair "
            "(an empty line where there is no link)"
        )
    for (number, text), (_, line) in zip(texts, links, strict=True):
        source, target = _sides(f"{sentences}, line {number}", text)
        sure, possible = _links(f"{gold}, line {number}", line, len(source), len(target))
        yield Translation(
            source=source,
            target=target,
            source_space_before=tuple(spaces(source).tolist()),
            target_space_before=tuple(spaces(target).tolist()),
            sure=sure,
            possible=possible,
        )


def _sides(place: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    tokens = items(text)
    if (separators := tokens.count("|||")) != 1:
        raise UserError(
            f"{place}: {separators} separators; write one sentence pair as "
            "`source tokens ||| target tokens`"
        )
    middle = tokens.index("|||")
    source, target = tuple(tokens[:middle]), tuple(tokens[middle + 1 :])
    if not source or not target:
        side = "target" if source else "source"
        raise UserError(
            f"{place}: the {side} is empty; give it tokens, or delete the line in both files"
        )
    return source, target


def _links(
    place: str, line: str, source: int, target: int
) -> tuple[tuple[Link, ...], tuple[Link, ...]]:
    """The sure and the possible links of a line, in sentences of so many tokens."""
    sure, possible = set(), set()
    for text in items(line):
        match = _LINK.fullmatch(text)
        if not match:
            raise UserError(f"{place}: {text!r} is no link; write 3-5 if sure, 3p5 if possible")
        link = int(match[1]), int(match[3])
        if link[0] >= source or link[1] >= target:
            raise UserError(
                f"{place}: link {text} is not in the sentences of {source} and {target} tokens; "
                "count tokens from 0, the source's first"
            )
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return tuple(sorted(sure)), tuple(sorted(possible))


def _content_words(source: Path, target: Path, alignment: Path) -> Iterator[Translation]:
    left, right = list(read_conllu(source)), list(read_conllu(target))
    objects = _json_list(alignment)
    if not len(left) == len(right) == len(objects):
        raise UserError(
            f"{alignment}: {len(objects)} sentence pairs, but {source} has {len(left)} sentences "
            f"and {target} {len(right)}; sentence n of all three must be the same"
        )
    for number, (a, b, links) in enumerate(zip(left, right, objects, strict=True), 1):
        yield _content_pair(f"{alignment}, sentence pair {number} ({a.id})", a, b, links)


def _json_list(path: Path) -> list[Any]:
    text = "\n".join(line for _, line in read_lines(path))
    try:
        objects = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            f"{path}, line {error.lineno}: not JSON ({error.msg}); fetch the file again"
        ) from error
    if not isinstance(objects, list):
        raise UserError(f"{path}: not a list; give a list of one object a sentence pair")
    return objects


def _content_pair(place: str, source: Sentence, target: Sentence, links: Any) -> Translation:
    if not isinstance(links, dict) or not all(isinstance(ids, list) for ids in links.values()):
        raise UserError(
            f'{place}: not an object of lists of ids; write {{"7": ["3"], "9": ["X"]}} or the like'
        )
    named = [
        (_place(place, source, left), _place(place, target, right))
        for left, ids in links.items()
        for right in ids
    ]
    sure = tuple(sorted({(i, j) for i, j in named if i is not None and j is not None}))
    return Translation(
        source=source.forms,
        target=target.forms,
        source_space_before=tuple(word.space_before for word in source.words),
        target_space_before=tuple(word.space_before for word in target.words),
        sure=sure,
        possible=sure,
        source_judged=_judged(i for i, _ in named),
        target_judged=_judged(j for _, j in named),
    )


def _place(where: str, sentence: Sentence, name: Any) -> int | None:
    """The word of that id, counted from 0; None if the id says that there is none."""
    if name == _UNALIGNED:
        return None
    if (
        not isinstance(name, str)
        or not name.isdecimal()
        or not 1 <= int(name) <= len(sentence.words)
    ):
        raise UserError(
            f"{where}: {name!r} is no word of sentence {sentence.id}, which has "
            f"{len(sentence.words)}; give the id of a word, as a string, or {_UNALIGNED!r}"
        )
    return int(name) - 1


def _judged(places: Iterator[int | None]) -> tuple[int, ...]:
    return tuple(sorted({place for place in places if place is not None}))
