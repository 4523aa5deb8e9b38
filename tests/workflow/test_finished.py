"""A finished run of the real workflow: what it left, and what a change of it runs again."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from conftest import MINIATURE, Workflow

pytestmark = pytest.mark.slow

LAYERS, STEPS = 3, 3
LANGUAGES = ("qaa", "qab")
WORDS = ("pos", "arc_prediction", "arc_classification")
PROBED = (*WORDS, "xnli")
ONE_CHECKPOINT = {
    "encode": 2 * len(LANGUAGES),
    "probe": len(PROBED) * len(LANGUAGES) * LAYERS,
    "transfer": len(PROBED) * len(LANGUAGES) * LAYERS,
    "bits": len(LANGUAGES),
    "align": 1,
}
COLLECTING = {
    "verify",
    "scores",
    "summary",
    "movement",
    "across",
    "properties",
    "correlates",
    "links",
    "list_licences",
    "losses",
}
COLLECTING |= {"check_data", "check_text", "tables", "figure", "report", "all", "check_conversion"}


def _times(count: int, jobs: dict[str, int]) -> dict[str, int]:
    return {rule: count * number for rule, number in jobs.items()}


def _work(jobs: dict[str, int]) -> dict[str, int]:
    """The jobs that compute; collecting what there is, and drawing it, is left out."""
    return {rule: count for rule, count in jobs.items() if rule not in COLLECTING}


def _table(workflow: Workflow, name: str) -> pd.DataFrame:
    return pd.read_csv(workflow.folder / f"results/miniature/tables/{name}.csv")


def test_every_tuple_has_its_row(finished: Workflow) -> None:
    scores = _table(finished, "scores")
    assert not scores.duplicated(["step", "layer", "task", "source", "target"]).any()
    counted = scores.groupby("task").size().to_dict()
    probed = STEPS * LAYERS * len(LANGUAGES) ** 2  # in-language and across
    assert counted == dict.fromkeys(PROBED, probed) | {
        "bpc": STEPS * len(LANGUAGES),
        "alignment": STEPS * LAYERS,
    }


def test_every_probe_has_its_predictions(finished: Workflow) -> None:
    results = finished.folder / "results/miniature"
    scores = _table(finished, "scores")
    own = (scores["source"] == scores["target"]) & scores["task"].isin(PROBED)
    for row in scores[own & (scores["step"] == 8)].itertuples():
        tuple_ = f"probes/step-8/layer-{int(row.layer)}/{row.target}/{row.task}.parquet"
        predictions = pd.read_parquet(results / tuple_)
        assert len(predictions) == row.test_items
        right = predictions["gold"].astype(str) == predictions["predicted"].astype(str)
        assert right.mean() == pytest.approx(row.score)


def test_baseline_is_the_untrained_model(finished: Workflow) -> None:
    scores = _table(finished, "scores").fillna({"layer": -1})
    series = ["layer", "task", "source", "target"]
    untrained = scores[scores["step"] == 0].set_index(series)["score"]
    for row in scores.itertuples():
        assert row.step0 == untrained[row.layer, row.task, row.source, row.target]


def test_every_table_is_made(finished: Workflow) -> None:
    pair, codes = {("qaa", "qab"), ("qab", "qaa")}, set(LANGUAGES)
    asymmetry = _table(finished, "asymmetry")
    assert set(zip(asymmetry["a"], asymmetry["b"], strict=True)) == {("qaa", "qab")}
    sources = _table(finished, "best_sources")
    assert set(zip(sources["source"], sources["target"], strict=True)) == pair
    assert set(_table(finished, "languages")["language"]) == codes
    assert set(_table(finished, "movement")["task"]) == {*PROBED, "alignment"}
    pairs = _table(finished, "language_pairs").set_index(["source", "target"])
    # The two differ in order and script, of seven parameters; script is no syntax.
    assert pairs.loc[("qaa", "qab"), "syntactic"] == pytest.approx(1 / 6)
    assert pairs.loc[("qaa", "qab"), "same_script"] == 0
    assert "spearman" in _table(finished, "correlates")


def test_alignment_is_tabled_with_all_its_numbers(finished: Workflow) -> None:
    links, scores = _table(finished, "links"), _table(finished, "scores")
    assert len(links) == STEPS * LAYERS * 2
    key = ["step", "layer", "source", "target"]
    scored = scores[scores["task"] == "alignment"].astype({"layer": int}).set_index(key)["score"]
    chosen = links[links["method"] == "argmax"].set_index(key)
    pd.testing.assert_series_equal(
        chosen["f1"].sort_index(), scored.sort_index(), check_names=False
    )
    # In vitro every link is sure, so that the error rate is what F1 lacks.
    assert (links["sure_links"] == links["possible_links"]).all()
    assert (links["f1"] + links["aer"]).to_numpy() == pytest.approx(1)


def test_snakemake_s_own_report_shows_figures_by_task_and_tables(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    outcome = finished.snakemake(miniature, "--report", str(page))
    assert outcome.code == 0, outcome.text[-4000:]
    text = page.read_text("utf-8")
    for category in ("All tasks", "Part of speech", "Tables"):
        assert f'"{category}"' in text
    for name in ("scores.csv", "summary.csv", "curves.png", "layers_pos.png"):
        assert name in text
    assert "Scores over pretraining, task by task" in text  # a caption
    assert text.count("A table of the experiment") >= 8


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
    tables = sorted((finished.folder / "results/miniature/tables").glob("*.csv"))
    assert len(tables) == 10
    for table in tables:
        name = table.relative_to(finished.folder)
        assert (fresh.folder / name).read_bytes() == table.read_bytes(), table.name


def test_nothing_is_left_to_do(finished: Workflow, miniature: dict[str, Any]) -> None:
    assert finished.plan(miniature) == {}


def test_step_appended(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["steps"] = [0, 4, 8, 12]
    assert _work(finished.plan(miniature)) == {
        "segment": 1,
        "checkpoint": 1,
        "convert": 1,
        **ONE_CHECKPOINT,
    }


def test_step_inserted(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["steps"] = [0, 4, 6, 8]
    assert _work(finished.plan(miniature)) == {"checkpoint": 1, "convert": 1, **ONE_CHECKPOINT}


def test_step_removed(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["steps"] = [0, 8]
    assert _work(finished.plan(miniature)) == {}


def test_layer_removed(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["probing"]["layers"] = [0, 2]
    assert _work(finished.plan(miniature)) == {}


def test_layer_added(finished: Workflow, miniature: dict[str, Any], tmp_path: Path) -> None:
    """Its tuples alone, on vectors of this layer alone."""
    copied = _copied(finished, tmp_path)
    results = copied.folder / "results/miniature"
    for folder in [*results.glob("probes/*/layer-1"), *results.glob("transfer/*/layer-1")]:
        shutil.rmtree(folder)
    shutil.rmtree(results / "tables")
    tuples = len(PROBED) * len(LANGUAGES) * STEPS
    encoded = {"encode": 2 * len(LANGUAGES) * STEPS, "probe": tuples, "transfer": tuples}
    assert _work(copied.plan(miniature, "--", "tables")) == encoded
    miniature["probing"]["layers"] = [0, 1]  # in place of layer 2
    assert _work(copied.plan(miniature, "--", "tables")) == encoded


def test_layers_in_batches(finished: Workflow, miniature: dict[str, Any]) -> None:
    """The files are the same, so that no probe is trained again."""
    miniature["probing"]["layers_per_job"] = "all"
    planned = _work(finished.plan(miniature))
    assert planned.keys() == {"encode", "transfer_0_2"}


def test_learning_rate_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["pretraining"]["learning_rate"] = 5e-4
    assert _work(finished.plan(miniature)) == {
        "segment": 2,
        "checkpoint": STEPS,
        "convert": STEPS,
        **_times(STEPS, ONE_CHECKPOINT),
    }


def test_regularisation_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    """All probes again, on vectors that were removed and must be made again; no training."""
    miniature["probing"]["regularisation"] = [0.1, 0.01]
    again = {rule: ONE_CHECKPOINT[rule] for rule in ("encode", "probe", "transfer")}
    assert _work(finished.plan(miniature)) == _times(STEPS, again)


def test_pooling_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    """What reads vectors of words, though it takes them as they are, runs again; pairs stay."""
    miniature["encoding"] = {"pooling": "first"}
    words = len(LANGUAGES) * len(WORDS) * LAYERS
    again = {"encode": len(LANGUAGES), "probe": words, "transfer": words, "align": 1}
    assert _work(finished.plan(miniature)) == _times(STEPS, again)


def test_task_left_out(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["tasks"] = ["pos"]
    assert _work(finished.plan(miniature)) == {}


def test_task_added(finished: Workflow, miniature: dict[str, Any], tmp_path: Path) -> None:
    """Its own probes, on vectors that are made again; those of other tasks stay."""
    copied = _copied(finished, tmp_path)
    results = copied.folder / "results/miniature"
    for path in [*results.glob("probes/*/*/*/pos.*"), *results.glob("transfer/*/*/*/pos.json")]:
        path.unlink()
    shutil.rmtree(results / "tables")
    each = len(LANGUAGES) * STEPS
    planned = copied.plan(miniature, "--", "tables")
    assert _work(planned) == {"encode": each, "probe": each * LAYERS, "transfer": each * LAYERS}


def _copied(finished: Workflow, folder: Path) -> Workflow:
    copied = Workflow(folder / "copy")
    shutil.copytree(finished.folder, copied.folder, symlinks=True)
    return copied


def test_target_added(finished: Workflow, miniature: dict[str, Any], tmp_path: Path) -> None:
    """A language of a treebank alone: others' probes are scored on it, and none is trained."""
    copied = _copied(finished, tmp_path)
    treebank = copied.folder / "ud/UD_German-GSD"
    treebank.mkdir(parents=True)
    for part in ("train", "dev", "test"):
        (treebank / f"de_gsd-ud-{part}.conllu").touch()
    miniature["folders"] = {"treebanks": "ud"}
    miniature["languages"]["de"] = {"treebank": {"name": "UD_German-GSD"}}
    miniature["transfer"] = {"sources": list(LANGUAGES)}
    tasks = [f"results/miniature/transfer/step-8/layer-1/de/{task}.json" for task in WORDS]
    assert _work(copied.plan(miniature, "--", *tasks)) == {
        "words": 1,
        "encode": 1,
        "transfer": len(WORDS),
    }
    scored = len(WORDS) * STEPS * LAYERS
    own = {"words": 1, "encode": STEPS, "probe": scored, "transfer": scored}
    assert _work(copied.plan(miniature)) == own


def test_source_added(finished: Workflow, miniature: dict[str, Any], tmp_path: Path) -> None:
    """Its own probes are trained, and scored on all others; nobody else's is trained again."""
    copied = _copied(finished, tmp_path)
    results = copied.folder / "results/miniature"
    for path in results.glob("probes/*/*/qab/*"):
        path.unlink()
    shutil.rmtree(results / "tables")
    assert _work(copied.plan(miniature, "--", "tables")) == {
        "encode": len(LANGUAGES) * 2 * STEPS,
        "probe": len(PROBED) * STEPS * LAYERS,
        "transfer": len(PROBED) * STEPS * LAYERS,
    }


def test_treebank_of_one_language_changed(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    """Its results, its row and its column: without a probe of any other language."""
    copied = _copied(finished, tmp_path)
    for treebank in (copied.folder / "results/miniature/data/in_vitro/qaa").glob("*.conllu"):
        treebank.write_text(treebank.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    outcome = copied.snakemake(miniature, "--dry-run", "--", "qaa")
    assert outcome.code == 0, outcome.text
    assert _work(outcome.jobs) == {
        "words": 1,
        "encode": len(LANGUAGES) * STEPS,  # those of qab for transfer alone
        "probe": len(WORDS) * STEPS * LAYERS,
        "transfer": len(LANGUAGES) * len(WORDS) * STEPS * LAYERS,
        "qaa": 1,
    }
    probed = re.findall(r": probe \w+ of (\w+) at step", outcome.text)
    assert len(probed) == len(WORDS) * STEPS * LAYERS
    assert set(probed) == {"qaa"}


def test_learned_share_changed(finished: Workflow, miniature: dict[str, Any]) -> None:
    miniature["analysis"]["learned_share"] = 0.9
    jobs = finished.plan(miniature)
    assert _work(jobs) == {}
    assert jobs["summary"] == 1
    assert "scores" not in jobs


def test_deleted_score_is_made_again_alone(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    copied = _copied(finished, tmp_path)
    name = "results/miniature/probes/step-8/layer-1/qab/pos.json"
    (copied.folder / name).unlink()
    assert _work(copied.plan(miniature, name)) == {"encode": 1, "probe": 1}


def test_checkpoints_with_the_same_weights_stop_the_tables(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    copied = _copied(finished, tmp_path)
    checkpoints = copied.folder / "results/miniature/checkpoints"
    assert json.loads((checkpoints / "verdict.json").read_text())["findings"] == []
    shutil.copy(checkpoints / "step-4/digest.json", checkpoints / "step-8/digest.json")
    outcome = copied.snakemake(miniature, "--cores", "1", "--", "tables")
    assert outcome.code != 0
    assert re.search(r"identical:4:8 +all \d+ tensors", outcome.text), outcome.text
    assert "Traceback" not in outcome.text
    miniature["checkpoints"] = {"accept": ["identical:4:8"]}
    verdict = "results/miniature/checkpoints/verdict.json"
    outcome = copied.snakemake(miniature, "--cores", "1", "--", verdict)
    assert outcome.code == 0, outcome.text


def test_inserted_step_is_run_and_touches_no_other(
    finished: Workflow, miniature: dict[str, Any], tmp_path: Path
) -> None:
    copied = _copied(finished, tmp_path)
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
