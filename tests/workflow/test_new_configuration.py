"""From nothing to a plan: a configuration is written, checked and planned."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chronoglot import __version__
from conftest import ROOT, Workflow

PARTS = ("train", "dev", "test")


def chronoglot(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit status of a command, and all that it said."""
    done = subprocess.run(
        [sys.executable, "-m", "chronoglot", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT / "workflow"), "COLUMNS": "200"},
    )
    return done.returncode, done.stdout


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a treebank of three parts, one of a test part alone, and a text."""
    for name, parts in {"UD_German-GSD": PARTS, "UD_French-PUD": ("test",)}.items():
        folder = tmp_path / "data/ud" / name
        folder.mkdir(parents=True)
        for part in parts:
            (folder / f"x-ud-{part}.conllu").touch()
    (tmp_path / "data/text").mkdir()
    (tmp_path / "data/text/de.txt").touch()
    return tmp_path


def test_two_languages_are_planned(data: Path) -> None:
    languages = ("--language", "de=UD_German-GSD", "--language", "fr=UD_French-PUD")
    code, said = chronoglot(data, "new", "mine.yaml", *languages, "--text", "de=de.txt")
    assert (code, said) == (0, "mine.yaml is written; next: chronoglot check mine.yaml\n")
    code, said = chronoglot(data, "check", "mine.yaml")
    assert code == 0
    assert "jobs: pretraining 4, probing 180, transfer 180, bits per character 6\n" in said
    assert "bpc: no data in fr\n" in said

    outcome = Workflow(data).snakemake(data / "mine.yaml", "--dry-run")
    assert outcome.code == 0, outcome.text
    counts = {"segment": 4, "probe": 180, "transfer": 180, "bits": 6}
    assert {rule: outcome.jobs[rule] for rule in counts} == counts
    written = yaml.safe_load((data / "mine.yaml").read_text())
    splits = {code: one["treebank"]["split"] for code, one in written["languages"].items()}
    assert splits == {"de": "published", "fr": "sentence"}


def test_the_page_shows_what_is_written(data: Path) -> None:
    page = (ROOT / "docs/data.md").read_text("utf-8").split("## A first configuration")[1]
    command, shown = page.split("```")[1], page.split("```yaml")[1].split("```")[0]
    new, *_ = command.strip().splitlines()
    assert chronoglot(data, *new.split()[1:])[0] == 0
    assert yaml.safe_load((data / "mine.yaml").read_text()) == yaml.safe_load(shown)


def test_a_treebank_without_text_gets_checkpoints_from_the_hub(data: Path) -> None:
    """`no` is a word of YAML's beside a code."""
    (data / "data/ud/UD_German-GSD").rename(data / "data/ud/UD_Norwegian-Bokmaal")
    assert chronoglot(data, "new", "my run.yaml", "--language", "no=UD_Norwegian-Bokmaal")[0] == 0
    outcome = Workflow(data).snakemake(data / "my run.yaml", "--dry-run")
    assert outcome.code == 0, outcome.text
    assert outcome.jobs["take_revision"] == 8
    assert yaml.safe_load((data / "my run.yaml").read_text())["experiment"] == "my-run"


def test_a_configuration_that_is_there_stays(data: Path) -> None:
    (data / "mine.yaml").write_text("experiment: mine\n")
    code, said = chronoglot(data, "new", "mine.yaml", "--language", "de=UD_German-GSD")
    assert code == 1
    assert said == "chronoglot: mine.yaml: is there already; give another name, or remove it\n"
    assert (data / "mine.yaml").read_text() == "experiment: mine\n"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "give a language: --language de=UD_German-GSD"),
        (("--language", "de"), "--language: give a code and a name, as de=…, not 'de'"),
        (("--language", "German=UD_German-GSD"), "write it as an ISO 639 code"),
        (("--text", "de=a", "--text", "de=b"), "--text: de is given twice, a and b"),
    ],
)
def test_what_can_be_no_configuration(
    data: Path, arguments: tuple[str, ...], expected: str
) -> None:
    code, said = chronoglot(data, "new", "mine.yaml", *arguments)
    assert code == 1 and expected in said
    assert not (data / "mine.yaml").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"experiment: mine\nlanguages: [", "line 2: "),
        (b"experiment: mine\n\tseed: 1\n", "line 2: "),
        (b"experiment: m\xfcnchen\n", "it is no text of UTF-8"),
        (None, "No such file or directory"),
        (b"experiment: mine\nlanguage: {}\n", "language: unknown key; did you mean 'languages'?"),
    ],
)
def test_what_is_wrong_with_a_configuration(
    tmp_path: Path, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / "mine.yaml").write_bytes(content)
    code, said = chronoglot(tmp_path, "check", "mine.yaml")
    assert code == 1 and expected in said
    assert said.startswith("chronoglot: mine.yaml") and "Traceback" not in said


def test_help_sets_the_commands_of_rules_apart(tmp_path: Path) -> None:
    code, said = chronoglot(tmp_path, "--help")
    assert code == 0
    of_persons, of_rules = said.split("Steps of the workflow")
    for name in ("check", "new", "licences"):
        assert f"│ {name} " in of_persons and f"│ {name} " not in of_rules
    assert "│ encode " in of_rules and "│ encode " not in of_persons


def test_the_version_is_told(tmp_path: Path) -> None:
    assert chronoglot(tmp_path, "--version") == (0, f"chronoglot {__version__}\n")
