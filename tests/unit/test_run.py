"""A run as planning sees it: which checkpoints there are, and from where."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from chronoglot.data.fetch.missing import Needed
from chronoglot.planning.run import Run, find_run, missing_checkpoints
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save

RESULTS = "results/mine"


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def run_of(**checkpoints: Any) -> Run:
    return find_run(settings_of(**checkpoints), RESULTS)


def settings_of(**checkpoints: Any) -> Any:
    languages = {"en": {"treebank": {"name": "UD_English-EWT"}}}
    config = {"experiment": "mine", "languages": languages, "checkpoints": checkpoints}
    return check(config, "mine.yaml")


def write_folder(step: int, *, layers: int = 2) -> Path:
    folder = Path(f"run/checkpoint-{step}")
    folder.mkdir(parents=True)
    config = {"model_type": "bert", "num_hidden_layers": layers}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(save({"a": torch.ones(30)}))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def take(step: int, source: dict[str, object] | None = None) -> None:
    """As if the checkpoint had been taken before."""
    model = Path(RESULTS, f"checkpoints/step-{step}/model")
    model.mkdir(parents=True)
    (model / "manifest.json").write_text("{}")
    config = {"model_type": "bert", "num_hidden_layers": 2}
    (model / "config.json").write_text(json.dumps(config))
    (model / "tokenizer.json").write_text("{}")
    (model / "source.json").write_text(json.dumps(source or {"folder": "somewhere"}))


def test_folders_that_are_complete() -> None:
    for step in (500, 1000, 20):
        write_folder(step)
    cut = write_folder(1500) / "model.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    Path("run/checkpoint-2000").mkdir()
    for other in ("tmp-checkpoint-7", "checkpoint-7.tmp", "checkpoint-last"):
        Path("run", other).mkdir()
    run = run_of(folder={"path": "run"})
    assert run.published == [20, 500, 1000]
    assert run.steps == [0, 20, 500, 1000]
    assert run.layers == 2
    assert run_of(folder={"path": "run", "steps": [20, 1000]}).published == [20, 1000]


def test_a_checkpoint_of_step_0_is_taken_if_there_is_one() -> None:
    write_folder(0)
    assert run_of(folder={"path": "run"}).published == [0]


def test_what_was_taken_stays_when_a_trainer_removes_it() -> None:
    write_folder(1000)
    take(20)
    take(0, {"untrained": "BertForMaskedLM", "seed": 1})  # drawn, and not the source's
    run = run_of(folder={"path": "run"})
    assert run.published == [20, 1000]
    # And is asked for as before: another place would be another job.
    assert set(run.places.values()) == {"run/checkpoint-{step}"}
    for path in Path("run/checkpoint-1000").iterdir():
        path.unlink()
    Path("run/checkpoint-1000").rmdir()
    run = run_of(folder={"path": "run"})
    assert run.published == [20]
    assert run.layers == 2


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ({"path": "runn"}, "no such files; nearest to runn in .: run"),
        ({"path": "run", "pattern": "chekpoint-{step}"}, "nearest to chekpoint-{step} in run: che"),
        ({"path": "run", "steps": [5, 6]}, "the checkpoint of step 6 is not there"),
        ({"path": "run", "steps": [5, 7]}, "the checkpoint of step 7 is not complete"),
        ({"path": "half"}, "no checkpoint at half/checkpoint-{step} is complete"),
    ],
)
def test_checkpoints_that_are_not_there(folder: dict[str, Any], said: str) -> None:
    write_folder(5)
    Path("run/checkpoint-7").mkdir()
    Path("half/checkpoint-7").mkdir(parents=True)
    with pytest.raises(UserError) as error:
        run_of(folder=folder)
    assert said in str(error.value)
    assert str(error.value).startswith("checkpoints.folder: ")


def test_two_folders_of_one_step_are_refused_even_after_others_were_taken() -> None:
    write_folder(5)
    Path("run/checkpoint-05").mkdir()
    take(1)
    with pytest.raises(UserError, match=r"checkpoints\.folder: .* are both of step 5"):
        run_of(folder={"path": "run"})


def test_files_of_fairseq_that_are_whole() -> None:
    for step in (10, 200):
        torch.save({"model": {}}, f"m_{step}.pt")
    Path("m_300.pt").write_bytes(Path("m_200.pt").read_bytes()[:-30])
    Path("m_400.pt").touch()
    assert run_of(layers=4, fairseq={"files": "m_{step}.pt"}).published == [10, 200]
    run = run_of(layers=4, fairseq={"files": {7: "m_10.pt", 9: "m_200.pt"}})
    assert [run.place(step) for step in run.published] == ["m_10.pt", "m_200.pt"]
    with pytest.raises(UserError, match=r"files\.8: there is no file absent\.pt"):
        run_of(layers=4, fairseq={"files": {8: "absent.pt"}})
    with pytest.raises(UserError, match="step 300 is not complete"):
        run_of(layers=4, fairseq={"files": "m_{step}.pt", "steps": [10, 300]})


def test_another_hub_is_reached_by_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    hub: dict = {"layers": 1, "hub": {"repository": "a/b", "steps": [1]}}
    for trusted in ("https://hub.example", "http://127.0.0.1:8000", ""):
        monkeypatch.setenv("HF_ENDPOINT", trusted)
        assert run_of(**hub).published == [1]
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.example")
    with pytest.raises(UserError, match=r"HF_ENDPOINT: http://hub\.example is plain http"):
        run_of(**hub)
    hub["hub"] |= {"endpoint": "https://hub.example"}  # which is asked instead
    assert run_of(**hub).published == [1]


@given(steps=st.sets(st.integers(0, 10**7), min_size=1))
def test_urls_and_revisions_are_those_of_the_listed_steps(steps: set[int]) -> None:
    listed = sorted(steps)
    urls = run_of(layers=1, fairseq={"files": "https://a.org/m_{step}.pt", "steps": listed})
    revisions = run_of(layers=1, hub={"repository": "a/b", "steps": listed})
    for step in listed:
        assert urls.place(step) == f"https://a.org/m_{step}.pt"
        assert revisions.place(step) == f"step{step}"
    assert urls.is_fetched
    assert not revisions.is_fetched
    assert urls.published == revisions.published == listed
    assert urls.steps[0] == revisions.steps[0] == 0


@pytest.mark.parametrize(
    ("checkpoints", "said"),
    [
        ({}, "give either `pretraining`, or one of"),
        ({"hub": {"repository": "a/b", "steps": [1]}}, "layers: missing"),
        ({"layers": 2, "hub": {"repository": "ab", "steps": [1]}}, "write it as `owner/name`"),
        ({"layers": 2, "hub": {"repository": "a/b"}}, "hub.steps: missing"),
        (
            {"layers": 2, "hub": {"repository": "a/b", "revisions": "main", "steps": [1]}},
            "revisions: has no {step}",
        ),
        (
            {"layers": 2, "hub": {"repository": "a/b", "revisions": {1: "x"}, "steps": [1]}},
            "the map in `revisions` has them already",
        ),
        ({"layers": 2, "hub": {"repository": "a/b", "revisions": {}}}, "revisions: empty"),
        ({"layers": 2, "fairseq": {"files": "https://a.org/{step}.pt"}}, "at a URL cannot be l"),
        (
            {"layers": 2, "fairseq": {"files": "https://a.org/*{step}.pt", "steps": [1]}},
            "`*` cannot be looked up in a URL",
        ),
        ({"layers": 2, "fairseq": {"files": "{step}.pt", "steps": [5, 4]}}, "4 follows 5"),
        (
            {"layers": 2, "fairseq": {"files": {"five": "5.pt"}}},
            "checkpoints.fairseq.files.five: give a whole number",
        ),
        (
            {"folder": {"path": "a"}, "hub": {"repository": "a/b", "steps": [1]}, "layers": 1},
            "hub and folder are given; a run has one kind of checkpoints",
        ),
    ],
)
def test_mistakes_are_told_once(checkpoints: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as error:
        settings_of(**checkpoints)
    assert said in str(error.value)
    assert len(str(error.value).splitlines()) == 2  # the file, and the one mistake


def test_what_has_to_be_fetched_for_the_jobs_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    def needed(outputs: set[str], **checkpoints: Any) -> list[Needed]:
        settings = settings_of(**checkpoints)
        paths = {Path(RESULTS, "checkpoints", output) for output in outputs}
        return missing_checkpoints(find_run(settings, RESULTS), settings, RESULTS, paths)

    urls = {"layers": 1, "fairseq": {"files": "https://a.org/{step}.pt", "steps": [1, 2]}}
    assert [file.url for file in needed({"step-2/checkpoint.pt"}, **urls)] == ["https://a.org/2.pt"]
    assert not needed({"step-2/digest.json"}, **urls)
    Path("7.pt").write_bytes(b"\x80")
    here = {"layers": 1, "fairseq": {"files": {7: "7.pt"}}}
    assert not needed({"step-7/checkpoint.pt"}, **here)
    monkeypatch.setenv("HF_HOME", "/cache")
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror")
    hub = {"layers": 1, "hub": {"repository": "a/b", "steps": [1, 2]}}
    (file,) = needed({"step-1/model/manifest.json", "step-2/model/manifest.json"}, **hub)
    assert file.url == "https://mirror/a/b"
    assert file.path == Path("/cache/hub/models--a--b")
    assert not needed({"verdict.json"}, **hub)
    # What is in the cache is then all there is.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not needed({"step-1/model/manifest.json"}, **hub)


@pytest.mark.parametrize(
    ("family", "settings", "said"),
    [
        ("gpt_neox", {"tasks": ["bpc"]}, "read from left to right.*leave bpc out of tasks"),
        ("gpt_neox", {"tasks": ["xnli"]}, "set encoding.pair_pooling to mean"),
        ("gpt_neox", {"tasks": ["xnli"], "encoding": {"pair_pooling": "mean"}}, None),
        ("gpt_neox", {"tasks": ["pos"]}, None),
        ("deberta", {"tasks": ["pos"], "encoding": {"precision": "bf16"}}, "encoding.precision: "),
        ("bert", {"tasks": ["xnli"], "encoding": {"precision": "bf16"}}, None),
    ],
)
def test_what_a_family_cannot_do_is_told_while_planning(
    family: str, settings: dict[str, Any], said: str | None
) -> None:
    folder = write_folder(1)
    config = {"model_type": family, "num_hidden_layers": 2}
    (folder / "config.json").write_text(json.dumps(config))
    given = settings_of(folder={"path": "run"}).model_dump() | settings
    checked = check(given, "mine.yaml")
    if said is None:
        assert find_run(checked, RESULTS).layers == 2
    else:
        with pytest.raises(UserError, match=said):
            find_run(checked, RESULTS)
