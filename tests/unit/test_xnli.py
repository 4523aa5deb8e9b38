"""XNLI's files → pair tables: what is read, what is left out, what is refused."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chronoglot.data.in_vitro.write import generate_language
from chronoglot.data.xnli import collect_pairs, read_xnli
from chronoglot.runtime.errors import UserError
from chronoglot.settings.in_vitro import Generator, Sentences, Typology
from chronoglot.tables.sentence_pairs import Pairs
from chronoglot.tables.values import LABELS, SPLITS
from chronoglot.tasks import load_task
from chronoglot.tasks.base import ProbingTask

XNLI = [
    *("language", "gold_label", "sentence1_binary_parse", "sentence2_binary_parse"),
    *("sentence1_parse", "sentence2_parse", "sentence1", "sentence2", "promptID", "pairID"),
    *("genre", "label1", "label2", "label3", "label4", "label5"),
    *("sentence1_tokenized", "sentence2_tokenized", "match"),
]
MT = ["premise", "hypo", "label"]
Row = tuple[str, str, str, str]  # language, premise, hypothesis, label
Write = Callable[..., Path]
Held = dict[str, Any]  # the paths of dev and test


def row(language: str, number: int, label: str = "neutral") -> Row:
    return language, f"{language} premise {number}", f"{language} hypothesis {number}", label


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write rows as a file of either format."""

    def run(name: str, rows: list[Row], *, end: str = "\n", bom: str = "") -> Path:
        if "train" in name:
            lines = [MT, *([p, h, label] for _, p, h, label in rows)]
        else:
            lines = [XNLI]
            for number, (language, premise, hypothesis, label) in enumerate(rows, 1):
                cells = dict.fromkeys(XNLI, "") | {"language": language, "gold_label": label}
                cells |= {"sentence1": premise, "sentence2": hypothesis, "pairID": f"id{number}"}
                lines.append(list(cells.values()))
        path = tmp_path / name
        path.write_bytes((bom + "".join("\t".join(line) + end for line in lines)).encode())
        return path

    return run


@pytest.fixture
def held(write: Write) -> Held:
    """Dev and test files in two languages."""
    rows = {"dev": range(100, 103), "test": range(200, 204)}
    return {
        split: write(f"{split}.tsv", [row(code, n) for code in ("de", "sw") for n in numbers])
        for split, numbers in rows.items()
    }


def texts(pairs: Pairs, split: str) -> list[tuple[str, str]]:
    rows = pairs.rows(split)
    return list(zip(pairs.premise[rows], pairs.hypothesis[rows], strict=True))


def test_each_split_comes_from_its_file(write: Write, held: Held) -> None:
    train = write("train.tsv", [row("de", 1, "contradictory"), row("de", 2, "entailment")])
    pairs = collect_pairs("de", train=train, **held)
    assert pairs.split.tolist() == ["train"] * 2 + ["dev"] * 3 + ["test"] * 4
    assert pairs.pair_id.tolist() == ["1", "2", "id1", "id2", "id3", "id1", "id2", "id3", "id4"]
    assert texts(pairs, "train")[1] == ("de premise 2", "de hypothesis 2")
    assert texts(pairs, "test")[3] == ("de premise 203", "de hypothesis 203")
    assert pairs.label.tolist() == ["contradiction", "entailment", *["neutral"] * 7]


def test_a_language_without_training_pairs_is_a_target(held: Held) -> None:
    pairs = collect_pairs("sw", train=None, **held)
    assert {split: len(pairs.rows(split)) for split in SPLITS} == {"train": 0, "dev": 3, "test": 4}
    assert texts(pairs, "dev")[0] == ("sw premise 100", "sw hypothesis 100")


@pytest.mark.parametrize(("end", "bom"), [("\r\n", ""), ("\n", "\ufeff"), ("\r\n", "\ufeff")])
def test_line_ends_and_byte_order_marks_change_nothing(write: Write, end: str, bom: str) -> None:
    rows = [row("de", n, label) for n, label in enumerate(LABELS)]
    for name in ("dev.tsv", "train.tsv"):
        plain = list(read_xnli(write(name, rows), "de"))
        assert list(read_xnli(write(name, rows, end=end, bom=bom), "de")) == plain


@pytest.mark.parametrize("name", ["dev.tsv", "train.tsv"])
def test_sentences_are_read_to_the_letter(write: Write, name: str) -> None:
    """But for the space around them."""
    premise, hypothesis = '"Never," he\u2028\x85said', 'l\'"été" “…” \\t \u200b我爱'
    read = list(read_xnli(write(name, [("de", f" {premise} ", hypothesis, "neutral")]), "de"))
    assert [(pair.premise, pair.hypothesis) for pair in read] == [(premise, hypothesis)]


def test_compressed_files_are_read(write: Write, tmp_path: Path) -> None:
    path = write("train.tsv", [row("de", n) for n in range(5)])
    packed = tmp_path / "train.tsv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(read_xnli(packed, "de")) == list(read_xnli(path, "de"))


def test_columns_may_come_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text("label\tsource\thypo\tpremise\nneutral\tme\tB\tA\n", encoding="utf-8")
    assert [pair[1:] for pair in read_xnli(path, "de")] == [("A", "B", "neutral")]


@pytest.mark.parametrize("spelling", ["contradictory", "Contradiction", " contradiction "])
def test_spellings_of_a_label_are_reconciled(write: Write, spelling: str) -> None:
    (pair,) = read_xnli(write("train.tsv", [row("de", 1, spelling)]), "de")
    assert pair.label == "contradiction"


def test_pairs_without_a_gold_label_are_left_out_and_counted(
    write: Write, held: Held, capsys: pytest.CaptureFixture[str]
) -> None:
    train = write("train.tsv", [row("de", 1), row("de", 2, "-"), row("de", 3)])
    pairs = collect_pairs("de", train=train, **held)
    assert pairs.pair_id[pairs.rows("train")].tolist() == ["1", "3"]
    assert "train 2 pairs; dev 3 pairs; test 4 pairs; 1 without a gold" in capsys.readouterr().err


def test_what_is_scored_is_not_trained_on(
    write: Write, held: Held, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        ("de", "de premise 100", "new", "neutral"),
        ("de", "new", "de hypothesis 203", "neutral"),
        ("de", "de hypothesis 101", "new", "neutral"),
        # Another language's sentences are no sentences of this one.
        ("de", "sw premise 100", "sw hypothesis 203", "neutral"),
    ]
    pairs = collect_pairs("de", train=write("train.tsv", rows), **held)
    assert texts(pairs, "train") == [rows[3][1:3]]
    assert "3 training pairs with a sentence of dev or test" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"train\.tsv: no pair in de is left for train"):
        collect_pairs("de", train=write("train.tsv", rows[:3]), **held)


@pytest.mark.parametrize("most", [1, 3, 4, 100])
def test_row_parallel_files_are_cut_alike(write: Write, held: Held, most: int) -> None:
    """Whatever one language leaves out, the first n rows of each file stand for the same pairs."""
    german = [row("de", n) for n in range(8)]
    german[1] = ("de", "de premise 100", "new", "neutral")
    german[2] = row("de", 2, "-")
    swahili = [row("sw", n) for n in range(8)]
    chosen = {
        code: set(pairs.pair_id[pairs.rows("train")])
        for code, rows in {"de": german, "sw": swahili}.items()
        for pairs in [collect_pairs(code, train=write("train.tsv", rows), max_train=most, **held)]
    }
    numbers = {str(n) for n in range(1, 9) if n <= most}
    assert chosen == {"sw": numbers, "de": numbers - {"2", "3"}}


def test_a_file_of_neither_format_is_refused_by_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.tsv"
    path.write_text(
        "gold_label\tsentence1\tsentence2\tpairID\nneutral\tA\tB\t1\n", encoding="utf-8"
    )
    with pytest.raises(UserError) as refusal:
        list(read_xnli(path, "en"))
    assert "XNLI-1.0 (lacking language) nor of XNLI-MT-1.0 (lacking premise, hypo, label)" in str(
        refusal.value
    )
    path.write_text("", encoding="utf-8")
    with pytest.raises(UserError, match=r"line 1: .*lacking pairID"):
        list(read_xnli(path, "en"))


@pytest.mark.parametrize("name", ["dev.tsv", "train.tsv"])
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (("de", "", "hypothesis", "neutral"), "the premise is empty"),
        (("de", "premise", " ", "neutral"), "the hypothesis is empty"),
        (("de", "premise", "hypothesis", "maybe"), "'maybe'; known are entailment, neutral, contr"),
        (("de", "premise", "hypothesis", ""), "unknown label ''"),
        (("de", "two\tcells", "hypothesis", "neutral"), "columns between tabs, the header"),
    ],
)
def test_a_wrong_row_is_refused_by_its_line(
    write: Write, name: str, wrong: Row, message: str
) -> None:
    path = write(name, [row("de", 1), row("de", 2), wrong, row("de", 3)])
    with pytest.raises(UserError, match=message) as refusal:
        list(read_xnli(path, "de"))
    assert str(refusal.value).startswith(f"{path}, line 4: ")


def test_a_language_that_a_file_lacks_is_refused(write: Write, held: Held) -> None:
    with pytest.raises(UserError, match=r"dev\.tsv: has no pairs in fr, only in de, sw$"):
        collect_pairs("fr", train=None, **held)
    for name in ("dev.tsv", "train.tsv"):
        with pytest.raises(UserError, match="holds no pairs"):
            list(read_xnli(write(name, []), "de"))


def test_in_vitro_pairs_are_read_whole(tmp_path: Path) -> None:
    few = Sentences(train=90, dev=30, test=60)
    typology = Typology(
        name="Talu",
        family="northern",
        order="SOV",
        adjective="before",
        adposition="after",
        case=True,
        agreement=True,
        morphology="agglutinated",
        script="cyrillic",
        words=1000,
    )
    generate_language("qaa", typology, Generator(pairs=few), 1, tmp_path / "qaa")
    paths: dict[str, Any] = {split: tmp_path / "qaa" / f"xnli.{split}.tsv" for split in SPLITS}
    pairs = collect_pairs("qaa", **paths)
    for split, path in paths.items():
        lines = path.read_text(encoding="utf-8").splitlines()[1:]
        assert texts(pairs, split) == [tuple(line.split("\t")[6:8]) for line in lines]


def test_the_task_gives_a_split_with_its_labels(write: Write, held: Held) -> None:
    train = write("train.tsv", [row("de", n, label) for n, label in enumerate(LABELS * 2)])
    pairs = collect_pairs("de", train=train, **held)
    task = load_task("xnli")
    assert isinstance(task, ProbingTask)
    assert task.data == "pairs"
    vectors = np.arange(2 * len(pairs), dtype=np.float32).reshape(len(pairs), 2)
    for split in SPLITS:
        examples = task.examples(pairs, split, 1)
        assert pairs.split[examples.item].tolist() == [split] * len(examples)
        assert examples.label.tolist() == pairs.label[examples.item].tolist()
        assert (examples.other == -1).all()
        assert np.array_equal(task.inputs(vectors, examples), vectors[pairs.rows(split)])
    assert task.examples(pairs, "train", 1).label.tolist() == list(LABELS) * 2
