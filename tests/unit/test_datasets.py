"""The table of datasets: its rows, what is known of them, what to bring and what to cite."""

import csv
from collections import Counter
from pathlib import Path

import pytest
from chronoglot.data.fetch.datasets import (
    TABLE,
    find_dataset,
    licences,
    read_datasets,
    read_references,
)
from chronoglot.data.fetch.missing import bring, missing_files, needed
from chronoglot.runtime.errors import UserError

DATASETS = read_datasets()
REFERENCES = read_references()


def test_names_are_unique_and_one_version_of_a_title_is_current() -> None:
    assert len({dataset.name for dataset in DATASETS}) == len(DATASETS)
    current = Counter(dataset.title for dataset in DATASETS if dataset.status == "current")
    assert set(current.values()) == {1}


def test_a_superseded_version_has_a_current_one() -> None:
    current = {dataset.title for dataset in DATASETS if dataset.status == "current"}
    assert {dataset.title for dataset in DATASETS if dataset.status == "superseded"} <= current


def test_the_sources_that_the_documentation_names_are_there() -> None:
    """Rows are never deleted: a study of some year names them."""
    names = {dataset.name for dataset in DATASETS}
    assert {f"ud-2.{minor}" for minor in range(5, 18)} < names
    assert {"xnli-1.0", "xnli-mt-1.0", "cc100", "czenali-1.0", "rwth-de-en"} < names
    assert {"wpt03-en-fr", "wpt03-ro-en", "wpt05-en-hi", "wpt05-ro-en"} < names
    assert {"tavakoli-2014-en-fa", "xlmr-replica", "xlmr-tokenizer"} < names


def test_no_two_files_share_a_url_or_a_checksum() -> None:
    for column in ("url", "sha256"):
        known = Counter(getattr(dataset, column) for dataset in DATASETS)
        assert max(count for value, count in known.items() if value) == 1


def test_the_tokenizer_is_fetched_whole_or_not_at_all() -> None:
    """It comes from a branch, on which another file might lie one day."""
    tokenizer = find_dataset("xlmr-tokenizer")
    assert tokenizer.url.endswith("/sentencepiece.bpe.model")
    assert tokenizer.size and tokenizer.sha256


def test_the_version_is_in_the_url_of_a_release() -> None:
    for dataset in DATASETS:
        if dataset.name.startswith("ud-"):
            assert dataset.url.endswith(f"/ud-treebanks-v{dataset.version}.tgz")


def test_every_citation_is_there_and_none_is_unused() -> None:
    cited = {key for dataset in DATASETS for key in dataset.citation}
    assert cited == set(REFERENCES)


@pytest.mark.parametrize("key", REFERENCES)
def test_references_are_bibtex(key: str) -> None:
    entry = REFERENCES[key]
    assert entry.isascii()
    depth = 0
    for place, sign in enumerate(entry):
        depth += (sign == "{") - (sign == "}")
        assert depth > 0 or place < entry.index("{") or place == len(entry) - 1
    assert depth == 0
    fields = [line.split(" = ")[0].strip() for line in entry.splitlines()[1:-1]]
    assert {"title", "author", "year"} <= set(fields)
    assert "url" in fields or "doi" in fields
    assert len(fields) == len(set(fields))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "old"),
        ("url", "ftp://example.org/x.zip"),
        ("licence", ""),
        ("citation", " ; "),
        ("sha256", "beef"),
        ("size", "0"),
        ("sha256_from", "someone"),
    ],
)
def test_a_wrong_row_is_refused_by_its_line(tmp_path: Path, column: str, value: str) -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(row for row in rows if not row["sha256"])
    row[column] = value
    table = tmp_path / "datasets.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerows(rows)
    expected = "its columns" if column == "sha256_from" else column
    with pytest.raises(UserError, match=rf"datasets\.csv, line {rows.index(row) + 2}: {expected}"):
        read_datasets(table)


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r"no dataset ud-2\.71; the nearest known is ud-2\.7"):
        find_dataset("ud-2.71")


def test_licences_are_of_each_dataset_once_with_all_that_it_cites() -> None:
    rows = licences(["cc100", "xnli-1.0", "cc100"])
    assert [row.dataset for row in rows] == ["CC100", "XNLI"]
    assert "CC BY-NC 4.0" in rows[1].licence
    assert [entry.partition("{")[0] for entry in rows[0].references] == ["@inproceedings"] * 2


def test_a_treebank_states_its_own_licence(tmp_path: Path) -> None:
    for name, readme in (("UD_A-B", "License: CC BY-SA 4.0\n"), ("UD_C-D", "# Licenses\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "README.md").write_text(f"# Summary\n\n{readme}Genre: news\n")
    stated, unstated = licences([], [tmp_path / "UD_A-B", tmp_path / "UD_C-D"])
    assert (stated.dataset, stated.licence) == ("UD_A-B", "CC BY-SA 4.0")
    assert "not stated" in unstated.licence


def test_real_treebanks_state_a_licence(real_data: Path) -> None:
    folders = sorted((real_data / "ud").glob("UD_*"))
    rows = licences([], folders)
    assert [row.dataset for row in rows] == [folder.name for folder in folders]
    assert all(row.licence.startswith("CC BY") for row in rows)


def test_what_is_missing_is_named_with_its_source_and_its_place(tmp_path: Path) -> None:
    here = tmp_path / "XNLI-1.0.zip"
    here.touch()
    text, links = tmp_path / "text" / "sw.txt.xz", tmp_path / "DeEnGoldAlignment.tar.gz"
    files = [
        needed(find_dataset("xnli-1.0"), here),
        needed(find_dataset("cc100"), text, "sw"),
        needed(find_dataset("rwth-de-en"), links),
        needed(find_dataset("cc100"), text, "sw"),
    ]
    missing = missing_files(files)
    assert [file.path for file in missing] == [text, links]
    message = bring(missing)
    assert message.startswith("2 files are not here")
    assert f"{text} ← https://data.statmt.org/cc-100/sw.txt.xz\n" in message
    assert message.endswith("goldAlignment/, by hand from this page")
    assert "466 MB" in bring([needed(find_dataset("xnli-mt-1.0"), here)])
    assert missing_files(files[:1]) == []
