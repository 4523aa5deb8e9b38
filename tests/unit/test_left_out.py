"""Checkpoints that are not taken are named; those that can never be complete are errors."""

import random
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny_model
import torch
from chronoglot.checkpoints.convert import mask_first
from chronoglot.checkpoints.folders import what_is_missing, why_never
from chronoglot.checkpoints.torch_weights import write_safetensors
from chronoglot.planning.run import find_run
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check
from safetensors.torch import load_file

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1115567652\n"


def write(folder: Path, **files: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def only(*names: str) -> Callable[[Path], None]:
    """Leave nothing but the configuration, and these files."""

    def change(folder: Path) -> None:
        for path in folder.iterdir():
            if path.name not in ("config.json", "sentencepiece.bpe.model"):
                path.unlink()
        write(folder, **dict.fromkeys(names, b"x"))

    return change


# What is done to a checkpoint, what is said of it, whether it can never be complete.
CHANGES: dict[str, tuple[Callable[[Path], None], str, bool]] = {
    "pointer": (
        lambda f: write(f, **{"model.safetensors": POINTER}),
        "model.safetensors is a Git LFS pointer",
        True,
    ),
    "pointer of a tokenizer": (
        lambda f: write(f, **{"sentencepiece.bpe.model": POINTER}),
        "sentencepiece.bpe.model is a Git LFS pointer",
        True,
    ),
    "page": (
        lambda f: write(f, **{"config.json": b"<!DOCTYPE html><html>"}),
        "config.json is an HTML page",
        True,
    ),
    "adapter": (only("adapter_config.json", "adapter_model.safetensors"), "but an adapter", True),
    "FSDP": (only("pytorch_model_fsdp.bin"), "but shards of FSDP", True),
    "distributed": (only("__0_0.distcp", ".metadata"), "but shards of FSDP", True),
    "DeepSpeed": (only("zero_to_fp32.py"), "but shards of DeepSpeed", True),
    "TensorFlow": (only("tf_model.h5"), "TensorFlow", True),
    "empty": (lambda f: write(f, **{"model.safetensors": b""}), "the end of", False),
    "cut": (
        lambda f: write(f, **{"model.safetensors": (f / "model.safetensors").read_bytes()[:-9]}),
        "the end of model.safetensors",
        False,
    ),
    "no weights yet": (only("trainer_state.json"), "no weights", False),
    "no configuration yet": (lambda f: (f / "config.json").unlink(), "no config.json", False),
    "cut configuration": (
        lambda f: write(f, **{"config.json": b'{"model_type": '}),
        "config.json is not readable",
        False,
    ),
}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder with two checkpoints that are complete."""
    (tmp_path / "source").mkdir()
    source = tiny_model.write_model(tmp_path / "source")
    (source / "manifest.json").unlink()
    for step in (5, 7):
        write(
            tmp_path / f"run/checkpoint-{step}",
            **{p.name: p.read_bytes() for p in source.iterdir() if p.is_file()},
        )
    return tmp_path / "run"


def found(run: Path, **folder: object):
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


@pytest.mark.parametrize(("change", "told", "never"), CHANGES.values(), ids=CHANGES.keys())
def test_a_checkpoint_that_is_not_taken_is_named(
    run: Path, change: Callable[[Path], None], told: str, never: bool
) -> None:
    assert found(run).left_out == {}
    folder = run / "checkpoint-7"
    change(folder)
    assert bool(why_never(folder)) == never
    assert never or what_is_missing(folder)
    if never:
        with pytest.raises(UserError, match=rf"step 7 is not complete: .*{told}.*list in `steps`"):
            found(run)
    else:
        known = found(run)
        assert known.steps == [0, 5]
        assert told in known.left_out[7]
    assert found(run, steps=[5]).left_out == {}
    with pytest.raises(UserError, match=rf"step 7 is not complete: .*{told}"):
        found(run, steps=[5, 7])


def test_where_none_is_complete_each_is_named(run: Path) -> None:
    for step in (5, 7):
        (run / f"checkpoint-{step}/model.safetensors").unlink()
    with pytest.raises(
        UserError, match=r"is complete; run again.*\n.*step 5: no w.*\n.*step 7: no w"
    ):
        found(run)


@pytest.mark.parametrize("part", ["-shard0", "-shard12", "-model_part-0"])
def test_a_step_of_which_only_parts_are_there_is_named(tmp_path: Path, part: str) -> None:
    for name in ("checkpoint_1_10.pt", f"checkpoint_1_20{part}.pt"):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("data.pkl", "")

    def places(**fairseq: object) -> list[int]:
        settings = check(
            {
                "experiment": "x",
                "tasks": ["pos"],
                "checkpoints": {
                    "fairseq": {"files": f"{tmp_path}/checkpoint_*_{{step}}.pt", **fairseq},
                    "layers": 2,
                },
                "languages": {"aa": {"treebank": {"name": "UD_A"}}},
            },
            "mine.yaml",
        )
        return list(find_run(settings, str(tmp_path / "results")).places)

    with pytest.raises(UserError, match=rf"step 20 .*checkpoint_1_20{part}.pt is one part of it"):
        places()
    assert places(steps=[10]) == [10]
    (tmp_path / f"checkpoint_1_20{part}.pt").rename(tmp_path / "checkpoint_1_20.pt")
    assert places() == [10, 20]


def test_a_flipped_bit_never_becomes_a_weight(tmp_path: Path) -> None:
    path = tmp_path / "pytorch_model.bin"
    weights = {"_orig_mod.encoder.a.weight": torch.randn(40, 30), "module.b.bias": torch.randn(7)}
    torch.save(weights, path)
    write_safetensors([path], tmp_path / "whole.safetensors")
    whole = load_file(tmp_path / "whole.safetensors")
    assert whole.keys() == {"encoder.a.weight", "b.bias"}
    content, chance = path.read_bytes(), random.Random(0)
    refused = 0
    for offset in chance.sample(range(len(content)), 150):
        flipped = bytearray(content)
        flipped[offset] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            write_safetensors([path], tmp_path / "flipped.safetensors")
        except UserError:
            refused += 1
            continue
        found = load_file(tmp_path / "flipped.safetensors")
        assert found.keys() == whole.keys()
        assert all(torch.equal(found[name], whole[name]) for name in whole)
    assert refused > 100


def test_weights_that_share_memory_are_written_as_each_has_them(tmp_path: Path) -> None:
    square = torch.arange(16.0).reshape(4, 4)
    weights = {
        "body.square": square,
        "body.turned": square.t(),  # the same memory, shape and type in another order
        "body.row": square[0],
        "body.column": square[:, 0],
        "head.square": square,
    }
    torch.save(weights, tmp_path / "pytorch_model.bin")
    write_safetensors([tmp_path / "pytorch_model.bin"], tmp_path / "model.safetensors")
    written = load_file(tmp_path / "model.safetensors")
    assert written.keys() == weights.keys() - {"head.square"}
    assert all(torch.equal(written[name], weights[name]) for name in written)


def test_the_mask_of_a_padded_vocabulary_comes_before_the_padding() -> None:
    assert mask_first(9, 3).tolist() == [0, 1, 2, 3, 4, 8, 5, 6, 7]
