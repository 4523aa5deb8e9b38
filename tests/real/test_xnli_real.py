"""XNLI's own files and its machine-translated training pairs are read whole."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from chronoglot.data.xnli import collect_pairs
from chronoglot.tables.sentence_pairs import Pairs
from chronoglot.tables.values import LABELS

SIZES = {"dev": 2490, "test": 5010}


@pytest.fixture(scope="module")
def languages(real_data: Path) -> dict[str, Pairs]:
    held: dict[str, Any] = {split: real_data / "xnli" / f"xnli.{split}.tsv" for split in SIZES}
    train = {
        path.name.split(".")[2]: path
        for path in sorted((real_data / "nli-train").glob("multinli.train.*.tsv"))
    }
    if not train or not all(path.exists() for path in held.values()):
        pytest.skip(f"{real_data} lacks XNLI")
    codes = {line.split("\t")[0] for line in lines(held["test"])}
    return {code: collect_pairs(code, train=train.get(code), **held) for code in sorted(codes)}


def lines(path: Path) -> list[str]:
    return path.read_bytes().decode("utf-8").removesuffix("\n").split("\n")[1:]


def test_every_pair_is_read(languages: dict[str, Pairs], real_data: Path) -> None:
    for code, pairs in languages.items():
        expected = [
            (split, cells[6].strip(), cells[7].strip())
            for split in SIZES
            for cells in (line.split("\t") for line in lines(real_data / f"xnli/xnli.{split}.tsv"))
            if cells[0] == code
        ]
        train = real_data / "nli-train" / f"multinli.train.{code}.tsv"
        if train.exists():
            rows = [line.split("\t") for line in lines(train)]
            expected = [("train", row[0].strip(), row[1].strip()) for row in rows] + expected
        columns = pairs.split.tolist(), pairs.premise.tolist(), pairs.hypothesis.tolist()
        assert list(zip(*columns, strict=True)) == expected


def test_labels_are_balanced_and_the_same_in_every_language(languages: dict[str, Pairs]) -> None:
    for split, size in SIZES.items():
        of_language = {
            code: pairs.label[pairs.rows(split)].tolist() for code, pairs in languages.items()
        }
        first = next(iter(of_language.values()))
        assert Counter(first) == dict.fromkeys(LABELS, size // 3)
        assert all(labels == first for labels in of_language.values())


def test_row_parallel_training_pairs_have_the_same_labels(languages: dict[str, Pairs]) -> None:
    labels = [
        dict(zip(pairs.pair_id[rows], pairs.label[rows], strict=True))
        for pairs in languages.values()
        if (rows := pairs.rows("train")).size
    ]
    assert len(labels) > 1
    assert set(labels[0].values()) == set(LABELS)
    assert all(other == labels[0] for other in labels)
