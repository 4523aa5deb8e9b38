"""The guides to the kinds of checkpoints: every command, setting and message of each page."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from chronoglot.checkpoints.folders import CONFIG
from chronoglot.pretraining.tokenizer import train_tokenizer as train_sentencepiece
from conftest import ROOT, Outcome
from guide import TREEBANKS, Guide
from loopback_hub import Hub, loopback_hub
from tiny_run import save_checkpoint, save_fairseq, train_tokenizer

pytestmark = pytest.mark.slow

COLLECTING = {"verify", "properties", "scores", "summary", "movement", "across", "correlates"}
COLLECTING |= {
    "check_data",
    "check_text",
    "tables",
    "figure",
    "report",
    "all",
    "check_conversion",
    "list_licences",
}


def work(outcome: Outcome) -> dict[str, int]:
    """The jobs that compute; collecting what there is, and drawing it, is left out."""
    assert outcome.code == 0, outcome.text[-6000:]
    return {rule: count for rule, count in outcome.jobs.items() if rule not in COLLECTING}


def of_steps(number: int, layers: int, *, bpc: bool = True) -> dict[str, int]:
    """What so many checkpoints of a model with so many blocks cost, taking them aside."""
    bits = {"bits": number * len(TREEBANKS)} if bpc else {}
    encoded = number * len(TREEBANKS)
    probed = encoded * (layers + 1)
    return {"encode": encoded, "probe": probed, "transfer": probed} | bits


def scored(guide: Guide, experiment: str, layers: int) -> list[int]:
    """The steps of a finished run's table of scores, after a look at its tuples."""
    scores = pd.read_csv(guide.folder / f"results/{experiment}/tables/scores.csv")
    for step, rows in scores.groupby("step"):
        probed = rows[rows["task"] == "pos"]
        pairs = len(TREEBANKS) ** 2
        assert len(probed) == (layers + 1) * pairs, step
        assert len(rows[rows["task"] == "bpc"]) in (0, len(TREEBANKS)), step
    assert scores["score"].notna().all()
    return sorted(set(scores["step"]))


def broken(text: str) -> list[str]:
    """Lines that look like a fault."""
    return re.findall(r"^.*(?:error|exception|incomplete|refused).*$", text, re.M | re.I)


@pytest.fixture
def guide_to(tmp_path: Path) -> Callable[[str], Guide]:
    return lambda page: Guide(page, tmp_path)


@pytest.fixture
def folder_guide(guide_to: Callable[[str], Guide]) -> Guide:
    """The page on folders, with a run that has saved two checkpoints and is writing a third."""
    guide = guide_to("from-folder.md")
    _begin_run(guide)
    return guide


def _begin_run(guide: Guide) -> Path:
    tokenizer = train_tokenizer(guide.folder / "tokenizer", "bert", guide.text)
    for step in (500, 1000):
        _save(guide, step)
    return tokenizer


def _save(guide: Guide, step: int, into: str = "runs/mine") -> Path:
    folder = guide.folder / into / f"checkpoint-{step}"
    return save_checkpoint(folder, "bert", guide.folder / "tokenizer", step, layers=2)


def test_a_folder_of_a_run_that_is_still_training(folder_guide: Guide) -> None:
    guide, runs = folder_guide, folder_guide.folder / "runs/mine"
    later = _save(guide, 1500, into="later")
    # As far as the trainer has come: the weights are half written.
    (runs / "checkpoint-1500").mkdir()
    shutil.copy(later / CONFIG, runs / "checkpoint-1500")
    weights = (later / "model.safetensors").read_bytes()
    (runs / "checkpoint-1500/model.safetensors").write_bytes(weights[: len(weights) // 2])

    guide.write()
    taken = {"take_folder": 2, "untrained": 1, "words": 2, "text": 2}
    planned = guide.shell("snakemake -n --configfile mine.yaml")
    assert work(planned) == taken | of_steps(3, 2)
    both = guide.run()
    assert both.code == 0, both.text[-6000:]
    assert "step 1500 is left out: the end of model.safetensors" in both.text
    assert not broken(both.text), broken(both.text)
    assert (guide.folder / "results/mine/report.html").is_file()
    assert scored(guide, "mine", layers=2) == [0, 500, 1000]
    page = (guide.folder / "results/mine/report.html").read_text("utf-8")
    assert "drawn" in page

    # The loop: while it sleeps the trainer completes a checkpoint and removes the first, then ends.
    shim = guide.folder / "bin/sleep"
    shim.parent.mkdir()
    shim.write_text(
        "#!/bin/bash\n[ $1 = 600 ] || exit 1\n"
        "[ -d later/checkpoint-1500 ] || { touch runs/mine/finished; exit; }\n"
        "mv later/checkpoint-1500/* runs/mine/checkpoint-1500/; rmdir later/checkpoint-1500\n"
        "rm -r runs/mine/checkpoint-500\n"
    )
    shim.chmod(0o755)
    looped = guide.run()
    assert looped.code == 0, looped.text[-6000:]
    first, last = looped.text.split("SNAKEMAKE\n")[1:]
    assert "Nothing to be done" in first
    assert work(Outcome(0, last)) == {"take_folder": 1} | of_steps(1, 2)
    assert scored(guide, "mine", layers=2) == [0, 500, 1000, 1500]
    again = guide.shell("snakemake -n --configfile mine.yaml")
    assert work(again) == {} and again.jobs["report"] == 1

    # One before all others changes nothing either, the untrained model least of all.
    _save(guide, 250)
    assert work(guide.shell("snakemake -n --configfile mine.yaml")) == (
        {"take_folder": 1} | of_steps(1, 2)
    )
    # A step 0 of the run's own is measured in its place; other baselines are joined in the tables.
    _save(guide, 0)
    assert work(guide.shell("snakemake -n --configfile mine.yaml")) == (
        {"take_folder": 2} | of_steps(2, 2)
    )
    guide.messages.clear()
    guide.finished()


def test_a_folder_needs_nothing_of_fairseq(folder_guide: Guide) -> None:
    """Whoever pretrains nothing here may leave out what has to be compiled."""
    guide = folder_guide
    (guide.folder / "workflow/sitecustomize.py").write_text(
        "import sys\nfor name in ('fairseq', 'hydra', 'omegaconf'):\n    sys.modules[name] = None\n"
    )
    for name in ("fairseq", "hydra", "omegaconf"):
        assert guide.shell(f"python -c 'import {name}'").code
    guide.write()
    made = guide.shell("snakemake --cores 2 tables --configfile mine.yaml")
    assert made.code == 0, made.text[-6000:]
    assert scored(guide, "mine", layers=2) == [0, 500, 1000]


def test_what_is_told_of_a_folder(folder_guide: Guide) -> None:
    guide, runs = folder_guide, folder_guide.folder / "runs"
    guide.write()
    for step in (500, 1000):
        (runs / f"mine/checkpoint-{step}/{CONFIG}").rename(runs / f"{step}.json")
    guide.refused("mine.yaml")
    for step in (500, 1000):
        (runs / f"{step}.json").rename(runs / f"mine/checkpoint-{step}/{CONFIG}")
    guide.refused("mine.yaml", ("runs/mine", "runs/mien"))
    guide.refused("mine.yaml", ("steps: null", "steps: [500, 1000, 2000]"))
    for path in runs.glob("mine/checkpoint-*/tokenizer*"):
        path.rename(runs / f"{path.parent.name}.{path.name}")
    guide.refused("mine.yaml")
    for path in runs.glob("checkpoint-*.tokenizer*"):
        folder, name = path.name.split(".", 1)
        path.rename(runs / "mine" / folder / name)
    guide.refused("mine.yaml", ("checkpoints:\n", "checkpoints:\n  layers: 12\n"))
    config = runs / "mine/checkpoint-500" / CONFIG
    config.write_text(config.read_text("utf-8").replace('"bert"', '"gpt2"'), encoding="utf-8")
    guide.refused("mine.yaml")
    train_tokenizer(guide.folder / "bytes", "gpt_neox", guide.text)
    shutil.rmtree(runs / "mine")
    save_checkpoint(runs / "mine/checkpoint-5", "gpt_neox", guide.folder / "bytes", 5, layers=2)
    guide.refused("mine.yaml")
    assert not guide.messages


def test_two_checkpoints_with_the_same_weights(guide_to: Callable[[str], Guide]) -> None:
    guide = guide_to("checkpoints.md")
    _begin_run(guide)
    runs = guide.folder / "runs/mine"
    shutil.copytree(runs / "checkpoint-1000", runs / "checkpoint-1500")
    (guide.folder / "mine.yaml").write_text(_settings("from-folder.md"), encoding="utf-8")

    stopped = guide.run()
    guide.told(stopped)
    guide.told(stopped)
    assert not list(guide.folder.glob("results/mine/logs/encode/**/*.log"))
    assert not list(guide.folder.glob("results/mine/bpc/**/*"))
    passed = guide.run()
    assert passed.code == 0, passed.text[-6000:]
    assert scored(guide, "mine", layers=2) == [0, 500, 1000, 1500]
    verdict = json.loads((guide.folder / "results/mine/checkpoints/verdict.json").read_text())
    assert [finding["name"] for finding in verdict["findings"]] == ["identical:1000:1500"]
    compared = guide.run()
    assert compared.code == 0, compared.text
    assert "identical:1000:1500" in compared.text and "(accepted)" in compared.text
    guide.finished()


def _settings(page: str) -> str:
    text = (ROOT / "docs" / page).read_text("utf-8")
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.M | re.S)[0]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with loopback_hub("EleutherAI/pythia-70m") as hub:
        yield hub


@pytest.fixture
def hub_guide(hub: Hub, guide_to: Callable[[str], Guide]) -> Guide:
    """The page on the hub, which is on this machine."""
    guide = guide_to("from-hub.md")
    tokenizer = train_tokenizer(guide.folder / "tokenizer", "gpt_neox", guide.text)
    for step in (0, 1000):
        saved = save_checkpoint(guide.folder / "saved", "gpt_neox", tokenizer, step, layers=6)
        hub.revisions[f"step{step}"] = {path.name: path.read_bytes() for path in saved.iterdir()}
    guide.environment["HF_ENDPOINT"] = hub.url
    guide.environment["HF_HOME"] = str(guide.folder / "cache")
    for name in ("HF_HUB_OFFLINE", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        guide.environment.pop(name, None)
    return guide


def test_revisions_of_a_hub(hub: Hub, hub_guide: Guide) -> None:
    guide = hub_guide
    guide.write()
    planned = guide.shell("snakemake -n --configfile pythia.yaml")
    # It has a step 0, so none is drawn.
    assert work(planned) == {"take_revision": 2, "words": 2} | of_steps(2, 6, bpc=False)
    assert not hub.asked
    made = guide.run()
    assert made.code == 0, made.text[-6000:]
    assert (guide.folder / "results/pythia/report.html").is_file()
    assert scored(guide, "pythia", layers=6) == [0, 1000]
    source = guide.folder / "results/pythia/checkpoints/step-1000/model/source.json"
    assert json.loads(source.read_text())["revision"] == "step1000"
    assert "optimizer.pt" not in " ".join(hub.asked)
    assert "Nothing to be done" in guide.shell("snakemake -n --configfile pythia.yaml").text

    # On two machines, one of which has access.
    shutil.rmtree(guide.folder / "results")
    fetched = guide.run()
    assert fetched.code == 0, fetched.text[-6000:]
    assert set(work(fetched)) <= {"take_revision", "verify"}
    asked = len(hub.asked)
    shutil.rmtree(guide.folder / "results")
    offline = guide.run()
    assert offline.code == 0, offline.text[-6000:]
    assert scored(guide, "pythia", layers=6) == [0, 1000]
    assert len(hub.asked) == asked
    guide.messages.clear()
    guide.finished()


def test_what_is_told_of_a_hub(hub: Hub, hub_guide: Guide) -> None:
    guide = hub_guide
    guide.write()
    command = "snakemake --cores 1 --until verify --configfile {}"

    def told(*changes: tuple[str, str], before: str = "") -> None:
        guide.told(guide.shell(before + command.format(guide.changed("pythia.yaml", *changes))))

    told(("[0, 1000]", "[1001]"))
    told(("pythia-70m", "pythia-70b"))
    told(("[0, 1000]", "[2000]"), before="export HF_HUB_OFFLINE=1\n")
    shutil.rmtree(guide.folder / "results")
    told(("layers: 6", "layers: 12"), ("[0, 1000]", "[0]"))
    text = "name: English\n    text: {files: [en.txt]}"
    told(("tasks: [pos]", "tasks: [bpc, pos]"), ("name: English", text))
    shutil.rmtree(guide.folder / "results")
    guide.environment["HF_ENDPOINT"] = "http://127.0.0.1:9"
    told()
    assert not guide.messages


@pytest.fixture
def fairseq_guide(guide_to: Callable[[str], Guide]) -> Guide:
    """The page on fairseq, with a run of two checkpoints and a third that is being written."""
    guide = guide_to("from-fairseq.md")
    runs = guide.folder / "runs/mine"
    (runs / "bin").mkdir(parents=True)
    (guide.folder / "text.txt").write_text("\n".join(guide.text), encoding="utf-8")
    train_sentencepiece(
        {"all": guide.folder / "text.txt"},
        runs / "sentencepiece.bpe.model",
        runs / "bin/dict.txt",
        vocabulary=300,
        alpha=1.0,
        seed=0,
        sentences=None,
        character_coverage=1.0,
    )
    for step in (2, 4):
        save_fairseq(runs / f"checkpoint_1_{step}.pt", runs / "bin/dict.txt", step, layers=12)
    for epoch, step in enumerate((2, 4), start=1):
        shutil.copy(runs / f"checkpoint_1_{step}.pt", runs / f"checkpoint{epoch}.pt")
    whole = (runs / "checkpoint_1_4.pt").read_bytes()
    (runs / "checkpoint_2_6.pt").write_bytes(whole[: len(whole) // 2])
    return guide


def test_a_run_of_fairseq(fairseq_guide: Guide) -> None:
    guide = fairseq_guide
    guide.write()
    planned = guide.shell("snakemake -n --configfile mine.yaml")
    taken = {"take_checkpoint": 2, "take_tokenizer": 1, "convert": 2, "untrained": 1}
    assert work(planned) == taken | {"words": 2, "text": 2} | of_steps(3, 12)
    made = guide.run()
    assert made.code == 0, made.text[-6000:]
    assert "step 6 is left out: no end of checkpoint_2_6.pt" in made.text
    assert not broken(made.text), broken(made.text)
    assert (guide.folder / "results/mine/report.html").is_file()
    assert scored(guide, "mine", layers=12) == [0, 2, 4]
    compared = guide.folder / "results/mine/checkpoints/step-4/conversion.json"
    assert json.loads(compared.read_text())["ids_equal"]

    runs = guide.folder / "runs/mine"
    (runs / "checkpoint_1_2.pt").rename(runs / "removed.pt")
    assert "Nothing to be done" in guide.shell("snakemake -n --configfile mine.yaml").text
    save_fairseq(runs / "checkpoint_2_6.pt", runs / "bin/dict.txt", 6, layers=12)
    assert work(guide.shell("snakemake -n --configfile mine.yaml")) == (
        {"take_checkpoint": 1, "convert": 1} | of_steps(1, 12)
    )

    (runs / "removed.pt").rename(runs / "checkpoint_1_2.pt")
    assert work(guide.run())["take_checkpoint"] == 2


def test_the_replica(fairseq_guide: Guide) -> None:
    """Its settings with small checkpoints in their places, and nothing to be fetched."""
    guide = fairseq_guide
    runs, replica = guide.folder / "runs/mine", guide.folder / "data/xlmr-replica"
    tokenizer = guide.folder / "data/downloads/xlmr-tokenizer/sentencepiece.bpe.model"
    tokenizer.parent.mkdir(parents=True)
    shutil.copy(runs / "sentencepiece.bpe.model", tokenizer)
    listed = (guide.folder / "workflow/experiments/xlmr-replica.yaml").read_text("utf-8")
    steps = re.search(r"steps: \[([0-9,\s]*)\]", listed)
    assert steps is not None
    for step in map(int, steps[1].split(",")):
        replica.mkdir(exist_ok=True)
        if step in (5000, 1500000):
            path = replica / f"checkpoint_{step}.pt"
            save_fairseq(path, runs / "bin/dict.txt", step, layers=12)
        else:
            (replica / f"checkpoint_{step}.pt").symlink_to(runs / "checkpoint_1_2.pt")
    while guide.next_command != "snakemake -n --configfile workflow/experiments/xlmr-replica.yaml":
        guide.skip()
    planned = guide.run()
    assert work(planned)["convert"] == 39
    made = guide.run()
    assert work(made)["take_checkpoint"] == 2
    assert scored(guide, "replica", layers=12) == [0, 5000, 1500000]
    guide.messages.clear()
    guide.finished()


def test_what_is_told_of_fairseqs_files(fairseq_guide: Guide) -> None:
    guide = fairseq_guide
    runs = guide.folder / "runs/mine"
    guide.write()
    while guide.next_command != "snakemake -n --configfile listed.yaml":
        guide.skip()
    guide.refused("mine.yaml", ("runs/mine/checkpoint_*", "runs/mien/checkpoint_*"))
    guide.refused("listed.yaml", ("checkpoint2", "checkpoint_2"))
    guide.refused("mine.yaml", ("sentencepiece.bpe.model", "spm.model"))
    guide.refused("mine.yaml", ("bin/dict.txt", "dict.txt"))

    def told(*changes: tuple[str, str]) -> None:
        config = guide.changed("mine.yaml", *changes)
        guide.told(guide.shell(f"snakemake --cores 1 --until verify --configfile {config}"))
        shutil.rmtree(guide.folder / "results")

    told(("layers: 12", "layers: 24"), ("steps: null", "steps: [2]"))
    train_sentencepiece(
        {"all": guide.folder / "text.txt"},
        runs / "other.model",
        runs / "other.txt",
        vocabulary=200,
        alpha=1.0,
        seed=0,
        sentences=None,
        character_coverage=1.0,
    )
    told(("sentencepiece.bpe.model", "other.model"), ("bin/dict.txt", "other.txt"))
    lines = (runs / "bin/dict.txt").read_text("utf-8").splitlines(keepends=True)
    (runs / "other.txt").write_text("".join([lines[1], lines[0], *lines[2:]]), encoding="utf-8")
    told(("bin/dict.txt", "other.txt"))
    assert not guide.messages
