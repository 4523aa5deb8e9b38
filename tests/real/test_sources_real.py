"""Checkpoints of fairseq, of a hub and of a folder, each to the tables on two real treebanks."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
import yaml
from chronoglot.tables.words import read_words
from loopback_hub import loopback_hub
from tiny_run import save_checkpoint, train_tokenizer

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
LAYERS, WORDS = 2, 3000
LANGUAGES = {
    "en": {"name": "UD_English-EWT", "split": "sentence", "parts": ["dev", "test"]},
    "hi": {"name": "UD_Hindi-PUD", "split": "document"},
}


@pytest.fixture(scope="module")
def text(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with text of each language: that of its treebank, a sentence a paragraph."""
    folder = tmp_path_factory.mktemp("text")
    for code, treebank in LANGUAGES.items():
        (path,) = (real_data / "ud" / str(treebank["name"])).glob("*-ud-test.conllu")
        lines = [
            line.removeprefix("# text = ")
            for line in path.read_text("utf-8").splitlines()
            if line.startswith("# text = ")
        ]
        (folder / f"{code}.txt").write_text("\n\n".join(lines[:500]) + "\n", encoding="utf-8")
    return folder


def lines_of(text: Path) -> list[str]:
    return [
        line for code in LANGUAGES for line in (text / f"{code}.txt").read_text("utf-8").split("\n")
    ]


@pytest.fixture
def measure(real_data: Path, text: Path, tmp_path: Path) -> Any:
    """Runs the workflow on checkpoints of some settings; the table of scores."""

    def run(checkpoints: dict[str, Any], tasks: list[str], **environment: str) -> pd.DataFrame:
        settings = {
            "experiment": "real",
            "tasks": tasks,
            "checkpoints": checkpoints,
            "folders": {"treebanks": str(real_data / "ud"), "text": str(text)},
            "data": {"max_train_words": WORDS, "max_bpc_characters": 3000},
            "probing": {"regularisation": [0.001]},
            "analysis": {"permutations": 99},
            "languages": {
                code: {"treebank": treebank, "text": {"files": [f"{code}.txt"]}}
                for code, treebank in LANGUAGES.items()
            },
        }
        (tmp_path / "real.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "workflow/Snakefile"),
        ]
        command += ["--directory", str(tmp_path), "--cores", "all", "tables"]
        command += ["--configfile", str(tmp_path / "real.yaml")]
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-6000:]
        return pd.read_csv(tmp_path / "results/real/tables/scores.csv")

    return run


def check(scores: pd.DataFrame, results: Path, steps: list[int], *, bpc: bool) -> None:
    """Every tuple is there, of every word of the test parts, and says something."""
    pos = scores[scores["task"] == "pos"]
    assert len(pos) == len(steps) * (LAYERS + 1) * len(LANGUAGES) ** 2
    assert sorted(set(scores["step"])) == steps
    for code in LANGUAGES:
        table = read_words(results / f"data/words/{code}.parquet")
        assert set(pos.loc[pos["target"] == code, "test_items"]) == {(table.split == "test").sum()}
        assert WORDS * 0.9 < (table.split == "train").sum() <= WORDS
    own = pos[(pos["source"] == pos["target"]) & (pos["layer"] == 0)]
    assert (own["score"] > own["majority"] + 0.05).all()  # words are what the vectors are of
    assert len(scores[scores["task"] == "bpc"]) == (len(steps) * len(LANGUAGES) if bpc else 0)
    if bpc:
        bits = scores[scores["task"] == "bpc"].pivot(index="step", columns="target", values="score")
        assert (bits.loc[steps[-1]] < 0.95 * bits.loc[0]).all(), bits  # it has learned something
    verdict = json.loads((results / "checkpoints/verdict.json").read_text())
    assert not verdict["findings"]


@pytest.fixture(scope="module")
def fairseq_run(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of fairseq's own trainer, with the names that it gives its checkpoints."""
    from chronoglot.pretraining.binarise import binarise_language
    from chronoglot.pretraining.tokenizer import train_tokenizer as train_sentencepiece

    folder = tmp_path_factory.mktemp("fairseq")
    tokenizer = folder / "sentencepiece.bpe.model", folder / "dict.txt"
    files = {code: text / f"{code}.txt" for code in LANGUAGES}
    train_sentencepiece(
        files,
        *tokenizer,
        vocabulary=800,
        alpha=1.0,
        seed=0,
        sentences=None,
        character_coverage=0.9995,
    )
    for code, path in files.items():
        binarise_language(code, path, path, *tokenizer, folder / "bin")
    run = (
        "from chronoglot.pretraining.fairseq_dataclasses import allow; allow();"
        "from fairseq_cli.train import cli_main; cli_main()"
    )
    options = (
        f"{folder / 'bin'} --task multilingual_masked_lm --criterion masked_lm --arch roberta_base"
        f" --encoder-layers {LAYERS} --encoder-embed-dim 32 --encoder-ffn-embed-dim 64"
        " --encoder-attention-heads 2 --max-positions 64 --tokens-per-sample 64 --batch-size 8"
        " --sample-break-mode complete --optimizer adam --lr 0.01 --max-update 40 --cpu"
        f" --num-workers 0 --disable-validation --save-interval-updates 20 --save-dir {folder}"
    )
    subprocess.run(
        [sys.executable, "-c", run, *options.split()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    return folder


def test_checkpoints_of_fairseq(measure: Any, fairseq_run: Path, tmp_path: Path) -> None:
    files = {
        "files": f"{fairseq_run}/checkpoint_*_{{step}}.pt",
        "tokenizer": str(fairseq_run / "sentencepiece.bpe.model"),
        "dictionary": str(fairseq_run / "dict.txt"),
    }
    scores = measure({"layers": LAYERS, "fairseq": files}, ["pos", "bpc"])
    check(scores, tmp_path / "results/real", [0, 20, 40], bpc=True)


@pytest.fixture
def hub(text: Path, tmp_path: Path) -> Iterator[str]:
    """A hub with the revisions of a decoder."""
    tokenizer = train_tokenizer(tmp_path / "tokenizer", "gpt_neox", lines_of(text))
    with loopback_hub("someone/model") as server:
        for step in (0, 512):
            saved = save_checkpoint(tmp_path / "saved", "gpt_neox", tokenizer, step, LAYERS)
            server.revisions[f"step{step}"] = {
                path.name: path.read_bytes() for path in saved.iterdir()
            }
        yield server.url


def test_revisions_of_a_hub(measure: Any, hub: str, tmp_path: Path) -> None:
    revisions = {"repository": "someone/model", "steps": [0, 512], "endpoint": hub}
    home = str(tmp_path / "cache")
    scores = measure({"layers": LAYERS, "hub": revisions}, ["pos"], HF_HOME=home, HF_HUB_OFFLINE="")
    check(scores, tmp_path / "results/real", [0, 512], bpc=False)


@pytest.fixture
def trained(text: Path, tmp_path: Path) -> Path:
    """A folder of checkpoints of a BERT that fills in what is masked, trained a little."""
    from transformers import BertForMaskedLM, PreTrainedTokenizerFast

    lines = [line for line in lines_of(text) if line]
    tokenizer = train_tokenizer(tmp_path / "tokenizer", "bert", lines)
    start = save_checkpoint(tmp_path / "start", "bert", tokenizer, 0, LAYERS)
    tokens = PreTrainedTokenizerFast.from_pretrained(str(tokenizer))
    model = BertForMaskedLM.from_pretrained(start)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    torch.manual_seed(0)
    for step in range(1, 41):
        batch = [lines[int(n)] for n in torch.randint(len(lines), (16,))]
        read = tokens(batch, return_tensors="pt", padding=True, truncation=True, max_length=64)
        hidden = (torch.rand(read["input_ids"].shape) < 0.15) & read["attention_mask"].bool()
        labels = read["input_ids"].masked_fill(~hidden, -100)
        read["input_ids"] = read["input_ids"].masked_fill(hidden, tokens.mask_token_id)
        model(**read, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if step % 20 == 0:
            model.save_pretrained(tmp_path / f"run/checkpoint-{step}")
            tokens.save_pretrained(tmp_path / f"run/checkpoint-{step}")
    return tmp_path / "run"


def test_a_folder_of_checkpoints(measure: Any, trained: Path, tmp_path: Path) -> None:
    scores = measure({"folder": {"path": str(trained)}}, ["pos", "bpc"])
    check(scores, tmp_path / "results/real", [0, 20, 40], bpc=True)
