"""Binarised text and segments of a tiny run, beside fairseq's own programs."""

import chronoglot.pretraining  # noqa: F401, fairseq can be imported only after it

# isort: split
import argparse
import dataclasses
import fcntl
import json
import pickle
import random
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import sentencepiece
import torch
from chronoglot.pretraining.binarise import binarise, binarise_language
from chronoglot.pretraining.losses import Log, collect_losses
from chronoglot.pretraining.recipe import Recipe
from chronoglot.pretraining.segments import checkpoint_at, is_whole, train_segment
from chronoglot.pretraining.tokenizer import train_tokenizer
from chronoglot.runtime.errors import UserError
from fairseq import checkpoint_utils, tasks, utils
from fairseq.data import MaskTokensDataset, TokenBlockDataset, data_utils
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.tasks import multilingual_masked_lm

LANGUAGES = ["cc", "aa", "bb"]
# An epoch has 12 updates, so that each segment of 20 runs into the next epoch.
RECIPE = Recipe(
    layers=2,
    dimension=16,
    feedforward=32,
    heads=2,
    positions=40,
    block=32,
    batch=8,
    learning_rate=1e-2,
    warmup=4,
    updates=40,
    segment=20,
    log_every=3,
    validate_every=10,
    state_every=5,
    seed=3,
)
DOUBLE = dataclasses.replace(RECIPE, segment=40)


@dataclasses.dataclass(frozen=True)
class Run:
    """Binarised text, and a run's folder."""

    folder: Path
    recipe: Recipe
    binarised: Path

    def segment(self, number: int) -> Path:
        return self.folder / "segments" / str(number)

    def train(self, number: int, *, also_save: tuple[int, ...] = ()) -> Path:
        train_segment(
            number,
            recipe=self.recipe,
            languages=LANGUAGES,
            binarised=self.binarised,
            previous=self.segment(number - 1) if number > 1 else None,
            folder=self.segment(number),
            work=self.folder / "work" / str(number),
            also_save=also_save,
        )
        return self.segment(number)

    def checkpoint(self, step: int) -> Path:
        number = self.recipe.segment_of(step)
        checkpoint_at(
            step,
            recipe=self.recipe,
            languages=LANGUAGES,
            binarised=self.binarised,
            segment=self.segment(number),
            previous=self.segment(number - 1) if number > 1 else None,
            output=self.folder / f"{step}.pt",
            work=self.folder / "work" / f"step-{step}",
        )
        return self.folder / f"{step}.pt"

    def losses(self, number: int) -> list[dict[str, Any]]:
        return pq.read_table(self.segment(number) / "losses.parquet").to_pylist()


def load(path: Path) -> dict[str, Any]:
    with torch.serialization.safe_globals([argparse.Namespace]):
        return torch.load(path, weights_only=True)


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The model's tensors, and those of the optimizer where the file has them."""
    state = load(path)
    tensors = dict(state["model"])
    for index, moments in state.get("last_optimizer_state", {}).get("state", {}).items():
        tensors |= {f"{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    return tensors


def assert_same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> None:
    assert one.keys() == other.keys()
    different = [name for name in one if not torch.equal(one[name], other[name])]
    assert not different


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    """Three invented languages of very different size; one paragraph is longer than a block."""
    folder = tmp_path_factory.mktemp("text")
    draw = random.Random(0)
    texts = {}
    for language, alphabet, size in (
        ("aa", "aeiklmn", 200),
        ("bb", "оуыбвгд", 60),
        ("cc", "αβγδε", 20),
    ):
        words = ["".join(draw.choices(alphabet, k=draw.randint(2, 6))) for _ in range(40)]
        texts[language] = (folder / f"{language}.train.txt", folder / f"{language}.heldout.txt")
        for path, paragraphs in zip(texts[language], (size, 15), strict=True):
            lines = [
                " ".join(draw.choices(words, k=draw.randint(3, 12))) for _ in range(paragraphs)
            ]
            lines[3] = " ".join(draw.choices(words, k=90))
            path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    return texts


@pytest.fixture(scope="module")
def binarised(
    texts: dict[str, tuple[Path, Path]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("binarised")
    model, dictionary = folder / "sentencepiece.bpe.model", folder / "dict.txt"
    train_tokenizer(
        {language: train for language, (train, _) in texts.items()},
        model,
        dictionary,
        vocabulary=80,
        alpha=0.3,
        seed=1,
        sentences=None,
        character_coverage=1.0,
    )
    binarise(texts, model, dictionary, folder / "bin")
    return folder / "bin"


@pytest.fixture(scope="module")
def run(binarised: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two segments, trained without a break."""
    run = Run(tmp_path_factory.mktemp("run"), RECIPE, binarised)
    run.train(1, also_save=(0, 7, 20, 33))
    run.train(2, also_save=(0, 7, 20, 33))
    return run


# --- recipe


def test_a_recipe_survives_json() -> None:
    assert Recipe.from_json(RECIPE.to_json()) == RECIPE


def test_a_recipe_refuses_unknown_and_missing_keys() -> None:
    parameters = json.loads(RECIPE.to_json())
    with pytest.raises(UserError, match=r"learning_rat$"):
        Recipe.from_json(json.dumps(parameters | {"learning_rat": 1}))
    del parameters["layers"]
    with pytest.raises(UserError, match="lacks layers"):
        Recipe.from_json(json.dumps(parameters))


@pytest.mark.parametrize(
    "change",
    [{"heads": 3}, {"block": 41}, {"accumulation": 3}, {"warmup": 40}, {"precision": "fp16"}],
)
def test_a_recipe_refuses_contradictions(change: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"pretraining\.{next(iter(change))} "):
        dataclasses.replace(RECIPE, **change)


def test_every_step_lies_in_the_segment_that_ends_with_it_or_after() -> None:
    recipe = dataclasses.replace(RECIPE, updates=50)
    for step in range(1, 51):
        first, last = recipe.bounds(recipe.segment_of(step))
        assert first < step <= last
    assert recipe.segment_of(0) == 1
    assert recipe.bounds(3) == (40, 50)
    with pytest.raises(UserError, match="51"):
        recipe.segment_of(51)
    with pytest.raises(UserError, match="segment 4"):
        recipe.bounds(4)


# --- binarised text


@pytest.mark.parametrize("split", ["train", "valid"])
def test_binarised_text_holds_every_token(
    texts: dict[str, tuple[Path, Path]], binarised: Path, split: str
) -> None:
    pieces = sentencepiece.SentencePieceProcessor(
        model_file=str(binarised.parent / "sentencepiece.bpe.model")
    )
    for language, (train, heldout) in texts.items():
        text = (train if split == "train" else heldout).read_text(encoding="utf-8")
        paragraphs = [line for line in text.splitlines() if line]
        dataset = data_utils.load_indexed_dataset(str(binarised / language / split))
        assert [pieces.decode([int(i) - 1 for i in ids[:-1]]) for ids in dataset] == paragraphs
        assert all(ids[-1] == 2 for ids in dataset)

        counts = json.loads((binarised / language / "counts.json").read_text())[split]
        assert counts == {
            "paragraphs": len(paragraphs),
            "characters": sum(map(len, paragraphs)),
            "tokens": sum(len(ids) for ids in dataset),
            "unknown": 0,
        }
        # The blocks that fairseq trains on leave none of them out.
        blocks = TokenBlockDataset(dataset, dataset.sizes, 31, pad=1, eos=2, break_mode="none")
        np.testing.assert_array_equal(
            torch.cat([blocks[i] for i in range(len(blocks))]), torch.cat(list(dataset))
        )
        assert max(blocks.sizes) <= 31


def test_an_empty_heldout_text_is_named_and_nothing_is_written(
    texts: dict[str, tuple[Path, Path]], binarised: Path, tmp_path: Path
) -> None:
    (tmp_path / "heldout.txt").write_text("\n")
    files = (binarised.parent / "sentencepiece.bpe.model", binarised / "dict.txt")
    with pytest.raises(UserError, match=r"heldout\.txt"):
        binarise_language("aa", texts["aa"][0], tmp_path / "heldout.txt", *files, tmp_path / "bin")
    assert not (tmp_path / "bin" / "aa").exists()


@pytest.mark.parametrize("cut", [1, 7, 31, 10_000])
def test_cut_paragraphs_keep_every_token_in_order(
    texts: dict[str, tuple[Path, Path]], binarised: Path, tmp_path: Path, cut: int
) -> None:
    files = (binarised.parent / "sentencepiece.bpe.model", binarised / "dict.txt")
    binarise_language("bb", *texts["bb"], *files, tmp_path, cut=cut)
    pieces = data_utils.load_indexed_dataset(str(tmp_path / "bb" / "train"))
    whole = data_utils.load_indexed_dataset(str(binarised / "bb" / "train"))
    assert torch.equal(torch.cat(list(pieces)), torch.cat(list(whole)))
    assert len(pieces) == sum(-(-len(paragraph) // cut) for paragraph in whole)
    assert max(map(len, pieces)) <= cut


# --- training


def test_paragraphs_are_examples_of_their_own_if_they_fit(
    texts: dict[str, tuple[Path, Path]], binarised: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, examples="paragraphs", updates=12, segment=6)
    with pytest.raises(UserError, match="there is a paragraph of"):
        Run(tmp_path / "long", recipe, binarised).train(1)

    files = (binarised.parent / "sentencepiece.bpe.model", binarised / "dict.txt")
    for language in LANGUAGES:
        binarise_language(language, *texts[language], *files, tmp_path / "bin", cut=31)
    two = Run(tmp_path / "two", recipe, tmp_path / "bin")
    two.train(1)
    two.train(2)
    one = Run(tmp_path / "one", dataclasses.replace(recipe, segment=12), tmp_path / "bin")
    one.train(1)
    assert_same(weights(two.segment(2) / "last.pt"), weights(one.segment(1) / "last.pt"))


def test_weights_and_losses_are_those_of_fairseq_train(
    binarised: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fairseq_cli.train
    from fairseq import options

    recipe = dataclasses.replace(DOUBLE, updates=30, segment=30, accumulation=2, clip_norm=1.0)
    ours = Run(tmp_path, recipe, binarised)
    ours.train(1)

    bare = tmp_path / "bare"  # fairseq takes the files beside the folders for languages, too
    shutil.copytree(binarised, bare)
    arguments = f"""{bare}:{bare} --task multilingual_masked_lm --criterion masked_lm --cpu
        --sample-break-mode none --tokens-per-sample 32 --multilang-sampling-alpha 0.3
        --arch roberta --encoder-layers 2 --encoder-embed-dim 16 --encoder-ffn-embed-dim 32
        --encoder-attention-heads 2 --max-positions 40 --dropout 0.1 --attention-dropout 0.1
        --optimizer adam --adam-betas (0.9,0.98) --adam-eps 1e-6 --weight-decay 0.01
        --clip-norm 1.0 --lr-scheduler polynomial_decay --lr 0.01 --warmup-updates 4
        --total-num-update 30 --max-update 30 --batch-size 4 --update-freq 2 --seed 3
        --required-batch-size-multiple 1 --no-epoch-checkpoints --no-progress-bar
        --save-dir {tmp_path / "official"}""".split()
    official = fairseq_cli.train.validate
    losses: list[float] = []

    def validate_languages(*given: Any) -> list[float]:
        losses[:] = official(*given[:-1], [f"valid_{language}" for language in sorted(LANGUAGES)])
        return losses

    monkeypatch.setattr(fairseq_cli.train, "validate", validate_languages)
    monkeypatch.setattr(multilingual_masked_lm, "MaskTokensDataset", MaskTokensDataset)
    parser = options.get_training_parser()
    parsed = options.parse_args_and_arch(parser, arguments)
    fairseq_cli.train.main(convert_namespace_to_omegaconf(parsed))

    theirs = weights(tmp_path / "official" / "checkpoint_last.pt")
    mine = weights(ours.segment(1) / "last.pt")
    # The rest are tensors of fairseq's inference shortcut, which nothing trains.
    unused = re.compile(r"layers\.\d\.(in_proj|out_proj|fc1|fc2)_(weight|bias)$")
    assert_same(mine, {name: theirs[name] for name in theirs if not unused.search(name)})
    rows = [row for row in ours.losses(1) if row["split"] == "valid" and row["step"] == 30]
    assert [row["loss"] for row in rows] == pytest.approx(losses, abs=1e-3)


def test_step_0_is_the_untrained_model_and_fairseq_loads_it(run: Run) -> None:
    with torch.serialization.safe_globals([argparse.Namespace]):
        [loaded], cfg, _ = checkpoint_utils.load_model_ensemble_and_task(
            [str(run.segment(1) / "step-0.pt")]
        )
    utils.set_torch_seed(RECIPE.seed)
    untrained = tasks.setup_task(cfg.task).build_model(cfg.model).state_dict()
    saved = load(run.segment(1) / "step-0.pt")["model"]
    assert_same(saved, {name: untrained[name] for name in saved})
    assert_same(saved, {name: loaded.state_dict()[name] for name in saved})


def test_two_segments_are_one_of_double_length(run: Run, binarised: Path, tmp_path: Path) -> None:
    double = Run(tmp_path, DOUBLE, binarised)
    double.train(1)
    assert_same(weights(run.segment(2) / "last.pt"), weights(double.segment(1) / "last.pt"))
    one, other = double.losses(1), run.losses(1) + run.losses(2)
    valid = [row for row in one if row["split"] == "valid"]
    assert valid == [row for row in other if row["split"] == "valid"]


def test_saved_steps_and_frequent_validation_change_no_weight(
    run: Run, binarised: Path, tmp_path: Path
) -> None:
    recipe = dataclasses.replace(RECIPE, validate_every=1, log_every=1, state_every=1)
    other = Run(tmp_path, recipe, binarised)
    other.train(1, also_save=tuple(range(20)))
    assert_same(weights(run.segment(1) / "last.pt"), weights(other.segment(1) / "last.pt"))


def test_another_seed_gives_another_run(run: Run, binarised: Path, tmp_path: Path) -> None:
    other = Run(tmp_path, dataclasses.replace(RECIPE, seed=4, segment=2, updates=5), binarised)
    other.train(1)
    one, two = (weights(r.segment(1) / "step-0.pt") for r in (run, other))
    assert not torch.equal(*(w["encoder.sentence_encoder.embed_tokens.weight"] for w in (one, two)))


@pytest.mark.parametrize("step", [7, 20, 33, 40])
def test_a_step_listed_later_is_the_one_saved_in_passing(
    run: Run, binarised: Path, tmp_path: Path, step: int
) -> None:
    other = Run(tmp_path, RECIPE, binarised)
    shutil.copytree(run.segment(1), other.segment(1), ignore=shutil.ignore_patterns("step-*"))
    shutil.copytree(run.segment(2), other.segment(2), ignore=shutil.ignore_patterns("step-*"))
    saved = run.segment(RECIPE.segment_of(step)) / f"step-{step}.pt"
    inserted = other.checkpoint(step)
    passed = weights(saved if saved.exists() else run.segment(2) / "last.pt")
    assert_same(weights(inserted), {name: passed[name] for name in weights(inserted)})
    assert not (tmp_path / "work" / f"step-{step}").exists()


def test_a_saved_step_is_linked_and_a_damaged_one_is_trained_again(
    run: Run, binarised: Path, tmp_path: Path
) -> None:
    other = Run(tmp_path, RECIPE, binarised)
    shutil.copytree(run.segment(1), other.segment(1))
    saved = other.segment(1) / "step-7.pt"
    assert other.checkpoint(7).samefile(saved)

    whole = saved.read_bytes()
    other.checkpoint(7).unlink()
    for damaged in (whole[:-100], whole[:30_000] + b"\x55" + whole[30_001:]):
        saved.write_bytes(damaged)
        assert not is_whole(saved)
        assert other.checkpoint(7).read_bytes() == whole


def test_half_precision_goes_on_with_its_full_weights(binarised: Path, tmp_path: Path) -> None:
    half = dataclasses.replace(RECIPE, precision="bf16", updates=12, segment=6)
    two = Run(tmp_path / "two", half, binarised)
    two.train(1)
    two.train(2)
    one = Run(tmp_path / "one", dataclasses.replace(half, segment=12), binarised)
    one.train(1)
    assert_same(weights(two.segment(2) / "last.pt"), weights(one.segment(1) / "last.pt"))


def test_other_languages_in_the_folder_are_left_alone_and_nothing_is_written_there(
    run: Run, binarised: Path, tmp_path: Path
) -> None:
    more = tmp_path / "bin"
    shutil.copytree(binarised, more)
    shutil.copytree(binarised / "aa", more / "dd")
    before = {path: path.stat().st_mtime_ns for path in more.rglob("*")}
    other = Run(tmp_path, RECIPE, more)
    other.train(1)
    assert_same(weights(run.segment(1) / "last.pt"), weights(other.segment(1) / "last.pt"))
    assert {path: path.stat().st_mtime_ns for path in more.rglob("*")} == before


# --- a job that stops and starts again


class Killed(Exception):
    """Stands for a kill; the real one is in end_to_end/test_resume.py."""


def stop_at(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the training after `step`, once."""
    update = Log.update

    def update_or_stop(log: Log) -> None:
        update(log)
        if log.training.step == step:
            monkeypatch.setattr(Log, "update", update)
            raise Killed

    monkeypatch.setattr(Log, "update", update_or_stop)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


@pytest.mark.parametrize(
    ("damaged", "goes_on"), [((), 15), ((15,), 10), ((10, 15), 0)], ids=["none", "newest", "all"]
)
def test_a_stopped_segment_goes_on_from_its_newest_undamaged_state(
    run: Run,
    binarised: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    damaged: tuple[int, ...],
    goes_on: int,
) -> None:
    stopped = Run(tmp_path, RECIPE, binarised)
    stop_at(17, monkeypatch)
    with pytest.raises(Killed):
        stopped.train(1, also_save=(7, 20))
    assert not stopped.segment(1).exists()
    for step in damaged:
        truncate(tmp_path / "work" / "1" / f"state-{step:012}.pt")
    capsys.readouterr()
    stopped.train(1, also_save=(7, 20))

    assert f"from step {goes_on} to 20\n" in capsys.readouterr().out
    assert sorted(stopped.segment(1).iterdir()) == [
        stopped.segment(1) / path.name for path in sorted(run.segment(1).iterdir())
    ]
    for name in ("last.pt", "step-0.pt", "step-7.pt", "step-20.pt"):
        assert_same(weights(run.segment(1) / name), weights(stopped.segment(1) / name))
    assert stopped.losses(1) == run.losses(1)
    assert not (tmp_path / "work" / "1").exists()


@pytest.mark.parametrize("change", ["recipe", "text", "steps"])
def test_a_stopped_segment_starts_over_if_it_was_another_one(
    binarised: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: str,
) -> None:
    shutil.copytree(binarised, tmp_path / "bin")
    stopped = Run(tmp_path, RECIPE, tmp_path / "bin")
    stop_at(12, monkeypatch)
    with pytest.raises(Killed):
        stopped.train(1)
    capsys.readouterr()
    if change == "recipe":
        stopped = dataclasses.replace(stopped, recipe=dataclasses.replace(RECIPE, dropout=0.2))
    elif change == "text":
        (tmp_path / "bin" / "aa" / "train.bin").touch()
    stop_at(6, monkeypatch)  # where a start over gets to, but not going on from step 10
    with pytest.raises(Killed):
        stopped.train(1, also_save=(7,) if change == "steps" else ())
    # Step 7 is not saved yet: go on from the state before it.
    assert f"from step {5 if change == 'steps' else 0} to 20\n" in capsys.readouterr().out


def test_a_segment_is_not_trained_twice_at_once(binarised: Path, tmp_path: Path) -> None:
    work = tmp_path / "work" / "1"
    work.mkdir(parents=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="another process"):
            Run(tmp_path, RECIPE, binarised).train(1)


def test_a_damaged_segment_before_is_named(run: Run, binarised: Path, tmp_path: Path) -> None:
    other = Run(tmp_path, RECIPE, binarised)
    shutil.copytree(run.segment(1), other.segment(1))
    truncate(other.segment(1) / "last.pt")
    with pytest.raises(UserError, match=r"segments/1/last\.pt: missing or damaged"):
        other.train(2)


def test_a_checkpoint_executes_nothing(binarised: Path, tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "sprung",)

    other = Run(tmp_path, RECIPE, binarised)
    other.segment(1).mkdir(parents=True)
    torch.save({"model": Trap()}, other.segment(1) / "last.pt")
    with pytest.raises(pickle.UnpicklingError):
        other.train(2)
    assert not (tmp_path / "sprung").exists()


def test_a_missing_language_is_named(binarised: Path, tmp_path: Path) -> None:
    shutil.copytree(binarised, tmp_path / "bin", ignore=shutil.ignore_patterns("bb"))
    with pytest.raises(UserError, match="bin/bb"):
        Run(tmp_path, RECIPE, tmp_path / "bin").train(1)


def test_a_run_that_diverges_names_the_keys(binarised: Path, tmp_path: Path) -> None:
    wild = dataclasses.replace(RECIPE, learning_rate=1e30, warmup=0)
    with pytest.raises(UserError, match=r"pretraining\.learning_rate"):
        Run(tmp_path, wild, binarised).train(1)


# --- losses


def test_losses_of_all_segments_make_one_table(run: Run, tmp_path: Path) -> None:
    collect_losses(
        [run.segment(1), run.segment(2)], "tiny", tmp_path / "losses.parquet", tmp_path / "l.csv"
    )
    table = pq.read_table(tmp_path / "losses.parquet")
    assert table.column_names == ["run", "step", "split", "language", "loss"]
    rows = table.to_pylist()
    assert [{"run": "tiny", **row} for row in run.losses(1) + run.losses(2)] == rows
    assert [row["step"] for row in rows] == sorted(row["step"] for row in rows)
    trained = [row["step"] for row in rows if row["split"] == "train"]
    assert trained == [*range(3, 19, 3), *range(21, 40, 3)]
    for step in (0, 10, 20, 30, 40):
        languages = [r["language"] for r in rows if r["split"] == "valid" and r["step"] == step]
        assert languages == sorted(LANGUAGES)
    # An untrained model guesses among 82 tokens; a trained one does better.
    assert all(row["loss"] == pytest.approx(np.log2(82), abs=1) for row in rows if not row["step"])
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert len((tmp_path / "l.csv").read_text().splitlines()) == len(rows) + 1
