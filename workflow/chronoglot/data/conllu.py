"""Reading CoNLL-U (https://universaldependencies.org/format.html), every line checked.

The package `conllu` reads the columns; the checks around it say in which line a file is wrong.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sys import intern
from typing import NamedTuple

from conllu.exceptions import ParseException
from conllu.models import Token
from conllu.parser import (
    DEFAULT_FIELD_PARSERS,
    DEFAULT_FIELDS,
    parse_comment_line,
    parse_line,
)

from chronoglot.data.lines import BLANK, read_lines
from chronoglot.runtime.errors import UserError
from chronoglot.tables.values import UPOS

# Only the columns that are used are taken apart.
_PARSERS = {field: DEFAULT_FIELD_PARSERS[field] for field in ("id", "head", "misc")}


class Word(NamedTuple):
    """A syntactic word: `head` counts words from 1 (0 = root), `deprel` is the universal part."""

    form: str
    upos: str
    head: int
    deprel: str
    space_before: bool


@dataclass(frozen=True)
class Sentence:
    """A sentence; `document` is None before the first `# newdoc`, `line` where its id stands."""

    id: str
    document: str | None
    line: int
    words: tuple[Word, ...]

    @property
    def forms(self) -> tuple[str, ...]:
        """The words' forms: two sentences with the same forms are the same text."""
        return tuple(word.form for word in self.words)


def read_conllu(path: str | Path, first: int = 1) -> Iterator[Sentence]:
    """Yield the sentences of a CoNLL-U file; multiword tokens and empty nodes are not words.

    A sentence without `sent_id` is called s1, s2, … by its number, which counts from `first`; a
    document without an id is called as its first sentence. Raises UserError, naming the line, if
    the file is not UTF-8, is empty, or has a line or tree that the format does not allow.
    """
    path = Path(path)
    document: str | None = None
    line_of_id: dict[str, int] = {}
    for number, (start, block) in enumerate(_blocks(path), first):
        sentence = _Block(path, start, block).sentence(f"s{number}", document)
        document = sentence.document
        earlier = line_of_id.setdefault(sentence.id, sentence.line)
        if earlier != sentence.line:
            raise UserError(
                f"{path}, line {sentence.line}: sent_id {sentence.id} is that of line {earlier} "
                "too; give every sentence an id of its own"
            )
        yield sentence
    if not line_of_id:
        raise UserError(f"{path}: holds no sentence; give a CoNLL-U file that does, or drop it")


def _blocks(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the lines between blank lines, with the number of the first of them."""
    block: list[str] = []
    number = 0
    for number, line in read_lines(path):
        if line.strip(BLANK):
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []
    if block:  # the blank line at the file's end is missing
        yield number + 1 - len(block), block


class _Block:
    """The lines of one sentence."""

    def __init__(self, path: Path, start: int, lines: list[str]) -> None:
        self.path = path
        self.start = start
        self.lines = lines

    def sentence(self, fallback_id: str, document: str | None) -> Sentence:
        name, name_line, opens_document = fallback_id, self.start, False
        tokens: list[tuple[int, Token]] = []
        for number, line in enumerate(self.lines, self.start):
            if not line.startswith("#"):
                tokens.append((number, self._token(number, line)))
                continue
            for key, value in parse_comment_line(line):
                if key == "sent_id" and value:
                    name, name_line = value, number
                elif key in ("newdoc", "newdoc id"):
                    document, opens_document = value, True
        if opens_document and document is None:
            document = name
        return Sentence(name, document, name_line, self._words(tokens))

    def _fail(self, number: int, message: str) -> UserError:
        return UserError(f"{self.path}, line {number}: {message}")

    def _token(self, number: int, line: str) -> Token:
        columns = line.split("\t")
        if len(columns) != len(DEFAULT_FIELDS):
            raise self._fail(
                number, f"{len(columns)} columns, not 10; separate them by single tabs, not spaces"
            )
        if "" in columns:
            name = DEFAULT_FIELDS[columns.index("")].upper()
            raise self._fail(number, f"column {name} is empty; write _ where there is nothing")
        while "  " in line:  # which the package would take for a tab
            line = line.replace("  ", " ")
        try:
            token = parse_line(line, DEFAULT_FIELDS, _PARSERS)
        except ParseException as error:
            raise self._fail(
                number,
                f"id {columns[0]!r} or head {columns[6]!r} is malformed; "
                "an id is 3, 3-4 or 3.1, a head the id of a word or 0",
            ) from error
        if token["id"] is None:
            raise self._fail(number, "the id is missing; number the words from 1")
        if isinstance(token["id"], int):
            self._check_word(number, token)
        return token

    def _check_word(self, number: int, word: Token) -> None:
        if word["upos"] not in UPOS:
            raise self._fail(
                number,
                f"{word['upos']!r} in column UPOS is not one of the 17 universal parts of speech "
                f"({' '.join(sorted(UPOS))})",
            )
        if word["deprel"] == "_":
            raise self._fail(number, "the relation to the head is missing; fill column DEPREL")
        if word["head"] is None:
            raise self._fail(number, "the head is missing; fill column HEAD (0 for the root)")
        if word["head"] == word["id"]:
            raise self._fail(number, f"word {word['id']} is its own head; correct column HEAD")

    def _words(self, tokens: list[tuple[int, Token]]) -> tuple[Word, ...]:
        words: list[Token] = []
        at: list[int] = []  # the line of each word
        spans: list[tuple[int, int, Token]] = []  # first and last word of each multiword token
        for number, token in tokens:
            self._check_id(number, token["id"], len(words), spans[-1][1] if spans else 0)
            if isinstance(token["id"], int):
                words.append(token)
                at.append(number)
            elif token["id"][1] == "-":
                spans.append((token["id"][0], token["id"][2], token))
        if not words:
            raise self._fail(self.start, "comments or tokens but no word; delete them")
        if spans and spans[-1][1] > len(words):
            raise self._fail(
                at[-1],
                f"the sentence ends with word {len(words)}, inside the multiword token "
                f"{spans[-1][0]}-{spans[-1][1]}; correct its range",
            )
        self._check_tree(at, [word["head"] for word in words])

        space_after = [_has_space_after(word) for word in words]
        for first, last, token in spans:
            glued = "".join(word["form"] for word in words[first - 1 : last]) == token["form"]
            space_after[first - 1 : last] = [not glued] * (last - first) + [_has_space_after(token)]
        return tuple(
            Word(
                intern(word["form"]),
                intern(word["upos"]),
                word["head"],
                intern(word["deprel"].partition(":")[0]),
                space,
            )
            for word, space in zip(words, [True, *space_after], strict=False)
        )

    def _check_id(
        self, number: int, given: int | tuple[int, str, int], words: int, span_end: int
    ) -> None:
        """Words count from 1; a range stands before its first word, an empty node after its own."""
        if isinstance(given, int):
            if given != words + 1:
                raise self._fail(number, f"id {given} where {words + 1} is due; renumber the words")
            return
        name = "".join(map(str, given))
        if given[1] == "-" and (given[0] != words + 1 or given[0] <= span_end):
            raise self._fail(
                number,
                f"multiword token {name} after word {words} is out of place or overlaps another; "
                "put its line just before its first word",
            )
        if given[1] == "." and given[0] != words:
            raise self._fail(
                number, f"empty node {name} follows word {words}; put it after word {given[0]}"
            )

    def _check_tree(self, at: list[int], heads: list[int]) -> None:
        for number, head in zip(at, heads, strict=True):
            if not 0 <= head <= len(heads):
                raise self._fail(
                    number,
                    f"head {head} is not in the sentence, which has {len(heads)} words; correct it",
                )
        roots = [number for number, head in zip(at, heads, strict=True) if head == 0]
        if not roots:
            raise self._fail(at[0], "the sentence has no root; give one word the head 0")
        if len(roots) > 1:
            raise self._fail(
                roots[1], f"a second root, after that of line {roots[0]}; keep one word with head 0"
            )
        reached_from = [0] * (len(heads) + 1)
        for start in range(1, len(heads) + 1):
            word = start
            while word and not reached_from[word]:
                reached_from[word] = start
                word = heads[word - 1]
            if word and reached_from[word] == start:
                raise self._fail(
                    at[word - 1],
                    f"word {word} is among its own ancestors; break the cycle of heads",
                )


def _has_space_after(token: Token) -> bool:
    return not token["misc"] or token["misc"].get("SpaceAfter") != "No"
