"""Words that a treebank hides are never read as words."""

from pathlib import Path

import pytest
from chronoglot.data.treebank import prepare_words
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import read_words

Rows = list[tuple[str, str]]  # form, part of speech
CLEAR: Rows = [("the", "DET"), ("cat", "NOUN"), ("sleeps", "VERB")]
RULE: Rows = [("________", "PUNCT")]
BLANK: Rows = [("sign", "VERB"), ("here", "ADV"), ("____", "SYM"), ("_", "PUNCT")]
FULLY: Rows = [("_", "DET"), ("_", "NOUN"), ("_", "VERB")]
BY_LENGTH: Rows = [("___", "DET"), ("_____", "NOUN"), ("_", "PUNCT")]
PARTLY: Rows = [("Mr", "NOUN"), ("____", "PROPN"), ("sleeps", "VERB")]
SPACED: Rows = [("_ _", "NUM"), ("cats", "NOUN")]


def _conllu(name: str, rows: Rows) -> str:
    lines = [f"# sent_id = {name}"]
    for number, (form, upos) in enumerate(rows, 1):
        columns = [str(number), form, "_", upos, "_", "_", str(number - 1), "dep", "_", "_"]
        lines.append("\t".join(columns))
    return "\n".join(lines) + "\n\n"


def _read(folder: Path, sentences: list[Rows], hidden: str = "refuse") -> list[tuple[str, ...]]:
    """The forms of the sentences that are kept, from a treebank with them in each part."""
    parts = {}
    for part in ("train", "dev", "test"):
        own = [[(part, "X"), *rows] if rows == CLEAR else rows for rows in sentences]
        text = "".join(_conllu(f"{part}{n}", rows) for n, rows in enumerate(own))
        parts[part] = [folder / f"x-ud-{part}.conllu"]
        parts[part][0].write_text(text, encoding="utf-8")
    prepare_words(
        parts,
        folder / "words.parquet",
        split="published",
        shares=(0.7, 0.1, 0.2),
        max_train_words=None,
        language="x",
        hidden=hidden,
    )
    words = read_words(folder / "words.parquet")
    rows = words.rows("test")
    return [
        tuple(words.form[i] for i in rows if words.sentence[i] == number)
        for number in dict.fromkeys(words.sentence[rows])
    ]


@pytest.mark.parametrize("hidden", [FULLY, BY_LENGTH, PARTLY, SPACED])
def test_hidden_words_are_refused_or_left_out(
    hidden: Rows, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"words of 3 of 6 sentences are hidden.*train1.*leave_out"):
        _read(tmp_path, [CLEAR, hidden])
    kept = _read(tmp_path, [CLEAR, hidden], "leave_out")
    assert kept == [("test", "the", "cat", "sleeps")]
    assert "3 sentences with hidden words left out" in capsys.readouterr().out
    for choice in ("refuse", "leave_out"):
        with pytest.raises(UserError, match="all words of the treebank are hidden"):
            _read(tmp_path, [hidden], choice)


def test_underscores_of_the_text_itself_are_read(tmp_path: Path) -> None:
    # Only dev and test, since sentences that train shares with them are dropped there.
    kept = _read(tmp_path, [CLEAR, RULE, BLANK])
    assert kept == [("test", "the", "cat", "sleeps"), ("________",), ("sign", "here", "____", "_")]


def test_where_words_are_hidden_a_sentence_of_underscores_is_too(tmp_path: Path) -> None:
    assert _read(tmp_path, [CLEAR, RULE, FULLY], "leave_out") == [("test", "the", "cat", "sleeps")]
