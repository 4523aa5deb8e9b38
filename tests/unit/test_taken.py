"""A run that was trained again under the old names is noticed, and only that."""

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest
import tiny_model
from chronoglot.checkpoints.taken import NAME
from chronoglot.cli.app import app
from chronoglot.planning.run import Run, find_run
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with checkpoints of steps 5 and 7, of which 5 is taken."""
    (tmp_path / "source").mkdir()
    source = tiny_model.write_model(tmp_path / "source")
    for step in (5, 7):
        shutil.copytree(
            source,
            tmp_path / f"run/checkpoint-{step}",
            ignore=lambda _, n: {"manifest.json"} & {*n},
        )
    taken = tmp_path / "results/checkpoints/step-5"
    options = ["--folder", f"{taken}/model", "--digest", f"{taken}/digest.json", "--layers", "2"]
    pattern = f"{tmp_path}/run/checkpoint-{{step}}"
    app(["take-folder", "5", pattern, *options], standalone_mode=False)
    assert (taken / NAME).is_file()
    return tmp_path / "run"


def found(run: Path, **folder: object) -> Run:
    settings = check(
        {
            "experiment": "x",
            "tasks": ["pos"],
            "checkpoints": {"folder": {"path": str(run), **folder}},
            "languages": {"aa": {"treebank": {"name": "UD_A"}}},
        },
        "mine.yaml",
    )
    return find_run(settings, str(run.parent / "results"))


def test_the_same_run_goes_on(run: Path) -> None:
    assert found(run).steps == [0, 5, 7]
    weights = run / "checkpoint-5/model.safetensors"
    # Touched, copied, removed: all the same.
    os.utime(weights, (1, 1))
    assert found(run).steps == [0, 5, 7]
    content = weights.read_bytes()
    weights.unlink()
    assert found(run).steps == [0, 5, 7]
    weights.write_bytes(content)
    assert found(run).steps == [0, 5, 7]
    shutil.rmtree(run / "checkpoint-5")
    assert found(run).steps == [0, 5, 7]


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "sentencepiece.bpe.model"])
@pytest.mark.parametrize("in_place", [False, True])
def test_another_run_under_the_old_names_is_refused(run: Path, file: str, in_place: bool) -> None:
    path = run / "checkpoint-5" / file
    content = bytearray(path.read_bytes())
    if file == "config.json":
        content += b"\n"
    else:
        content[-3] ^= 4
    if not in_place:  # or else the link in the results changes with it
        path.unlink()
    path.write_bytes(content)
    os.utime(path, (9, 9))
    with pytest.raises(
        UserError, match=rf"step 5 .*taken from .*{file} \(.*another `experiment`"
    ) as e:
        found(run)
    now = datetime.fromtimestamp(9).isoformat(" ")
    assert f"which is now ({len(content):,} bytes, of {now})" in str(e.value)
    assert found(run, steps=[7]).steps == [0, 7]
    shutil.rmtree(run.parent / "results/checkpoints/step-5")
    assert found(run).steps == [0, 5, 7]


def test_weights_in_another_form_are_another_checkpoint(run: Path) -> None:
    shutil.copy(run / "checkpoint-5/sentencepiece.bpe.model", run / "checkpoint-5/tokenizer.model")
    with pytest.raises(UserError, match=r"tokenizer.model was not there when it was taken"):
        found(run)


@pytest.mark.parametrize("named", [False, True])
def test_files_of_fairseq(tmp_path: Path, named: bool) -> None:
    import zipfile

    def write(step: int, text: str) -> None:
        with zipfile.ZipFile(tmp_path / f"c_{step}.pt", "w") as archive:
            archive.writestr("data.pkl", text)

    files: object = f"{tmp_path}/c_{{step}}.pt"
    if named:
        files = {step: f"{tmp_path}/c_{step}.pt" for step in (5, 7)}
    checkpoints = {"fairseq": {"files": files}, "layers": 2}
    content = {"experiment": "x", "tasks": ["pos"], "checkpoints": checkpoints}
    content["languages"] = {"aa": {"treebank": {"name": "UD_A"}}}
    settings = check(content, "mine.yaml")
    write(5, "one")
    write(7, "two")
    taken = tmp_path / "results/checkpoints/step-5"
    output = str(taken / "checkpoint.pt")
    command = ["take-checkpoint", "5", f"{tmp_path}/c_{{step}}.pt", "--output", output]
    app(command, standalone_mode=False)
    (taken / "model").mkdir()
    (taken / "model/manifest.json").write_text("{}")
    assert find_run(settings, str(tmp_path / "results")).published == [5, 7]
    (tmp_path / "c_5.pt").unlink()
    write(5, "another")
    with pytest.raises(UserError, match=r"another checkpoint of step 5 lies there than was taken"):
        find_run(settings, str(tmp_path / "results"))
