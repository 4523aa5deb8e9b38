"""Weights are taken under their own names, and files are written for whom the umask lets read."""

import json
import os
import shutil
import stat
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from chronoglot.checkpoints.digest import digest
from chronoglot.checkpoints.folders import link_local
from chronoglot.checkpoints.untrained import make_untrained
from chronoglot.encoding.families import read_config
from chronoglot.encoding.tensors import check_tensors
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole, whole_folder
from safetensors.torch import load_file, save_file
from tiny_families import write_model
from tiny_tokenizers import write_tokenizers


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizers = write_tokenizers(tmp_path_factory.mktemp("tokenizers"))
    folder = tmp_path_factory.mktemp("model")
    return write_model(folder, tokenizers["wordpiece"], "bert", head=True, type_vocab_size=2)


def _renamed(source: Path, into: Path, prefix: str, parts: int) -> Path:
    """The model with a wrapper's name before each of its tensors', divided among files."""
    shutil.copytree(source, into)
    weights = {f"{prefix}{name}": t for name, t in load_file(into / "model.safetensors").items()}
    if parts == 1:
        save_file(weights, into / "model.safetensors", {"format": "pt"})
        return into
    (into / "model.safetensors").unlink()
    names, place = sorted(weights), {}
    for part in range(parts):
        file = f"model-{part + 1:05}-of-{parts:05}.safetensors"
        mine = names[part::parts]
        save_file({name: weights[name] for name in mine}, into / file, {"format": "pt"})
        place |= dict.fromkeys(mine, file)
    (into / "model.safetensors.index.json").write_text(json.dumps({"weight_map": place}))
    return into


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize("prefix", ["_orig_mod.", "module.", "module._orig_mod.", ""])
def test_names_of_wrappers_are_taken_off(
    source: Path, tmp_path: Path, prefix: str, parts: int
) -> None:
    wrapped = _renamed(source, tmp_path / "wrapped", prefix, parts)
    link_local(source, tmp_path / "plain")
    link_local(wrapped, tmp_path / "taken")
    check_tensors(tmp_path / "taken", read_config(tmp_path / "taken"))
    taken, plain = digest(tmp_path / "taken"), digest(tmp_path / "plain")
    assert taken["tensors"] == plain["tensors"]


def test_two_tensors_of_one_name_are_refused(source: Path, tmp_path: Path) -> None:
    shutil.copytree(source, tmp_path / "both")
    path = tmp_path / "both/model.safetensors"
    weights = load_file(path)
    name = next(iter(weights))
    save_file(weights | {f"module.{name}": weights[name] + 1}, path, {"format": "pt"})
    with pytest.raises(UserError, match="two tensors of one name"):
        link_local(tmp_path / "both", tmp_path / "taken")
    path.unlink()
    torch.save(weights | {f"module.{name}": weights[name] + 1}, tmp_path / "both/pytorch_model.bin")
    with pytest.raises(UserError, match="two tensors of one name"):
        link_local(tmp_path / "both", tmp_path / "taken")


@pytest.fixture(params=[0o022, 0o027, 0o002], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_are_for_whom_the_umask_lets_read(source: Path, tmp_path: Path, umask: int) -> None:
    shutil.copytree(source, tmp_path / "older")
    (tmp_path / "older/model.safetensors").unlink()
    torch.save(load_file(source / "model.safetensors"), tmp_path / "older/pytorch_model.bin")
    wrapped = _renamed(source, tmp_path / "wrapped", "module.", 1)
    for number, place in enumerate((tmp_path / "older", wrapped)):
        link_local(place, tmp_path / f"results/{number}")
    make_untrained(tmp_path / "results/0", tmp_path / "results/drawn", seed=1)
    written = [tmp_path / f"results/{name}/model.safetensors" for name in ("0", "1", "drawn")]
    written += (tmp_path / "results").glob("*/*.json")
    for path in written:
        if path.stat().st_nlink == 1:  # no link to the user's own file
            assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path


def test_names_that_are_written_under_are_a_process_s_own(tmp_path: Path) -> None:
    """Where two machines write into one file system, their processes may have one number."""
    names = []
    for _ in range(2):
        with whole(tmp_path / "file") as file, whole_folder(tmp_path / "folder") as folder:
            names += [file.name, folder.name]
            file.touch()
    forked = get_context("fork").Pool(2)
    names += forked.map(_name, [tmp_path / "file"] * 4, chunksize=1)
    forked.close()
    forked.join()
    assert len(set(names)) == len(names)


def _name(path: Path) -> str:
    with whole(path) as temporary:
        temporary.touch()
        return temporary.name
