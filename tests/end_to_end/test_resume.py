"""A segment whose process is killed, again and again, ends as one that was left alone."""

import argparse
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch
from chronoglot.pretraining.binarise import binarise
from chronoglot.pretraining.recipe import Recipe
from chronoglot.pretraining.tokenizer import train_tokenizer

# An epoch has about 20 updates.
RECIPE = Recipe(
    layers=2,
    dimension=32,
    feedforward=64,
    heads=2,
    positions=32,
    block=32,
    batch=8,
    learning_rate=3e-3,
    warmup=10,
    updates=400,
    segment=200,
    log_every=5,
    validate_every=40,
    state_every=15,
    seed=1,
)
SEGMENT = """
import sys
from pathlib import Path
from chronoglot.pretraining.recipe import Recipe
from chronoglot.pretraining.segments import train_segment

if __name__ == "__main__":
    number, recipe, binarised, folder = sys.argv[1:]
    segments = Path(folder) / "segments"
    train_segment(
        int(number),
        recipe=Recipe.from_json(recipe),
        languages=["aa", "bb"],
        binarised=Path(binarised),
        previous=segments / str(int(number) - 1) if number != "1" else None,
        folder=segments / number,
        work=Path(folder) / "work",
        also_save=[50, 101, 200, 333],
    )
"""


@pytest.fixture(scope="module")
def binarised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    draw = random.Random(0)
    texts = {}
    for language, alphabet, size in (("aa", "aeiklmn", 400), ("bb", "оуыбвгд", 100)):
        texts[language] = (folder / f"{language}.train", folder / f"{language}.heldout")
        for path, paragraphs in zip(texts[language], (size, 20), strict=True):
            words = ("".join(draw.choices(alphabet, k=draw.randint(2, 5))) for _ in range(30))
            vocabulary = list(words)
            lines = (" ".join(draw.choices(vocabulary, k=8)) for _ in range(paragraphs))
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    train_tokenizer(
        {language: train for language, (train, _) in texts.items()},
        folder / "model",
        folder / "dict.txt",
        vocabulary=60,
        alpha=0.3,
        seed=1,
        sentences=None,
        character_coverage=1.0,
    )
    binarise(texts, folder / "model", folder / "dict.txt", folder / "bin")
    return folder / "bin"


def start(number: int, binarised: Path, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", SEGMENT, str(number), RECIPE.to_json(), binarised, folder],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def train(number: int, binarised: Path, folder: Path, kills: list[int]) -> list[int]:
    """Train a segment, killing its process at each of these steps; return where it went on from."""
    begun = []
    for step in [*kills, None]:
        process = start(number, binarised, folder)
        assert process.stdout
        for line in process.stdout:
            if found := re.match(r"from step (\d+)", line):
                begun.append(int(found[1]))
            if line.startswith(f"step {step}/"):
                process.kill()  # SIGKILL: nothing in the process can tidy up
        assert process.wait() == (0 if step is None else -9)
    return begun


def tensors(path: Path) -> dict[str, torch.Tensor]:
    with torch.serialization.safe_globals([argparse.Namespace]):
        state = torch.load(path, weights_only=True)
    moments = state.get("last_optimizer_state", {}).get("state", {})
    flat = {f"{i}.{key}": torch.as_tensor(moments[i][key]) for i in moments for key in moments[i]}
    return state["model"] | flat


@pytest.mark.slow
def test_a_killed_segment_ends_as_one_left_alone(binarised: Path, tmp_path: Path) -> None:
    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for number in (1, 2):
        train(number, binarised, calm, [])
    for number, kills in ((1, [10, 55, 155]), (2, [205, 300])):
        begun = train(number, binarised, killed, kills)
        # The process runs on a little until the signal reaches it.
        assert begun[0] == 200 * (number - 1)
        assert begun[-1] >= kills[-1] - RECIPE.state_every
        assert all(step % RECIPE.state_every == 0 for step in begun[1:] if step != begun[0])

    names = sorted(path.relative_to(calm) for path in calm.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(killed) for path in killed.rglob("*") if path.is_file())
    assert {name.name for name in names} > {"last.pt", "step-0.pt", "step-101.pt", "step-333.pt"}
    for name in names:
        if name.suffix == ".parquet":
            assert pq.read_table(calm / name).equals(pq.read_table(killed / name))
        else:
            one, other = tensors(calm / name), tensors(killed / name)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[tensor], other[tensor]) for tensor in one)
