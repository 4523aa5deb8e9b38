"""Data that cannot be fetched: what the user is told, what is left, and how it goes on."""

import copy
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Workflow
from fetching import DATA, DOWNLOADS, EXPERIMENT, GOLD, JOBS, TABLES, at, made, said
from guide import Guide
from loopback import Cut, Server, Status, loopback, only
from published import PATHS, make_files, publish, targz

pytestmark = pytest.mark.slow

CLIMBING = targz({"CzEnAli_1.0/a.wa": "", "CzEnAli_1.0/../../../evil.txt": "evil"})


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


@pytest.fixture
def cut_off(empty: Workflow, files: dict[str, bytes]) -> Workflow:
    """The workflow on a machine without a way out: the server that its table names is down."""
    with loopback() as server:
        publish(server, files, empty.folder / "datasets.csv")
    return empty


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "damaged or cut short"),
        (lambda _: b"<!doctype html><title>Log in</title>", "damaged or cut short"),
        (lambda _: CLIMBING, "climbs out of its folder; do not trust this archive"),
    ],
    ids=["truncated", "page", "climbing"],
)
def test_a_damaged_archive(
    empty: Workflow,
    experiment: dict[str, Any],
    files: dict[str, bytes],
    server: Server,
    damage: Callable[[bytes], bytes],
    message: str,
) -> None:
    """The table knows no checksum of it, as of most gold alignments."""
    damaged = files | {PATHS["czenali-1.0"]: damage(files[PATHS["czenali-1.0"]])}
    unknown = {"size": "", "sha256": "", "sha256_from": ""}
    publish(server, damaged, empty.folder / "datasets.csv", czenali_1_0=unknown)
    outcome = empty.snakemake(experiment, "--cores", "1", GOLD)
    archive = f"{DOWNLOADS}/archives/czenali-1.0"
    assert f"{archive}: " in said(outcome)
    assert message in said(outcome)
    only(empty.folder / DOWNLOADS, "archives", "logs")
    assert not list(empty.folder.rglob("evil*"))
    # As the message says: deleted, it is fetched again.
    (empty.folder / archive).unlink()
    publish(server, files, empty.folder / "datasets.csv")
    assert made(empty.snakemake(experiment, "--cores", "1", GOLD))["fetch"] == 1


def test_another_file_than_the_table_knows(
    empty: Workflow, experiment: dict[str, Any], files: dict[str, bytes], server: Server
) -> None:
    publish(server, files, empty.folder / "datasets.csv")
    server.files[PATHS["czenali-1.0"]].content = files[PATHS["czenali-1.0"]][::-1]
    message = said(empty.snakemake(experiment, "--cores", "1", GOLD))
    assert "its sha256 is" in message
    assert message.endswith("look at the source's page for what replaced it")
    only(empty.folder / DOWNLOADS, "logs")


def test_a_download_that_failed_goes_on_in_the_next_run(
    empty: Workflow, experiment: dict[str, Any], files: dict[str, bytes], server: Server
) -> None:
    publish(server, files, empty.folder / "datasets.csv")
    server.files[PATHS["czenali-1.0"]].faults = [Cut(300), Status(404)]
    message = said(empty.snakemake(experiment, "--cores", "1", GOLD))
    assert "the server says 404" in message
    assert f"{PATHS['czenali-1.0']} → {DOWNLOADS}/archives/czenali-1.0" in message
    assert not (empty.folder / DOWNLOADS / "archives/czenali-1.0").exists()
    made(empty.snakemake(experiment, "--cores", "1", GOLD))
    assert [asked.range for asked in server.asked] == [None, "bytes=300-", "bytes=300-"]
    only(empty.folder / DOWNLOADS / "archives", "czenali-1.0")


def test_without_a_way_out_the_files_to_bring_are_listed(
    cut_off: Workflow, experiment: dict[str, Any], files: dict[str, bytes]
) -> None:
    """Before any job; once they are where the list says, no server is needed."""
    outcome = cut_off.snakemake(experiment, "--cores", "1", *TABLES, "downloads")
    assert outcome.code != 0
    assert "Traceback" not in outcome.text
    assert "Job 0" not in outcome.text
    assert "7 files are not here; bring" in outcome.text
    listed = re.findall(
        r"^  (\S+)(?: \(.*\))? ← http://[^/]+/([^\s,]+)(, .*)?$", outcome.text, re.M
    )
    assert len(listed) == 7
    only(cut_off.folder, ".snakemake", "checkpoints", "datasets.csv", "experiment.yaml")
    for path, source, beginning in listed:
        place = cut_off.folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(files[source])
        assert bool(beginning) == source.startswith("cc-100/")
    jobs = made(cut_off.snakemake(experiment, "--cores", "1", *TABLES, "downloads"))
    assert jobs.pop("downloads") == 1
    assert jobs == {rule: count for rule, count in JOBS.items() if rule != "fetch"}
    assert all((cut_off.folder / table).stat().st_size for table in TABLES)


def test_an_archive_that_was_brought_is_the_one_that_the_table_knows(
    cut_off: Workflow, experiment: dict[str, Any], files: dict[str, bytes]
) -> None:
    archive = cut_off.folder / DOWNLOADS / "archives/czenali-1.0"
    archive.parent.mkdir(parents=True)
    archive.write_bytes(files[PATHS["xnli-1.0"]])
    message = said(cut_off.snakemake(experiment, "--cores", "1", GOLD))
    assert f"{DOWNLOADS}/archives/czenali-1.0: its sha256 is" in message
    only(cut_off.folder / DOWNLOADS, "archives", "logs")
    archive.write_bytes(files[PATHS["czenali-1.0"]])
    assert made(cut_off.snakemake(experiment, "--cores", "1", GOLD)) == {"gold": 1, "parallel": 1}


def test_what_is_not_needed_is_not_missed(
    cut_off: Workflow, experiment: dict[str, Any], files: dict[str, bytes]
) -> None:
    """No server answers; what is asked for needs none."""
    text = cut_off.folder / DOWNLOADS / "cc100/en.4000.txt.xz"
    text.parent.mkdir(parents=True)
    text.write_bytes(files["cc-100/en.txt.xz"])
    jobs = made(cut_off.snakemake(experiment, "--cores", "1", f"{DATA}/text/en/heldout.txt"))
    assert jobs == {"text": 1}
    outcome = cut_off.snakemake(experiment, "--cores", "1", GOLD)
    assert outcome.code != 0
    assert "1 file is not here; bring" in outcome.text


def test_data_is_read_while_the_hub_of_the_checkpoints_is_down(
    cut_off: Workflow, experiment: dict[str, Any], files: dict[str, bytes]
) -> None:
    """As by a job on a node without a way out."""
    text = cut_off.folder / DOWNLOADS / "cc100/en.4000.txt.xz"
    text.parent.mkdir(parents=True)
    text.write_bytes(files["cc-100/en.txt.xz"])
    hub = {"repository": "someone/model", "steps": [10], "endpoint": "http://127.0.0.1:9"}
    experiment["checkpoints"] = {"layers": 2, "hub": hub}
    jobs = made(cut_off.snakemake(experiment, "--cores", "1", f"{DATA}/text/en/heldout.txt"))
    assert jobs == {"text": 1}
    outcome = cut_off.snakemake(experiment, "--cores", "1", "step_10")
    assert outcome.code != 0
    assert "models--someone--model ← http://127.0.0.1:9/someone/model" in outcome.text


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("downloads.treebanks", "ud-2.71", "no dataset ud-2.71; the nearest known is ud-2.7"),
        ("downloads.treebanks", "rwth-de-en", "rwth-de-en is only fetched by hand, from https://"),
        ("languages.en.text.dataset", "xnli-1.0", "xnli-1.0 has no files of single languages"),
        ("downloads.table", "tables.csv", "tables.csv: not a readable table of datasets"),
    ],
)
def test_mistakes_in_the_settings(
    cut_off: Workflow,
    experiment: dict[str, Any],
    path: str,
    value: str,
    message: str,
) -> None:
    section = experiment
    *sections, key = path.split(".")
    for name in sections:
        section = section[name]
    section[key] = value
    outcome = cut_off.snakemake(experiment, "--dry-run")
    assert outcome.code != 0
    assert message in outcome.text
    assert "Traceback" not in outcome.text


def test_the_guide_is_followed(tmp_path: Path, files: dict[str, bytes], server: Server) -> None:
    """Every command of docs/downloads.md, with sources on loopback."""
    guide = Guide("downloads.md", tmp_path)
    shutil.rmtree(tmp_path / "data")  # a guide's treebanks
    settings = guide.write()
    text = settings.read_text("utf-8")
    settings.write_text(
        text.replace("downloads:\n", "downloads:\n  table: datasets.csv\n"), "utf-8"
    )
    for step in (10, 20):
        (tmp_path / "runs/mine").mkdir(parents=True, exist_ok=True)
        (tmp_path / f"runs/mine/checkpoint_{step}.pt").write_bytes(b"\x80")
    # The same files at a server that is down, and at one that answers.
    with loopback() as down:
        publish(down, files, tmp_path / "datasets.csv")
    guide.messages.sort()
    guide.told(guide.shell("snakemake --cores 1 downloads --configfile mine.yaml"))
    publish(server, files, tmp_path / "datasets.csv")
    planned = guide.run()
    assert made(planned)["fetch"] == 7
    assert server.asked == []
    command = guide.next_command
    assert command is not None
    jobs = made(guide.run())
    assert jobs == {"fetch": 7, "treebanks": 1, "unpack": 3, "gold": 1, "downloads": 1}
    assert made(guide.shell(command)) == {}
    text_of_english = tmp_path / DOWNLOADS / "cc100/en.1000000.txt.xz"
    command = guide.next_command
    assert command is not None
    guide.skip()
    url, path = command.split()[2], command.split()[-1]
    source = f"http://127.0.0.1:{server.http.server_address[1]}/cc-100/en.txt.xz"
    done = guide.shell(command.replace(url, source))
    assert done.code == 0, done.text
    assert (tmp_path / path).read_bytes() == text_of_english.read_bytes()
    assert path == text_of_english.name
    listed = guide.run()
    assert "CC BY-SA 4.0 (cs)" in listed.text
    assert "@inproceedings{conneau-etal-2018-xnli," in listed.text
    assert guide.messages == ["damaged or cut short"]  # test_a_damaged_archive
