"""The tasks' examples and inputs, against hand-worked sentences and plain loops."""

import subprocess
import sys
from collections import Counter
from functools import partial
from operator import ne
from typing import Any

import numpy as np
import pytest
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import Words
from chronoglot.tasks import load_task, task_names
from chronoglot.tasks.base import Examples
from hypothesis import given
from hypothesis import strategies as st

Sentence = tuple[str, str, list[tuple[str, int, str]]]  # split, id, (upos, head, deprel) a word


def table(sentences: list[Sentence]) -> Words:
    rows = [
        (split, number, name, word, f"w{word}", upos, head, deprel, word > 1)
        for number, (split, name, words) in enumerate(sentences)
        for word, (upos, head, deprel) in enumerate(words, start=1)
    ]
    kinds: list[Any] = ["U5", "i4", object, "i4", object, object, "i4", object, bool]
    columns = zip(*rows, strict=True) if rows else [()] * len(kinds)
    return Words(*(np.array(c, dtype=k) for c, k in zip(columns, kinds, strict=True)))


# "She reads old books ." and "Go !", one after the other in train, then a sentence in test.
READS: Sentence = (
    "train",
    "reads",
    [
        ("PRON", 2, "nsubj"),
        ("VERB", 0, "root"),
        ("ADJ", 4, "amod"),
        ("NOUN", 2, "obj"),
        ("PUNCT", 2, "punct"),
    ],
)
GO: Sentence = ("train", "go", [("VERB", 0, "root"), ("PUNCT", 1, "punct")])
ODD: Sentence = ("test", "odd", [("X", 3, "dep"), ("_", 1, "fixed"), ("NOUN", 0, "root")])
BOOK = [READS, GO, ODD]


@st.composite
def treebanks(draw: st.DrawFn) -> list[Sentence]:
    """Up to six sentences of up to seven words, any word the head of any other."""
    sentences: list[Sentence] = []
    for split in sorted(
        draw(st.lists(st.sampled_from(["train", "dev", "test"]), max_size=6)),
        key=["train", "dev", "test"].index,
    ):
        length = draw(st.integers(1, 7))
        words = []
        for word in range(1, length + 1):
            head = draw(st.integers(0, length).filter(partial(ne, word)))
            upos = draw(st.sampled_from(["NOUN", "VERB", "X", "_"]))
            words.append((upos, head, draw(st.sampled_from(["obj", "nsubj"])) if head else "root"))
        sentences.append((split, f"s{len(sentences)}", words))
    return sentences


def arcs(sentences: list[Sentence], split: str) -> list[tuple[int, int, str, range]]:
    """Modifier, head, relation and the rows of the sentence, of every arc of a split."""
    found, first = [], 0
    for own, _, words in sentences:
        rows = range(first, first + len(words))
        for place, (_, head, deprel) in enumerate(words):
            if own == split and head > 0:
                found.append((first + place, first + head - 1, deprel, rows))
        first += len(words)
    return found


def triples(examples: Examples) -> list[tuple[int, int, str]]:
    return list(zip(examples.item.tolist(), examples.other.tolist(), examples.label, strict=True))


def test_pos_of_a_sentence() -> None:
    task = load_task("pos")
    assert triples(task.examples(table(BOOK), "train", 0)) == [
        (0, -1, "PRON"),
        (1, -1, "VERB"),
        (2, -1, "ADJ"),
        (3, -1, "NOUN"),
        (4, -1, "PUNCT"),
        (5, -1, "VERB"),
        (6, -1, "PUNCT"),
    ]


def test_pos_keeps_x_and_leaves_out_words_without_a_class() -> None:
    assert triples(load_task("pos").examples(table(BOOK), "test", 0)) == [
        (7, -1, "X"),
        (9, -1, "NOUN"),
    ]


def test_relations_of_a_sentence_leave_out_the_root() -> None:
    assert triples(load_task("arc_classification").examples(table(BOOK), "train", 0)) == [
        (0, 1, "nsubj"),
        (2, 3, "amod"),
        (3, 1, "obj"),
        (4, 1, "punct"),
        (6, 5, "punct"),
    ]


def test_arc_prediction_of_a_sentence() -> None:
    found = triples(load_task("arc_prediction").examples(table(BOOK), "train", 0))
    assert found[::2] == [(0, 1, "arc"), (2, 3, "arc"), (3, 1, "arc"), (4, 1, "arc")]
    allowed = {0: {2, 3, 4}, 2: {0, 1, 4}, 3: {0, 2, 4}, 4: {0, 2, 3}}
    for (modifier, _, _), (same, other, label) in zip(found[::2], found[1::2], strict=True):
        assert (same, label) == (modifier, "none")
        assert other in allowed[modifier]


def test_the_only_other_word_is_the_negative() -> None:
    # Of three words, the modifier and its head leave one.
    found = triples(load_task("arc_prediction").examples(table(BOOK), "test", 5))
    assert found == [(7, 9, "arc"), (7, 8, "none"), (8, 7, "arc"), (8, 9, "none")]


@given(treebanks(), st.sampled_from(["train", "dev", "test"]))
def test_arcs_agree_with_plain_loops(sentences: list[Sentence], split: str) -> None:
    expected = [(modifier, head, deprel) for modifier, head, deprel, _ in arcs(sentences, split)]
    found = load_task("arc_classification").examples(table(sentences), split, 0)
    assert triples(found) == expected


@given(treebanks(), st.integers(0, 2**32), st.sampled_from(["train", "dev", "test"]))
def test_negatives_are_other_words_of_the_sentence(
    sentences: list[Sentence], seed: int, split: str
) -> None:
    found = triples(load_task("arc_prediction").examples(table(sentences), split, seed))
    expected = [arc for arc in arcs(sentences, split) if len(arc[3]) > 2]
    assert found[::2] == [(modifier, head, "arc") for modifier, head, _, _ in expected]
    assert len(found) == 2 * len(expected)
    for (modifier, other, label), (gold, head, _, rows) in zip(found[1::2], expected, strict=True):
        assert (modifier, label) == (gold, "none")
        assert other in rows
        assert other not in (modifier, head)


@given(treebanks(), treebanks(), st.integers(0, 9))
def test_negatives_depend_on_the_sentence_alone(
    before: list[Sentence], after: list[Sentence], seed: int
) -> None:
    def negatives(sentences: list[Sentence]) -> list[tuple[int, int]]:
        words = table(sentences)
        found = load_task("arc_prediction").examples(words, "train", seed)
        own = words.sentence_id[found.item] == "reads"
        return list(zip(words.word[found.item[own]], words.word[found.other[own]], strict=True))

    before = [("train", f"a{name}", words) for _, name, words in before]
    assert negatives([*before, READS, *after]) == negatives([READS])


def test_negatives_are_uniform_and_change_with_seed_sentence_and_word() -> None:
    task = load_task("arc_prediction")
    # 4,000 sentences in which words 1 and 2 both hang on word 3 of 6.
    words = [("NOUN", 3, "obj"), ("NOUN", 3, "obj")] + [("NOUN", 0, "root")] * 4
    many = table([("train", f"s{number}", words) for number in range(4000)])

    def drawn(seed: int) -> np.ndarray:
        found = task.examples(many, "train", seed)
        return many.word[found.other[1::2]].reshape(-1, 2)

    first, second = drawn(1).T
    for column, allowed in ((first, (2, 4, 5, 6)), (second, (1, 4, 5, 6))):
        counts = Counter(column.tolist())
        assert set(counts) == set(allowed)
        # Chi-square with 3 degrees of freedom: 16.3 is passed by chance once in a thousand.
        assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 16.3
    # Independent draws from three shared candidates agree in 3 of 16 cases.
    assert abs(np.mean(first == second) - 3 / 16) < 0.03
    assert abs(np.mean(drawn(1) == drawn(2)) - 1 / 4) < 0.03


def test_inputs_of_words_and_arcs() -> None:
    vectors = np.array([[1, 2], [3, 4], [5, 6]], dtype=np.float32)
    words = Examples(np.array([2, 0]), np.array([-1, -1]), np.array(["a", "b"], object))
    pairs = Examples(np.array([2, 0]), np.array([1, 2]), np.array(["a", "b"], object))
    assert load_task("pos").inputs(vectors, words).tolist() == [[5, 6], [1, 2]]
    for name in ("arc_prediction", "arc_classification"):
        inputs = load_task(name).inputs(vectors, pairs)
        assert inputs.dtype == np.float32
        assert inputs.tolist() == [[5, 6, 3, 4, 15, 24], [1, 2, 5, 6, 5, 12]]


def test_every_task_loads_under_its_name() -> None:
    assert {"pos", "arc_prediction", "arc_classification"} <= set(task_names())
    for name in ("pos", "arc_prediction", "arc_classification"):
        assert load_task(name).name == name


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UserError, match="'arc_predicton'; did you mean 'arc_prediction'"):
        load_task("arc_predicton")


def test_names_are_listed_without_importing_what_computes() -> None:
    code = (
        "import sys; from chronoglot.tasks import task_names; assert task_names();"
        "assert not {'numpy', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
