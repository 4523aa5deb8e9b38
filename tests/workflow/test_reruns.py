"""What a change of the experiment runs again: planned on a finished run of the real workflow."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from conftest import MINIATURE, Workflow

pytestmark = pytest.mark.slow

LAYERS, TASKS, LANGUAGES = 3, 3, 2
ONE_CHECKPOINT = LAYERS * TASKS * LANGUAGES
COLLECTING = {"scores", "summary", "figure", "report", "all", "losses", "check_conversion"}


def _work(jobs: dict[str, int]) -> dict[str, int]:
    """The jobs that compute; collecting what there is, and drawing it, is left out."""
    return {rule: count for rule, count in jobs.items() if rule not in COLLECTING}


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
    (copied.folder / "results/miniature/probes/step-8/layer-1/qab/pos.json").unlink()
    assert _work(copied.plan(miniature)) == {"encode": 1, "probe": 1}


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
