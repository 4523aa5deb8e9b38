"""Lines are divided where their format says, and nowhere else that Python calls a space."""

import sys
from pathlib import Path

import pytest
from chronoglot.data.conllu import read_conllu
from chronoglot.data.gold_links import read_gold
from chronoglot.data.lines import items, paragraphs, read_lines
from chronoglot.data.text import prepare_text
from chronoglot.data.treebank import prepare_words
from chronoglot.data.xnli import read_xnli
from chronoglot.tables.words import read_words

# All that `str.split` or `str.splitlines` divides at, but for what divides in the formats.
WIDE = [
    character
    for character in map(chr, range(sys.maxunicode + 1))
    if (character.isspace() or len(f"a{character}b".splitlines()) > 1)
    and character not in " \t\n\r"
]
# These become spaces in text.
CONTROLS = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029"
ids = [f"U+{ord(character):04X}" for character in WIDE]


def test_there_are_such_characters() -> None:
    assert {"\u00a0", "\u1680", "\u2007", "\u202f", "\u205f", "\u3000", *CONTROLS} <= set(WIDE)


@pytest.mark.parametrize("wide", WIDE, ids=ids)
def test_items_and_lines(wide: str, tmp_path: Path) -> None:
    assert items(f" 10{wide}000\t{wide}  b ") == [f"10{wide}000", wide, "b"]
    (tmp_path / "lines").write_text(f"{wide}a{wide}b{wide}\nc", encoding="utf-8", newline="\n")
    assert list(read_lines(tmp_path / "lines")) == [(1, f"{wide}a{wide}b{wide}"), (2, "c")]


@pytest.mark.parametrize("wide", WIDE, ids=ids)
def test_gold_links(wide: str, tmp_path: Path) -> None:
    text = f"cost 10{wide}000 euros ||| 10{wide}000 euros{wide} now\n"
    (tmp_path / "sentences.txt").write_text(text, encoding="utf-8", newline="\n")
    (tmp_path / "gold.txt").write_text("1-0 2p1\t2-1\n", encoding="utf-8")
    pair = read_gold(tmp_path).translations[0]
    assert pair.source == ("cost", f"10{wide}000", "euros")
    assert pair.target == (f"10{wide}000", f"euros{wide}", "now")
    assert pair.sure == ((1, 0), (2, 1))


@pytest.mark.parametrize("wide", WIDE, ids=ids)
def test_conllu(wide: str, tmp_path: Path) -> None:
    forms = [f"10{wide}000", f"{wide}a{wide}"]
    rows = [
        "\t".join([str(n), form, "_", "NUM", "_", "_", str(n - 1), "dep", "_", "_"])
        for n, form in enumerate(forms, 1)
    ]
    block = "\n".join([f"# text = {wide}".rstrip("\n"), *rows, "", ""])
    path = tmp_path / "x-ud-test.conllu"
    path.write_text(block, encoding="utf-8", newline="\n")
    (sentence,) = read_conllu(path)
    assert sentence.forms == tuple(forms)

    for part in ("train", "dev"):
        other = block.replace("10", f"{len(part)}0")
        (tmp_path / f"x-ud-{part}.conllu").write_text(
            other.replace("# text", f"# sent_id = {part}\n# text"), encoding="utf-8", newline="\n"
        )
    parts = {part: [tmp_path / f"x-ud-{part}.conllu"] for part in ("train", "dev", "test")}
    output = tmp_path / "words.parquet"
    prepare_words(
        parts, output, split="published", shares=(0.7, 0.1, 0.2), max_train_words=None, language="x"
    )
    words = read_words(output)
    assert list(words.form[-2:]) == forms
    assert list(words.texts())[-1] == " ".join(forms)


@pytest.mark.parametrize("wide", WIDE, ids=ids)
def test_xnli(wide: str, tmp_path: Path) -> None:
    path = tmp_path / "xnli.tsv"
    path.write_text(
        f"premise\thypo\tlabel\n {wide}a{wide}b\tc{wide} \tneutral\n", "utf-8", newline="\n"
    )
    (pair,) = read_xnli(path, "en")
    assert (pair.premise, pair.hypothesis) == (f"{wide}a{wide}b", f"c{wide}")


@pytest.mark.parametrize("format", ["plain", "keyed"])
@pytest.mark.parametrize("wide", WIDE, ids=ids)
def test_text(wide: str, format: str, tmp_path: Path) -> None:
    documents = [[f"{wide}a{wide}b{n}", f"c{n}{wide}"] for n in range(12)]
    if format == "plain":
        # A line of a wide space alone parts no documents, and is no paragraph.
        text = "\n\n".join(f"{first}\n{wide}\n{last}" for first, last in documents)
    else:
        text = "\n".join(f"{n}#{m}\t{p}" for n, d in enumerate(documents) for m, p in enumerate(d))
    (tmp_path / "text").write_text(text, encoding="utf-8", newline="\n")
    train, heldout = tmp_path / "train.txt", tmp_path / "heldout.txt"
    counts = prepare_text([tmp_path / "text"], train, heldout, format=format, heldout_share=0.4)
    shown = " " if wide in CONTROLS else wide
    wanted = sorted(
        paragraph.replace(wide, shown).strip(" ")
        for document in documents
        for paragraph in document
    )
    assert sorted([*paragraphs(train), *paragraphs(heldout)]) == wanted
    assert sum(count.documents for count in counts) == 12
    assert sum(count.characters for count in counts) == sum(map(len, wanted))
