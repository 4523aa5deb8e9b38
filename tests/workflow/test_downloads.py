"""Data that is fetched: the real workflow, and sources on loopback that publish it."""

import copy
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from chronoglot.data.gold_links import read_gold
from chronoglot.data.locate import find_parts
from conftest import ROOT, Workflow
from fetching import DATA, DOWNLOADS, EXPERIMENT, GOLD, JOBS, TABLES, at, made
from loopback import Asked, Cut, Server, Status, loopback, only
from published import PATHS, TOKENIZER, TREEBANKS, make_files, publish, write_table

pytestmark = pytest.mark.slow

LICENCES = "results/fetched/licences.json"
ALL = ("downloads", LICENCES)
ARCHIVES = ("ud-2.15", "xnli-1.0", "xnli-mt-1.0", "czenali-1.0")


@pytest.fixture
def experiment() -> dict[str, Any]:
    """A fresh copy of the settings, to change."""
    return copy.deepcopy(EXPERIMENT)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return make_files(tmp_path_factory.mktemp("published"))


@pytest.fixture
def server() -> Iterator[Server]:
    with loopback() as running:
        yield running


@pytest.fixture
def empty(tmp_path: Path) -> Workflow:
    return at(tmp_path)


@pytest.fixture(scope="module")
def run(
    files: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workflow, list[Asked]]:
    """All that is fetched and its tables, made once from a server that is down since.

    It was busy when asked for the first archive, and was cut off in the middle of the second.
    """
    workflow = at(tmp_path_factory.mktemp("fetched"))
    with loopback() as server:
        publish(server, files, workflow.folder / "datasets.csv")
        server.files[PATHS["xnli-1.0"]].faults = [Status(503), Status(503)]
        server.files[PATHS["ud-2.15"]].faults = [Cut(1000)]
        jobs = made(workflow.snakemake(EXPERIMENT, "--cores", "1", *TABLES, *ALL))
    assert jobs == JOBS | {"fetch": 7, "list_licences": 1, "downloads": 1}
    return workflow, server.asked


@pytest.fixture
def fetched(run: tuple[Workflow, list[Asked]]) -> Workflow:
    """That run. Tests only plan on it."""
    return run[0]


@pytest.fixture
def further(fetched: Workflow, tmp_path: Path) -> Workflow:
    """A copy of it, to go on with."""
    shutil.copytree(fetched.folder, tmp_path / "further")
    return Workflow(tmp_path / "further")


def test_the_tables_hold_what_the_sources_publish(
    fetched: Workflow, tmp_path: Path, files: dict[str, bytes]
) -> None:
    make_files(tmp_path)
    data = fetched.folder / DATA
    for code in ("en", "cs"):
        words = pq.read_table(data / f"words/{code}.parquet")
        treebank = find_parts(fetched.folder / DOWNLOADS / "ud-2.15" / TREEBANKS[code])
        published = [path.read_bytes() for paths in treebank.values() for path in paths]
        assert published == [
            (tmp_path / code / f"{code}_invitro-ud-{part}.conllu").read_bytes() for part in treebank
        ]
        assert words.num_rows > 100
        text = (data / f"text/{code}/heldout.txt").read_text()
        assert 3000 < len(text) <= 4000 + text.count("\n")
        beginning = (tmp_path / code / "text.txt").read_text().split("\n\n")[0]
        assert all(line in text.splitlines() for line in beginning.splitlines())
        log = fetched.folder / DOWNLOADS / f"logs/fetch/cc100/{code}.4000.txt.xz.log"
        assert len(log.read_text().splitlines()) == 2  # what came, and its size
    pairs = pq.read_table(data / "pairs/en.parquet").to_pydict()
    assert [pairs["split"].count(split) for split in ("train", "dev", "test")] == [12, 6, 6]
    assert read_gold(fetched.folder / DOWNLOADS / "czenali-1.0") == read_gold(tmp_path / "en-cs")
    assert (
        fetched.folder / DOWNLOADS / "xlmr-tokenizer/sentencepiece.bpe.model"
    ).read_bytes() == TOKENIZER


def test_only_what_is_asked_for_is_unpacked(fetched: Workflow) -> None:
    folder = fetched.folder / DOWNLOADS
    only(folder, "archives", "cc100", "logs", "xlmr-tokenizer", *ARCHIVES)
    only(folder / "archives", *ARCHIVES)
    only(folder / "ud-2.15", "UD_English-EWT", "UD_Czech-CAC")
    only(folder / "xnli-1.0", "XNLI-1.0")
    only(folder / "xnli-mt-1.0/XNLI-MT-1.0/multinli", "multinli.train.en.tsv")
    only(folder / "cc100", "en.4000.txt.xz", "cs.4000.txt.xz")


def test_a_busy_server_is_asked_again_and_a_cut_file_continued(
    run: tuple[Workflow, list[Asked]], files: dict[str, bytes]
) -> None:
    """Everything else is asked for once."""
    asked: dict[str, list[Asked]] = {}
    for one in run[1]:
        asked.setdefault(one.path, []).append(one)
    assert [one.status for one in asked.pop(PATHS["xnli-1.0"])] == [503, 503, 200]
    first, rest = asked.pop(PATHS["ud-2.15"])
    assert rest.range == "bytes=1000-"
    assert first.sent + rest.sent == len(files[PATHS["ud-2.15"]])
    assert set(asked) == set(files) - {
        *(PATHS["xnli-1.0"], PATHS["ud-2.15"]),
        PATHS["cc100"].format(language="de"),
    }
    assert all(len(requests) == 1 for requests in asked.values())


def test_a_dry_run_tells_what_is_fetched(
    empty: Workflow, experiment: dict[str, Any], files: dict[str, bytes], server: Server
) -> None:
    """The whole experiment; nothing is asked of any server."""
    publish(server, files, empty.folder / "datasets.csv")
    outcome = empty.snakemake(experiment, "--dry-run")
    assert f"7 files of data are fetched into {DOWNLOADS}\n" in outcome.text
    jobs = made(outcome)
    assert {rule: jobs[rule] for rule in JOBS} == JOBS | {"fetch": 7}
    assert jobs["report"] == 1
    assert server.asked == []
    (empty.folder / DOWNLOADS / "czenali-1.0").mkdir(parents=True)  # as a run that was killed does
    assert empty.plan(experiment, GOLD) == {"fetch": 1, "gold": 1, "parallel": 1}
    assert empty.plan(experiment, TABLES[0]) == {"fetch": 1, "treebanks": 1, "words": 1}
    assert empty.plan(experiment, "downloads") == {
        **{rule: JOBS[rule] for rule in ("treebanks", "unpack", "gold")},
        **{"fetch": 7, "downloads": 1},
    }


def test_nothing_is_fetched_again(further: Workflow, experiment: dict[str, Any]) -> None:
    """Neither from another mirror nor for the tables, and no server is asked."""
    assert further.plan(experiment, *TABLES, *ALL) == {}
    mirror = {"url": "http://127.0.0.1:9/elsewhere", "sha256": "0" * 64, "sha256_from": "nobody"}
    languages = {"url": mirror["url"] + "/{language}", "sha256": "", "sha256_from": ""}
    table = {name: languages if name == "cc100" else mirror for name in PATHS}
    write_table(further.folder / "datasets.csv", table)
    assert further.plan(experiment, *TABLES, *ALL) == {}
    shutil.rmtree(further.folder / DOWNLOADS / "archives")  # to save space
    assert further.plan(experiment, *TABLES, *ALL) == {}


def test_nothing_is_fetched_again_by_a_newer_version_of_the_workflow(
    further: Workflow, experiment: dict[str, Any]
) -> None:
    shutil.copytree(ROOT / "workflow", further.folder / "workflow")
    rules = further.folder / "workflow/rules/fetch.smk"
    rules.write_text(rules.read_text().replace('"python -m', '"nice python -m'))
    arguments = ("--snakefile", str(further.folder / "workflow/Snakefile"), "--dry-run", *TABLES)
    assert made(further.snakemake(experiment, *arguments)) == {}


def test_a_further_treebank_is_unpacked_alone(
    further: Workflow, experiment: dict[str, Any]
) -> None:
    """From the archive that is there; no other table of words is made again."""
    experiment["languages"]["de"] = {"treebank": {"name": TREEBANKS["de"]}}
    words = f"{DATA}/words/de.parquet"
    folder = further.folder / DOWNLOADS / "ud-2.15"
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    jobs = made(further.snakemake(experiment, "--cores", "1", *TABLES, words))
    assert jobs == {"treebanks": 1, "words": 1}
    only(folder, *TREEBANKS.values())
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert further.plan(experiment, *TABLES, words) == {}


def test_what_lies_in_the_folders_is_preferred(
    fetched: Workflow, empty: Workflow, experiment: dict[str, Any]
) -> None:
    here = fetched.folder / DOWNLOADS
    shutil.copy(fetched.folder / "datasets.csv", empty.folder)
    experiment["folders"] = {
        "treebanks": str(here / "ud-2.15"),
        "xnli": str(empty.folder / "xnli"),
        "alignments": str(here),
    }
    for name in ("xnli-1.0", "xnli-mt-1.0"):
        shutil.copytree(here / name, empty.folder / "xnli", dirs_exist_ok=True)
    jobs = empty.plan(experiment)
    assert jobs["fetch"] == 3  # texts and the tokenizer
    assert not {"treebanks", "unpack", "gold"} & set(jobs)
    # One treebank that is not there is fetched; the others stay where they are.
    experiment["languages"]["de"] = {"treebank": {"name": TREEBANKS["de"]}}
    words = [f"{DATA}/words/{code}.parquet" for code in TREEBANKS]
    assert empty.plan(experiment, *words) == {"fetch": 1, "treebanks": 1, "words": 3}
    german = f"{DOWNLOADS}/ud-2.15/{TREEBANKS['de']}"
    assert empty.plan(experiment, german) == {"fetch": 1, "treebanks": 1}


def _table_of(workflow: Workflow) -> dict[str, dict[str, str]]:
    rows = json.loads((workflow.folder / LICENCES).read_text(encoding="utf-8"))
    return {row["dataset"]: row for row in rows}


def test_licences_are_listed(fetched: Workflow) -> None:
    """In the report's file and by the command: the same data, treebanks as their README says."""
    listed = _table_of(fetched)
    assert listed["UD_Czech-CAC"]["licence"] == "CC BY-SA 4.0 (cs)"
    assert listed["UD_English-EWT"]["licence"] == "CC BY-SA 4.0 (en)"
    assert "CC BY-NC 4.0" in listed["XNLI"]["licence"]
    assert len(listed) == len(PATHS) + 2
    done = subprocess.run(
        [sys.executable, "-m", "chronoglot", "licences", "experiment.yaml"],
        cwd=fetched.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=True,
    )
    for row in listed.values():
        (line,) = re.findall(rf"^│ {re.escape(row['dataset'])} +│.*", done.stdout, re.M)
        assert all(row[column] in line for column in ("version", "licence", "page"))
    entries = re.findall(r"^@\w+\{([^,]+),$", done.stdout, re.M)
    assert "conneau-etal-2018-xnli" in entries
    assert len(entries) == len(set(entries))
