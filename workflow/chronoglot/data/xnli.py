"""Sentence pairs of XNLI (Conneau et al. 2018, arXiv 1809.05053) as a pair table.

Two formats are read, told apart by their header, both as published: columns between tabs, a
quotation mark is a character like any other. XNLI-1.0 (dev and test) has many languages in a file
and columns that are not used here; XNLI-MT-1.0 (MultiNLI's training pairs, machine-translated) has
three columns and one language a file.
"""

import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from chronoglot.data.lines import BLANK, read_lines
from chronoglot.runtime.errors import UserError
from chronoglot.tables.sentence_pairs import Pairs
from chronoglot.tables.values import LABELS

# Which columns hold what is read.
_FORMATS = {
    "XNLI-1.0": {
        "id": "pairID",
        "premise": "sentence1",
        "hypothesis": "sentence2",
        "label": "gold_label",
        "language": "language",
    },
    "XNLI-MT-1.0": {"premise": "premise", "hypothesis": "hypo", "label": "label"},
}
_NO_LABEL = "-"
_SPELLINGS = {label: label for label in (*LABELS, _NO_LABEL)} | {"contradictory": "contradiction"}


class Pair(NamedTuple):
    """A sentence pair; its label is `-` where its annotators did not agree on one."""

    id: str
    premise: str
    hypothesis: str
    label: str


Splits = dict[str, list[Pair]]


def collect_pairs(
    language: str, *, train: Path | None, dev: Path, test: Path, max_train: int | None = None
) -> Pairs:
    """The language's pairs in the files of each split; their numbers go to standard error.

    Without `train` the language can only be a target. `max_train` takes the first so many training
    pairs of the file, whatever is then left out of them: of the row-parallel files of several
    languages it takes the same pairs. Left out are pairs without a gold label, as in the published
    MultiNLI, and training pairs of which either sentence is also in dev or test. What is in both
    dev and test stays in both, so that scores compare with published ones.

    Raises UserError if a file is malformed, lacks the language, or leaves a split without a pair.
    """
    read: Splits = {"train": []}
    if train is not None:
        read["train"] = list(islice(read_xnli(train, language), max_train))
    read |= {"dev": list(read_xnli(dev, language)), "test": list(read_xnli(test, language))}
    labelled = {
        split: [pair for pair in pairs if pair.label != _NO_LABEL] for split, pairs in read.items()
    }
    held = {
        text
        for split in ("dev", "test")
        for pair in labelled[split]
        for text in (pair.premise, pair.hypothesis)
    }
    unseen = [
        pair for pair in labelled["train"] if held.isdisjoint((pair.premise, pair.hypothesis))
    ]
    kept = labelled | {"train": unseen}
    for split, path in {"train": train, "dev": dev, "test": test}.items():
        if path is not None and not kept[split]:
            raise UserError(
                f"{path}: no pair in {language} is left for {split}; give a file with labelled "
                "pairs that are not also in another split"
            )
    print(_summary(language, read, labelled, kept), file=sys.stderr)
    return _table(kept)


def read_xnli(path: str | Path, language: str) -> Iterator[Pair]:
    """Yield a language's pairs of a file in either format.

    Labels are in one spelling, sentences without the space around them. A file in the format of
    XNLI-MT-1.0 is taken to be in the language asked for; its pairs are named by their number, from
    1. Raises UserError if the header is that of neither format, a row's columns do not match it, a
    sentence is empty, a label is unknown, or the file has no pair in the language.
    """
    lines = read_lines(path)
    columns = next(lines, (1, ""))[1].split("\t")
    place = {name: columns.index(column) for name, column in _format(path, columns).items()}
    languages = set()
    for number, line in lines:
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise UserError(
                f"{path}, line {number}: has {len(cells)} columns between tabs, the header "
                f"{len(columns)}; mend the line"
            )
        row = {"id": str(number - 1), "language": language}
        row |= {name: cells[index].strip(BLANK) for name, index in place.items()}
        languages.add(row["language"])
        if row["language"] == language:
            yield _pair(f"{path}, line {number}", row)
    if not languages:
        raise UserError(f"{path}: holds no pairs; give a file that does")
    if language not in languages:
        raise UserError(
            f"{path}: has no pairs in {language}, only in {', '.join(sorted(languages))}"
        )


def _format(path: str | Path, columns: list[str]) -> dict[str, str]:
    missing = {
        name: [column for column in wanted.values() if column not in columns]
        for name, wanted in _FORMATS.items()
    }
    for name, lacking in missing.items():
        if not lacking:
            return _FORMATS[name]
    lacks = " nor of ".join(f"{name} (lacking {', '.join(m)})" for name, m in missing.items())
    raise UserError(
        f"{path}, line 1: the columns are neither those of {lacks}; give a file as published, "
        "with its header"
    )


def _pair(place: str, row: dict[str, str]) -> Pair:
    for name in ("premise", "hypothesis"):
        if not row[name].strip():
            raise UserError(f"{place}: the {name} is empty; mend or remove the line")
    label = _SPELLINGS.get(row["label"].lower())
    if label is None:
        raise UserError(
            f"{place}: unknown label {row['label']!r}; known are {', '.join(_SPELLINGS)}"
        )
    return Pair(row["id"], row["premise"], row["hypothesis"], label)


def _summary(language: str, read: Splits, labelled: Splits, kept: Splits) -> str:
    sizes = [f"{split} {len(pairs):,} pairs" for split, pairs in kept.items()]
    unlabelled = sum(len(read[split]) - len(labelled[split]) for split in read)
    repeated = len(labelled["train"]) - len(kept["train"])
    sizes.append(f"{unlabelled:,} without a gold label left out")
    sizes.append(f"{repeated:,} training pairs with a sentence of dev or test left out")
    return f"{language}: " + "; ".join(sizes)


def _table(splits: Splits) -> Pairs:
    rows = [(split, *pair) for split, pairs in splits.items() for pair in pairs]
    split, *columns = (np.array(column, dtype=object) for column in zip(*rows, strict=True))
    return Pairs(split.astype("U5"), *columns)
