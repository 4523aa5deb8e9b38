"""The experiments that come with the project, planned in full where what the user brings is there.

The counts of jobs are worked out here from the settings as they are written.
"""

from typing import Any

import pytest
import yaml
from chronoglot.data.fetch.alignments import CONVERTERS
from conftest import ROOT, Workflow

pytestmark = pytest.mark.slow

FOLDER = ROOT / "workflow/experiments"
EXTERNAL = ("xlmr-replica", "paper")
ARCHIVES = ("treebanks", "xnli", "xnli_train")


def read(name: str) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return config


def with_key(config: dict[str, Any], key: str) -> list[str]:
    """Languages that have a text or a treebank."""
    return [code for code, language in config["languages"].items() if key in language]


def local_gold(config: dict[str, Any]) -> list[str]:
    """Gold alignments that are not fetched."""
    return [name for name in config["alignment"]["gold"].values() if name not in CONVERTERS]


def bring(workflow: Workflow, config: dict[str, Any]) -> None:
    """Stand-ins for what is not fetched. Nothing but their names is looked at in a dry run."""
    files = [
        f"data/alignments/{name}/{file}.txt"
        for name in local_gold(config)
        for file in ("sentences", "gold")
    ]
    for code in with_key(config, "text"):
        text = config["languages"][code]["text"]
        files += [f"data/text/{name}" for name in text.get("files", [])]
    if "downloads" not in config:
        for code in with_key(config, "treebank"):
            name = config["languages"][code]["treebank"]["name"]
            files += [f"data/ud/{name}/x-ud-{part}.conllu" for part in ("train", "dev", "test")]
        files += [f"data/xnli/XNLI-1.0/xnli.{split}.tsv" for split in ("dev", "test")]
        trained = "data/xnli/XNLI-MT-1.0/multinli/multinli.train.{}.tsv"
        files += [trained.format(code) for code in config["xnli"]["languages"]]
    if fairseq := config.get("checkpoints", {}).get("fairseq"):
        files += [fairseq["files"].replace("{step}", str(step)) for step in fairseq["steps"]]
    for file in files:
        path = workflow.folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x80" if path.suffix == ".pt" else b"")


def expected(config: dict[str, Any]) -> dict[str, int]:
    """Jobs of an experiment that takes its checkpoints and fetches its data from elsewhere."""
    published = config["checkpoints"]["fairseq"]["steps"]
    steps = len({0, *published})
    texts, treebanks = with_key(config, "text"), with_key(config, "treebank")
    word_tasks = [task for task in config["tasks"] if task.startswith(("pos", "arc_"))]
    pairs = config["xnli"]["languages"] if "xnli" in config["tasks"] else []
    gold = config["alignment"]["gold"]
    chosen = config.get("transfer", {}).get("targets") or list(config["languages"])
    across = len(word_tasks) * len(set(chosen) & set(treebanks)) + len(set(chosen) & set(pairs))
    fetched_gold = len(gold) - len(local_gold(config))
    return {
        # texts, the tokenizer, and archives: of the treebanks, of gold alignments, of pairs
        "fetch": len(texts) + 1 + 1 + fetched_gold + (2 if pairs else 0),
        "treebanks": 1,
        "gold": fetched_gold,
        **({"unpack": len(pairs) + 2, "pairs": len(pairs)} if pairs else {}),
        "text": len(texts),
        "words": len(treebanks),
        "parallel": len(gold),
        "take_checkpoint": len(published),
        "convert": len(published),
        "untrained": 1,
        "encode": steps * (len(treebanks) + len(pairs)),
        "bits": steps * len(texts),
        "align": steps * len(gold),
        "probe_0_12": steps * (len(word_tasks) * len(treebanks) + len(pairs)),
        "transfer_0_12": steps * across,
        "report": 1,
    }


@pytest.mark.parametrize("name", EXTERNAL)
def test_a_study_of_the_replica_is_planned_in_full(fresh: Workflow, name: str) -> None:
    """paper.yaml has 15,000 jobs with 900,000 inputs: its plan takes minutes and 2 GB."""
    config = read(name)
    bring(fresh, config)
    outcome = fresh.snakemake(FOLDER / f"{name}.yaml", "--dry-run", "--quiet", "rules")
    assert outcome.code == 0, outcome.text[-4000:]
    counts = expected(config)
    assert {rule: outcome.jobs.get(rule) for rule in counts} == counts
    fetched = f"{counts['fetch']} files of data are fetched into data/downloads\n"
    assert outcome.text.count(fetched) == 1


def test_the_paper_is_at_the_scale_of_the_study() -> None:
    counts = expected(read("paper"))
    steps = 40
    assert counts["bits"] == steps * 94
    assert counts["words"] == 44
    assert counts["align"] == steps * 6
    assert counts["transfer_0_12"] == steps * (3 * 18 + 15)  # of as many sources, in one job


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_every_language_of_an_experiment_is_a_target(fresh: Workflow, name: str) -> None:
    """Some codes are words of Python: `as`, `is`, `or`; `no` is one of YAML."""
    config = read(name)
    bring(fresh, config)
    if "checkpoints" in config:
        step = config["checkpoints"]["fairseq"]["steps"][0]
        config["checkpoints"]["fairseq"]["steps"] = [step]
        steps = 2
    else:
        steps = len(config["pretraining"]["steps"])
    config["probing"] = {"layers": [0]}
    jobs = fresh.plan(config, *config["languages"], "--quiet", "rules")
    assert jobs["bits"] == steps * len(with_key(config, "text"))
    assert jobs["words"] == len(with_key(config, "treebank"))
    assert all(jobs[code] == 1 for code in config["languages"])
    assert len(jobs) > len(config["languages"])
