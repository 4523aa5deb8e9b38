"""Checkpoints of a hub and of a folder: only whole ones, only what is read, never code."""

import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from chronoglot.checkpoints import hub
from chronoglot.checkpoints.folders import link_local, what_is_missing
from chronoglot.checkpoints.hub import snapshot
from chronoglot.checkpoints.manifest import check_manifest
from chronoglot.runtime.errors import UserError
from loopback_hub import Hub, commit_of, loopback_hub
from safetensors.torch import load, load_file, save

NAME = "someone/model"


def files_of(step: int, *, divided: bool = False, torch_too: bool = True) -> dict[str, bytes]:
    """A repository as trainers leave it: with code, other formats and other frameworks beside."""

    parts = {"a": torch.full((40, 3), float(step)), "b": torch.ones(2)}
    files = {
        "config.json": json.dumps({"model_type": "bert", "step": step}).encode(),
        "tokenizer.json": b"{}",
        "tokenizer_config.json": b"{}",
        "modeling_trap.py": b"raise SystemExit",
        "README.md": b"# A model",
        "onnx/model.onnx": b"onnx",
        "training_args.bin": b"pickled",
        "model.fp16.safetensors": b"another",
    }
    if divided:
        names = {name: f"model-0000{n}-of-00002.safetensors" for n, name in enumerate("ab", 1)}
        files["model.safetensors.index.json"] = json.dumps({"weight_map": names}).encode()
        files |= {names[name]: save({name: parts[name]}) for name in "ab"}
    else:
        files["model.safetensors"] = save(parts)
    saved = io.BytesIO()
    torch.save(parts, saved)
    return files | ({"pytorch_model.bin": saved.getvalue()} if torch_too else {})


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub on this machine, the client's cache in a folder of the test."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub, "_LONGEST_WAIT", 0)
    for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(proxy, raising=False)
    with loopback_hub(NAME) as server:
        yield server


def test_a_revision_is_downloaded_as_a_checkpoint(server: Hub, tmp_path: Path) -> None:
    server.revisions = {f"step{step}": files_of(step) for step in (0, 512)}
    folders = {}
    for step in (0, 512):
        folders[step] = tmp_path / f"step-{step}"
        commit = snapshot(NAME, f"step{step}", folders[step], endpoint=server.url)
        assert commit == commit_of(f"step{step}")
    for step, folder in folders.items():
        check_manifest(folder)
        assert json.loads((folder / "config.json").read_text())["step"] == step
        assert {path.name for path in folder.iterdir()} == {
            "config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "model.safetensors",
            "source.json",
            "manifest.json",
        }
        source = json.loads((folder / "source.json").read_text())
        assert source["revision"] == f"step{step}" and source["commit"] == commit_of(f"step{step}")
    weights = [(folder / "model.safetensors").read_bytes() for folder in folders.values()]
    assert weights[0] != weights[1]
    # Nothing else was even asked for, of any kind.
    for name in (".py", ".md", ".onnx", ".bin", "fp16"):
        assert not [path for path in server.asked if name in path]


def test_a_repository_without_safetensors(server: Hub, tmp_path: Path) -> None:
    """It has torch's own, of which the same is made."""
    files = files_of(1)
    weights = files.pop("model.safetensors")
    server.revisions = {"main": files}
    snapshot(NAME, "main", tmp_path / "model", endpoint=server.url)
    made = load_file(tmp_path / "model" / "model.safetensors")
    assert made.keys() == load(weights).keys()
    assert all(torch.equal(made[name], tensor) for name, tensor in load(weights).items())
    assert not (tmp_path / "model" / "pytorch_model.bin").exists()


def test_divided_weights(server: Hub, tmp_path: Path) -> None:
    server.revisions = {"main": files_of(1, divided=True)}
    snapshot(NAME, "main", tmp_path / "model", endpoint=server.url)
    names = {path.name for path in (tmp_path / "model").iterdir()}
    assert {name for name in names if "safetensors" in name} == {
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    }


def test_what_fails_for_a_moment_is_tried_again(server: Hub, tmp_path: Path) -> None:
    server.revisions = {"main": files_of(1)}
    server.failures = [500, 408, 429]
    server.cuts = 1
    snapshot(NAME, "main", tmp_path / "model", endpoint=server.url)
    content = (tmp_path / "model" / "model.safetensors").read_bytes()
    assert content == server.revisions["main"]["model.safetensors"]
    assert not server.failures and not server.cuts


def test_what_fails_for_good_is_asked_once(server: Hub, tmp_path: Path) -> None:
    server.revisions = {"main": files_of(1)}
    server.failures = [499, 499]
    with pytest.raises(UserError, match="cannot be had"):
        snapshot(NAME, "main", tmp_path / "model", endpoint=server.url)
    assert server.failures == [499]


def test_the_cache_serves_a_machine_without_access(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.revisions = {"main": files_of(1, divided=True)}
    snapshot(NAME, "main", tmp_path / "first", endpoint=server.url)
    fetched = len([path for path in server.asked if path.startswith("GET /someone")])
    snapshot(NAME, "main", tmp_path / "second", endpoint=server.url)
    assert len([path for path in server.asked if path.startswith("GET /someone")]) == fetched
    asked = len(server.asked)
    snapshot(NAME, "main", tmp_path / "third", local_files_only=True)
    assert len(server.asked) == asked
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    snapshot(NAME, "main", tmp_path / "fourth")
    with pytest.raises(UserError, match=r"step7: not in the Hugging Face cache.*set HF_HOME to it"):
        snapshot(NAME, "step7", tmp_path / "fifth")
    assert len(server.asked) == asked
    for name in ("second", "third", "fourth"):
        manifests = [(tmp_path / each / "manifest.json").read_text() for each in ("first", name)]
        assert manifests[0] == manifests[1]


@pytest.mark.parametrize(
    ("lost", "message"),
    [
        ("config.json", "has no config.json"),
        ("model-00002-of-00002.safetensors", "has no model-00002"),
        ("model.safetensors.index.json", "has no weights that can be read"),
        ("tokenizer.json", "has no tokenizer"),
    ],
)
def test_a_cache_that_was_brought_in_part_is_told(
    server: Hub, tmp_path: Path, lost: str, message: str
) -> None:
    server.revisions = {"main": files_of(1, divided=True)}
    snapshot(NAME, "main", tmp_path / "first", endpoint=server.url)
    (place,) = (tmp_path / "cache").rglob(lost)
    place.unlink()
    with pytest.raises(UserError, match=message):
        snapshot(NAME, "main", tmp_path / "second", local_files_only=True)


def test_a_cache_cut_in_the_middle_is_told(server: Hub, tmp_path: Path) -> None:
    server.revisions = {"main": files_of(1)}
    snapshot(NAME, "main", tmp_path / "first", endpoint=server.url)
    (place,) = (tmp_path / "cache").rglob("model.safetensors")
    content = place.read_bytes()
    for damage in (place.resolve().unlink, lambda: place.resolve().write_bytes(content[:-1])):
        damage()
        with pytest.raises(UserError, match=r"model\.safetensors: cut short; delete it"):
            snapshot(NAME, "main", tmp_path / "second", local_files_only=True)


def test_what_is_not_to_be_had_is_told(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_ATTEMPTS", 1)
    folder = tmp_path / "model"
    server.revisions = {"main": files_of(1), "empty": {"README.md": b""}, "odd": files_of(1)}
    del server.revisions["odd"]["model.safetensors"], server.revisions["odd"]["pytorch_model.bin"]
    for revision, message in [
        ("step7", "revision step7: the repository has no such revision"),
        ("empty", "has no config.json"),
        ("odd", "has no weights that can be read"),
    ]:
        with pytest.raises(UserError, match=message):
            snapshot(NAME, revision, folder, endpoint=server.url)
    server.failures = [503]
    with pytest.raises(UserError, match=r"(?s)cannot be had.*bring its Hugging Face cache"):
        snapshot(NAME, "main", folder, endpoint=server.url)
    with pytest.raises(UserError, match="not in the Hugging Face cache"):
        snapshot(NAME, "never", folder, local_files_only=True)
    with pytest.raises(UserError, match="cannot be had"):
        snapshot(NAME, "main", folder, endpoint="http://127.0.0.1:9")
    assert not folder.exists()


def test_an_index_that_climbs_out_of_the_folder_is_refused(server: Hub, tmp_path: Path) -> None:
    files = files_of(1, divided=True)
    files["model.safetensors.index.json"] = b'{"weight_map": {"a": "../../other.safetensors"}}'
    server.revisions = {"main": files}
    with pytest.raises(UserError, match="does not name the files of the weights"):
        snapshot(NAME, "main", tmp_path / "model", endpoint=server.url)


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("divided", [False, True])
def test_a_checkpoint_cut_anywhere_is_not_complete(tmp_path: Path, divided: bool) -> None:
    """Every file that is read, absent, empty and cut short, in the order of writing."""
    files = files_of(3, divided=divided)
    assert what_is_missing(write(tmp_path / "whole", files)) is None
    read = [name for name in files if name.endswith(("json", "safetensors")) and "16" not in name]
    for name in read:
        for length in sorted({0, 1, 7, 8, 9, 40, len(files[name]) // 2, len(files[name]) - 1}):
            if length >= len(files[name]):
                continue
            cut = write(tmp_path / f"{name}-{length}", files | {name: files[name][:length]})
            assert what_is_missing(cut), (name, length)
        shutil.rmtree(cut)
        without = {other: content for other, content in files.items() if other != name}
        if name == "config.json" or name.startswith("model-"):
            assert what_is_missing(write(cut, without)), name
    assert what_is_missing(tmp_path / "absent") == "no config.json"


def test_weights_of_torch_are_complete_with_their_directory(tmp_path: Path) -> None:
    folder = write(tmp_path / "model", {"config.json": b"{}"})
    torch.save({"a": torch.ones(100)}, folder / "pytorch_model.bin")
    assert what_is_missing(folder) is None
    content = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(content[:-1])
    assert what_is_missing(folder) == "the end of pytorch_model.bin"
    torch.save({"a": torch.ones(9)}, folder / "pytorch_model.bin",
               _use_new_zipfile_serialization=False)  # fmt: skip
    assert what_is_missing(folder) is None


def test_a_checkpoint_outlives_what_a_trainer_deletes(tmp_path: Path) -> None:
    source = write(tmp_path / "checkpoint-5", files_of(5))
    link_local(source, tmp_path / "step-5")
    shutil.rmtree(source)
    check_manifest(tmp_path / "step-5")
    assert not (tmp_path / "step-5" / "modeling_trap.py").exists()


def test_a_tokenizer_may_lie_elsewhere(tmp_path: Path) -> None:
    files = files_of(5)
    tokenizer = write(tmp_path / "tokenizer", {"tokenizer.json": files.pop("tokenizer.json")})
    del files["tokenizer_config.json"]
    source = write(tmp_path / "checkpoint-5", files)
    with pytest.raises(UserError, match="checkpoint-5: has no tokenizer"):
        link_local(source, tmp_path / "step-5")
    link_local(source, tmp_path / "step-5", tokenizer=tokenizer)
    assert (tmp_path / "step-5" / "tokenizer.json").is_file()


def test_a_checkpoint_being_written_is_not_linked(tmp_path: Path) -> None:
    files = files_of(5)
    files["model.safetensors"] = files["model.safetensors"][:-4]
    source = write(tmp_path / "checkpoint-5", files)
    with pytest.raises(
        UserError, match=r"not a complete checkpoint: the end of model\.safetensors"
    ):
        link_local(source, tmp_path / "step-5")
