"""What is asked of data before any checkpoint: examples of every task, letters to measure."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_model
from chronoglot.encoding.heldout import check_heldout
from chronoglot.probing.check import check_examples
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import write_words


def treebank(path: Path, counts: dict[str, int]) -> Path:
    """So many sentences in each split, of three words in a chain: noun, verb and noun."""
    words = tiny_model.word_table([[("a", True), ("b", True), ("c", True)]] * sum(counts.values()))
    sentences = sum(counts.values())
    write_words(
        replace(
            words,
            split=np.repeat(list(counts), [3 * count for count in counts.values()]),
            upos=np.array(["NOUN", "VERB", "NOUN"] * sentences, object),
            head=np.array([2, 0, 2] * sentences, np.int32),
            deprel=np.array(["nsubj", "root", "obj"] * sentences, object),
        ),
        path,
    )
    return path


def test_the_examples_of_every_task_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = treebank(tmp_path / "words.parquet", {"train": 400, "dev": 20, "test": 30})

    def counts(splits: Sequence[str]) -> object:
        tasks = ["pos", "arc_prediction", "arc_classification"]
        output = tmp_path / "examples.json"
        check_examples(table, output, language="xx", tasks=tasks, splits=splits, seed=1)
        assert output.read_text().endswith("}\n")
        return json.loads(output.read_text())

    assert counts(["train", "dev", "test"]) == {
        "pos": {"train": 1200, "dev": 60, "test": 90},
        "arc_prediction": {"train": 1600, "dev": 80, "test": 120},  # each arc and one that is none
        "arc_classification": {"train": 800, "dev": 40, "test": 60},
    }
    assert "xx, pos: train 1,200, dev 60, test 90 examples" in capsys.readouterr().out
    assert counts(["test"]) == {
        "pos": {"test": 90},
        "arc_prediction": {"test": 120},
        "arc_classification": {"test": 60},
    }


def test_a_split_without_examples_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    table = treebank(tmp_path / "words.parquet", {"train": 4, "test": 3})
    output = tmp_path / "examples.json"
    with pytest.raises(UserError, match=r"language xx, task pos: the dev split of .*words"):
        check_examples(table, output, language="xx", tasks=["pos"], splits=["train", "dev"], seed=1)
    assert not output.exists()


def heldout(tmp_path: Path, text: str, most: int | None) -> dict:
    (tmp_path / "heldout.txt").write_text(text, encoding="utf-8")
    check_heldout(tmp_path / "heldout.txt", tmp_path / "counts.json", most)
    assert (tmp_path / "counts.json").read_text().endswith("}\n")
    return json.loads((tmp_path / "counts.json").read_text())


@pytest.mark.parametrize(
    ("most", "paragraphs", "characters"),
    [(None, 3, 9), (9, 3, 9), (8, 2, 7), (7, 2, 7), (6, 1, 4), (4, 1, 4)],
)
def test_what_is_measured_is_counted(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    most: int | None,
    paragraphs: int,
    characters: int,
) -> None:
    """Whole paragraphs, as long as they do not exceed the most; one letter is enough."""
    found = heldout(tmp_path, "12 a\n345\n67\n", most)
    assert found == {"paragraphs": paragraphs, "characters": characters}
    assert f"{paragraphs} paragraphs, {characters} characters" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "most"), [("", None), ("1 2 3\n…!\n", None), ("123\nabc\n", 5)])
def test_a_text_without_a_letter_is_refused(tmp_path: Path, text: str, most: int | None) -> None:
    with pytest.raises(UserError, match=r"heldout\.txt: there is no letter"):
        heldout(tmp_path, text, most)


def test_a_first_paragraph_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="first paragraph alone has more than 3 characters"):
        heldout(tmp_path, "abcd\n", 3)
