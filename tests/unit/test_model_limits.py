"""What jobs may take follows from checkpoints that lie elsewhere, in whatever parts."""

from pathlib import Path
from typing import Any

import pytest
from chronoglot.planning.inputs import Inputs
from chronoglot.planning.limits import Limits
from chronoglot.planning.run import Run
from chronoglot.settings.file import check


def memory(tmp_path: Path, files: dict[str, int], pattern: str) -> int:
    """Memory to hold a model of the run twice, its files of these sizes in MB."""
    for name, size in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(size * 1_000_000)
    settings = check(
        {
            "experiment": "x",
            "languages": {"en": {"treebank": {"name": "UD_X"}}},
            "tasks": ["pos"],
            "checkpoints": {"folder": {"path": "models"}},
        },
        "x.yaml",
    )
    run = Run("folder", {1: str(tmp_path / pattern)}, 12, "")
    inputs: Any = Inputs.__new__(Inputs)  # no table is asked for
    return Limits(settings, inputs, run, str(tmp_path / "results")).model(2)(None, 1)


@pytest.mark.parametrize(
    ("files", "pattern"),
    [
        ({"m-1/model.safetensors": 600}, "m-{step}"),
        ({f"m-1/model-0000{n}-of-00003.safetensors": 200 for n in (1, 2, 3)}, "m-{step}"),
        ({f"m-1/pytorch_model-0000{n}-of-00002.bin": 300 for n in (1, 2)}, "m-{step}"),
        ({"m-1/model.safetensors": 600, "m-1/pytorch_model.bin": 600}, "m-{step}"),
        ({"checkpoint_1.pt": 600, "checkpoint_2.pt": 900}, "checkpoint_{step}.pt"),
        ({"results/checkpoints/step-1/model/model.safetensors": 600}, "gone-{step}"),
    ],
)
def test_memory_follows_the_size_of_the_weights(
    tmp_path: Path, files: dict[str, int], pattern: str
) -> None:
    # Perhaps in half precision, so twice as much in single; two copies.
    assert memory(tmp_path, files, pattern) == 1_000 + 2 * 2 * 600


def test_a_model_that_is_not_there_is_taken_to_be_large(tmp_path: Path) -> None:
    assert memory(tmp_path, {}, "m-{step}") > 1_000 + 2 * 2_000
