"""Checkpoints of fairseq at URLs: fetched once, converted, removed; what stays is enough."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import IN_VITRO, Workflow
from loopback import Cut, loopback
from tiny_model import write_tokenizer
from tiny_run import save_fairseq

pytestmark = pytest.mark.slow

STEPS, LAYERS = [5, 9], 2


def settings(pattern: str, steps: list[int]) -> dict[str, Any]:
    return {
        "experiment": "urls",
        "languages": {"qaa": {"in_vitro": IN_VITRO}},
        "in_vitro": {"treebank_sentences": {"train": 60, "dev": 20, "test": 30}},
        "tasks": ["bpc", "pos"],
        "checkpoints": {
            "layers": LAYERS,
            "fairseq": {
                "files": pattern,
                "steps": steps,
                "tokenizer": "sentencepiece.bpe.model",
                "dictionary": "dict.txt",
            },
        },
        "probing": {"regularisation": [0.01]},
        "analysis": {"permutations": 99},
    }


def test_a_run_at_urls(fresh: Workflow, tmp_path: Path) -> None:
    _, dictionary, _ = write_tokenizer(fresh.folder)
    saved = tmp_path / "saved"
    results = fresh.folder / "results/urls"
    with loopback() as server:
        for step in STEPS:
            content = save_fairseq(saved / f"{step}.pt", dictionary, step, LAYERS).read_bytes()
            url = server.serve(f"run/checkpoint_{step}.pt", content)
        server.files["run/checkpoint_9.pt"].faults.append(Cut(len(content) // 2))
        pattern = url.replace("_9.pt", "_{step}.pt")
        proof = "results/urls/checkpoints/step-9/conversion.json"
        outcome = fresh.snakemake(settings(pattern, STEPS), "--cores", "2", "--", "tables", proof)
        assert outcome.code == 0, outcome.text[-6000:]
        asked = [(one.path, one.range is not None) for one in server.asked]
    assert sorted(asked) == [
        ("run/checkpoint_5.pt", False),
        ("run/checkpoint_9.pt", False),
        ("run/checkpoint_9.pt", True),  # gone on with where it was cut
    ]
    scores = pd.read_csv(results / "tables/scores.csv")
    assert sorted(set(scores["step"])) == [0, *STEPS]
    assert not list(results.glob("checkpoints/step-*/checkpoint.pt*"))
    assert (fresh.folder / proof).is_file()
    # The server is gone, and nobody asks for it: nothing is to be done, and a step more is one.
    assert not fresh.plan(settings(pattern, STEPS), "--", "tables", proof)
    more = fresh.plan(settings(pattern, [*STEPS, 12]), "--", "tables")
    assert more["take_checkpoint"] == more["convert"] == more["bits"] == 1
    assert more["probe"] == LAYERS + 1
