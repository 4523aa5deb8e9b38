"""A finished run of the real workflow: what it left, and what a change of it runs again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import MINIATURE, Workflow

pytestmark = pytest.mark.slow

LAYERS, TASKS, LANGUAGES = 3, 3, 2
ONE_CHECKPOINT = LAYERS * TASKS * LANGUAGES
COLLECTING = {"scores", "summary", "figure", "report", "all", "losses", "check_conversion"}


def _work(jobs: dict[str, int]) -> dict[str, int]:
    """The jobs that compute; collecting what there is, and drawing it, is left out."""
    return {rule: count for rule, count in jobs.items() if rule not in COLLECTING}


def test_every_tuple_has_its_row_and_its_predictions(finished: Workflow) -> None:
    results = finished.folder / "results/miniature"
    scores = pd.read_csv(results / "tables/scores.csv")
    assert len(scores) == 3 * ONE_CHECKPOINT
    assert not scores.duplicated(["step", "layer", "task", "source", "target"]).any()
    for row in scores[scores["step"] == 8].itertuples():
        tuple_ = f"probes/step-8/layer-{row.layer}/{row.target}/{row.task}.parquet"
        predictions = pd.read_parquet(results / tuple_)
        assert len(predictions) == row.test_items
        right = predictions["gold"].astype(str) == predictions["predicted"].astype(str)
        assert right.mean() == pytest.approx(row.score)


def test_baseline_is_the_untrained_model(finished: Workflow) -> None:
    scores = pd.read_csv(finished.folder / "results/miniature/tables/scores.csv")
    series = ["layer", "task", "target"]
    untrained = scores[scores["step"] == 0].set_index(series)["score"]
    for row in scores.itertuples():
        assert row.step0 == untrained[row.layer, row.task, row.target]


def test_parallel_sentences_have_links_within_them(finished: Workflow) -> None:
    parallel = finished.folder / "results/miniature/data/parallel/qaa-qab"
    sentences = (parallel / "sentences.txt").read_text(encoding="utf-8").splitlines()
    gold = (parallel / "gold.txt").read_text().splitlines()
    assert len(sentences) == len(gold) == MINIATURE["in_vitro"]["parallel"]
    for pair, links in zip(sentences, gold, strict=True):
        source, target = (side.split() for side in pair.split(" ||| "))
        for link in links.split():
            i, j = map(int, link.split("-"))
            assert i < len(source)
            assert j < len(target)


def test_vectors_are_removed_and_nothing_is_half_written(finished: Workflow) -> None:
    results = finished.folder / "results/miniature"
    assert not list(results.glob("vectors/**/*.npy"))
    assert not [path for path in results.rglob(".*") if path.name != ".snakemake_timestamp"]
    assert not list(results.glob("pretraining/work/*"))


def test_converted_model_is_fairseqs(finished: Workflow) -> None:
    path = finished.folder / "results/miniature/checkpoints/step-8/conversion.json"
    compared = json.loads(path.read_text())
    assert len(compared["layers"]) == LAYERS
    assert max(compared["layers"]) < 1e-4
    assert compared["ids_equal"]
    assert compared["sentences"] > 0


def test_report_tells_of_everything(finished: Workflow) -> None:
    page = (finished.folder / "results/miniature/report.html").read_text(encoding="utf-8")
    for expected in ("Qaa", "Qab", "arc classification", "fairseq", "learning_rate", "encode"):
        assert expected.lower() in page.lower()
    assert str(finished.folder) not in page


def test_a_second_run_makes_the_same_tables(finished: Workflow, fresh: Workflow) -> None:
    outcome = fresh.snakemake(MINIATURE, "--cores", "2", "tables")
    assert outcome.code == 0, outcome.text[-8000:]
    for table in ("scores", "summary", "losses"):
        name = f"results/miniature/tables/{table}.csv"
        assert (fresh.folder / name).read_bytes() == (finished.folder / name).read_bytes()


def test_nothing_is_left_to_do(finished: Workflow, miniature: dict[str, Any]) -> None:
    assert finished.plan(miniature) == {}


def test_step_appended(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["steps"] = [0, 4, 8, 12]
    assert _work(finished.plan(miniature)) == {
        "segment": 1,
        "checkpoint": 1,
        "convert": 1,
        "encode": LANGUAGES,
        "probe": ONE_CHECKPOINT,
    }


def test_step_inserted(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["steps"] = [0, 4, 6, 8]
    assert _work(finished.plan(miniature)) == {
        "checkpoint": 1,
        "convert": 1,
        "encode": LANGUAGES,
        "probe": ONE_CHECKPOINT,
    }


def test_step_removed(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["steps"] = [0, 8]
    assert _work(finished.plan(miniature)) == {}


def test_learning_rate_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["learning_rate"] = 5e-4
    assert _work(finished.plan(miniature)) == {
        "segment": 2,
        "checkpoint": 3,
        "convert": 3,
        "encode": 3 * LANGUAGES,
        "probe": 3 * ONE_CHECKPOINT,
    }


def test_regularisation_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    """All probes again, on vectors that were removed and must be made again; no training."""
    miniature["probing"]["regularisation"] = [0.1, 0.01]
    assert _work(finished.plan(miniature)) == {"encode": 3 * LANGUAGES, "probe": 3 * ONE_CHECKPOINT}


def test_task_left_out(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["probing"]["tasks"] = ["pos"]
    assert _work(finished.plan(miniature)) == {}


def test_learned_share_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["analysis"] = {"learned_share": 0.9}
    jobs = finished.plan(miniature)
    assert _work(jobs) == {}
    assert jobs["summary"] == 1
    assert "scores" not in jobs


def test_treebank_of_one_language_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    """The other language keeps its probes; the text is as before, so nothing is trained."""
    miniature["data"] = {"max_train_words": 300}
    jobs = finished.plan(miniature, "results/miniature/probes/step-8/layer-2/qaa/pos.json")
    assert _work(jobs) == {"words": 1, "encode": 2, "probe": 2}


def test_deleted_score_is_made_again_alone(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    copied = Workflow(tmp_path / "copy")
    shutil.copytree(finished.folder, copied.folder, symlinks=True)
    name = "results/miniature/probes/step-8/layer-1/qab/pos.json"
    (copied.folder / name).unlink()
    assert _work(copied.plan(miniature, name)) == {"encode": 1, "probe": 1}


def test_inserted_step_is_run_and_touches_no_other(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    copied = Workflow(tmp_path / "copy")
    shutil.copytree(finished.folder, copied.folder, symlinks=True)
    results = copied.folder / "results/miniature"
    before = {path: path.stat().st_mtime_ns for path in results.glob("*/step-*/**/*")}
    miniature["pretraining"]["steps"] = [0, 4, 6, 8]
    outcome = copied.snakemake(miniature, "--cores", "2")
    assert outcome.code == 0, outcome.text[-8000:]
    assert {path: path.stat().st_mtime_ns for path in before if path.is_file()} == {
        path: time for path, time in before.items() if path.is_file()
    }
    scores = json.loads((results / "probes/step-6/layer-2/qaa/pos.json").read_text())
    assert scores["step"] == 6
    assert MINIATURE["pretraining"]["steps"] == [0, 4, 8]
