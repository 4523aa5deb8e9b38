"""The CoNLL-U reader: what it keeps, and the line at which it refuses a file."""

import gzip
from collections.abc import Callable
from pathlib import Path

import conllu
import pytest
from chronoglot.data.conllu import Sentence, read_conllu
from chronoglot.runtime.errors import UserError
from hypothesis import given
from hypothesis import strategies as st

# Two words in one token and not spelled by it, two that are, an empty node.
SENTENCE = """\
# newdoc id = letters
# sent_id = first
# text = Vámonos al mar, can't.
1-2\tVámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tVamos\tir\tVERB\t_\tMood=Imp\t0\troot\t0:root\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj:x\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\t_\t_\t5\tcase\t_\t_
4\tel\tel\tDET\t_\t_\t5\tdet\t_\t_
5\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\tGloss=sea|SpaceAfter=No
5.1\tgone\tgo\tVERB\t_\t_\t_\t_\t1:conj\t_
6\t,\t,\tPUNCT\t_\t_\t1\tpunct\t_\t_
7-8\tcan't\t_\t_\t_\t_\t_\t_\t_\tSpaceAfter=No
7\tca\tcan\tAUX\t_\t_\t1\tdep\t_\t_
8\tn't\tnot\tPART\t_\t_\t7\tadvmod\t_\t_
9\t.\t.\tPUNCT\t_\t_\t1\tpunct\t_\t_

"""
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "x.conllu"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def word(number: int | str, head: int | str, **columns: str) -> str:
    """A line of a word; `columns` replace its form, upos, deprel or misc."""
    column = {"form": "w", "upos": "X", "deprel": "dep" if head else "root", "misc": "_"} | columns
    labels = f"{column['form']}\t_\t{column['upos']}\t_\t_"
    return f"{number}\t{labels}\t{head}\t{column['deprel']}\t_\t{column['misc']}"


def sentence(*lines: str, name: str | None = None) -> str:
    return "\n".join([*([f"# sent_id = {name}"] if name else []), *lines]) + "\n\n"


def read(path: Path) -> list[Sentence]:
    return list(read_conllu(path))


def test_words_are_the_syntactic_words(write: Write) -> None:
    (read_sentence,) = read(write(SENTENCE))
    assert (read_sentence.id, read_sentence.document, read_sentence.line) == ("first", "letters", 2)
    assert " ".join(read_sentence.forms) == "Vamos nos a el mar , ca n't ."
    assert [word.head for word in read_sentence.words] == [0, 1, 5, 5, 1, 1, 1, 7, 1]
    assert [word.deprel for word in read_sentence.words][:3] == ["root", "obj", "case"]
    assert [word.upos for word in read_sentence.words][:3] == ["VERB", "PRON", "ADP"]


def test_space_before(write: Write) -> None:
    (read_sentence,) = read(write(SENTENCE))
    text = "".join(" " * word.space_before + word.form for word in read_sentence.words)
    # "Vamos nos" and "a el" do not spell their tokens, "ca" + "n't" does.
    assert text == " Vamos nos a el mar, can't."


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: b"\n\n" + text.encode() + b"\n\n",
    ],
    ids=["CRLF", "byte order mark", "no blank line at the end", "blank lines"],
)
def test_harmless_differences(write: Write, change: Callable[[str], bytes]) -> None:
    plain = read(write(SENTENCE))
    (changed,) = read(write(change(SENTENCE)))
    assert changed.words == plain[0].words
    assert (changed.id, changed.document) == (plain[0].id, plain[0].document)


def test_compressed_files_are_read(tmp_path: Path, write: Write) -> None:
    packed = tmp_path / "x.conllu.gz"
    packed.write_bytes(gzip.compress(SENTENCE.encode()))
    assert read(packed) == read(write(SENTENCE))


def test_two_spaces_in_a_form_are_no_column_break(write: Write) -> None:
    (read_sentence,) = read(write(sentence(word(1, 0, form="10  000  km", misc="SpaceAfter=No"))))
    assert read_sentence.forms == ("10 000 km",)


def test_ids_of_sentences_and_documents(write: Write) -> None:
    line = word(1, 0)
    path = write(
        sentence(line)
        + sentence("# newdoc", line, name="a")
        + sentence(line)
        + sentence("# newdoc id = D", line)
        + sentence("# newpar id = D-1", line, name="b")
        + sentence("# newdoc", line)
    )
    sentences = list(read_conllu(path, first=11))
    assert [sentence.id for sentence in sentences] == ["s11", "a", "s13", "s14", "b", "s16"]
    assert [sentence.document for sentence in sentences] == [None, "a", "a", "D", "D", "s16"]


GOOD = sentence(word(1, 2), word(2, 0), name="good")  # three lines and a blank one

MALFORMED = {
    "nine columns": (word(1, 0).rpartition("\t")[0], 1, "9 columns"),
    "eleven columns": (word(1, 0) + "\t_", 1, "11 columns"),
    "spaces for tabs": (word(1, 0).replace("\t", "  "), 1, "1 columns"),
    "empty column": (word(1, 0, form=""), 1, "column FORM is empty"),
    "id not a number": (word("one", 0), 1, "id 'one'"),
    "id missing": (word("_", 0), 1, "id is missing"),
    "range backwards": (word("2-1", 0) + "\n" + word(1, 0), 1, "id '2-1'"),
    "head not a number": (word(1, 0) + "\n" + word(2, "x"), 2, "head 'x'"),
    "head missing": (word(1, 0) + "\n" + word(2, "_"), 2, "head is missing"),
    "relation missing": (word(1, 0, deprel="_"), 1, "relation to the head is missing"),
    "id skipped": (word(1, 0) + "\n" + word(3, 1), 2, "id 3 where 2 is due"),
    "id twice": (word(1, 0) + "\n" + word(1, 0), 2, "id 1 where 2 is due"),
    "not from 1": (word(2, 0), 1, "id 2 where 1 is due"),
    "head beyond": (word(1, 0) + "\n" + word(2, 3), 2, "head 3 is not in the sentence"),
    "head negative": (word(1, 0) + "\n" + word(2, -1), 2, "head -1 is not in the sentence"),
    "head itself": (word(1, 0) + "\n" + word(2, 2), 2, "its own head"),
    "no root": (word(1, 2) + "\n" + word(2, 1), 1, "no root"),
    "two roots": (word(1, 0) + "\n" + word(2, 1) + "\n" + word(3, 0), 3, "second root"),
    "cycle": (word(1, 0) + "\n" + word(2, 3) + "\n" + word(3, 2), 2, "its own ancestors"),
    "UPOS unknown": (word(1, 0, upos="NN"), 1, "'NN' in column UPOS"),
    "UPOS missing": (word(1, 0, upos="_"), 1, "'_' in column UPOS"),
    "range too long": (word("1-3", "_") + "\n" + word(1, 0), 2, "inside the multiword token 1-3"),
    "range late": (word(1, 0) + "\n" + word("1-2", "_") + "\n" + word(2, 1), 2, "out of place"),
    "ranges overlap": (
        word("1-2", "_") + "\n" + word(1, 0) + "\n" + word("2-3", "_") + "\n" + word(2, 1),
        3,
        "overlaps",
    ),
    "empty node astray": (word(1, 0) + "\n" + word("3.1", "_"), 2, "empty node 3.1"),
    "comments only": ("# only = this", 1, "no word"),
}


@pytest.mark.parametrize("rest", ["\n\n" + GOOD.replace("good", "other"), ""])
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_sentence_names_its_line(write: Write, name: str, rest: str) -> None:
    lines, offset, message = MALFORMED[name]
    path = write(GOOD + lines + rest)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}, line {4 + offset}: ")
    assert message in str(caught.value)


def test_sent_id_twice_names_both_lines(write: Write) -> None:
    with pytest.raises(UserError, match=r"line 9: sent_id good is that of line 1 too"):
        read(write(GOOD + GOOD.replace("good", "other") + GOOD))


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_empty_file(write: Write, content: str) -> None:
    with pytest.raises(UserError, match=r"x\.conllu: holds no sentence"):
        read(write(content))


def test_not_utf8_names_the_line(write: Write) -> None:
    with pytest.raises(UserError, match=r"line 6: byte 0xe9 is not UTF-8"):
        read(write(GOOD.encode() + sentence(word(1, 0), word(2, 1, form="é")).encode("latin-1")))


def test_absent_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.conllu: cannot be read"):
        read(tmp_path / "absent.conllu")


FORM = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=1)


@st.composite
def trees(draw: st.DrawFn) -> list[tuple[str, int, bool]]:
    """Form, head and space after of the words of a random tree."""
    size = draw(st.integers(1, 8))
    order = draw(st.permutations(range(1, size + 1)))
    heads = {order[0]: 0}
    for place in range(1, size):
        heads[order[place]] = order[draw(st.integers(0, place - 1))]
    return [(draw(FORM), heads[number], draw(st.booleans())) for number in range(1, size + 1)]


@given(st.lists(trees(), min_size=1, max_size=4))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, given_trees: list[list[tuple[str, int, bool]]]
) -> None:
    content = "".join(
        sentence(
            *(
                word(number, head, form=form, misc="_" if space else "SpaceAfter=No")
                for number, (form, head, space) in enumerate(tree, 1)
            )
        )
        for tree in given_trees
    )
    path = tmp_path_factory.getbasetemp() / "written.conllu"
    path.write_text(content, encoding="utf-8")
    sentences = read(path)
    assert len(sentences) == len(given_trees)
    for read_sentence, tree, parsed in zip(
        sentences, given_trees, conllu.parse(content), strict=True
    ):
        assert list(read_sentence.forms) == [form for form, _, _ in tree]
        assert [word.head for word in read_sentence.words] == [head for _, head, _ in tree]
        assert [word.space_before for word in read_sentence.words] == [
            True,
            *(space for _, _, space in tree[:-1]),
        ]
        assert [token["form"] for token in parsed] == list(read_sentence.forms)
