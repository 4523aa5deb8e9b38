"""Benchmarks at their small scale: competitors do the same work, and results reach the page."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from competitors import absent, broken, told
from PIL import Image

from bench import (
    alignment,
    bits,
    encoding,
    neurox,
    page,
    pretraining,
    probing,
    products,
    whole,
    xnli,
)
from bench.benchmark import ROOT, Absent, Case, Competitor, Options, Outcome, Run
from bench.figure import draw
from bench.measure import measure
from bench.rows import Row, append, read
from bench.table import markdown, number

MACHINE = {
    "date": "2026-01-01T00:00:00+00:00",
    "commit": "0123456789ab",
    "processor": "P",
    "cores": 2,
    "memory_gb": 8,
    "gpu": None,
    "blas": "openblas 1 P",
    "versions": {"torch": "2"},
    "scale": "full",
    "threads": 1,
    "device": "cpu",
    "precision": "fp32",
    "data": "in vitro",
    "experiment": "config",
}
ROW = Row("encoding", "words", "10 words", "Chronoglot", "words", None, 1, 10, 2.0)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> Options:
    return Options(repeats=1, cache=tmp_path_factory.mktemp("bench"))


def outcomes(case: Case, runs: int = 1) -> dict[Callable[..., Run], Outcome]:
    """What each competitor's last run did, by its function; NeuroX only where it is installed."""
    done = {}
    for competitor in case.competitors:
        arguments: dict[str, Any] = dict(competitor.arguments)
        if "installed" in arguments:
            arguments["installed"] = neurox.folder(Options())
        try:
            run = competitor.prepare(**arguments)
        except Absent:
            continue
        done[competitor.prepare] = [run() for _ in range(runs)][-1]
    return done


def test_encoding_competitors_write_equal_vectors(options: Options) -> None:
    (case,) = encoding.cases(options)
    done = outcomes(case)
    expected = done[encoding.ours].result()
    assert len(expected) == 3
    for run, outcome in done.items():
        assert outcome.amount == len(expected[0])
        if run is not encoding.bare:
            np.testing.assert_allclose(outcome.result(), expected, atol=1e-5)
            assert outcome.facts()["MB written"] >= np.asarray(expected).nbytes / 1e6
    assert done[encoding.bare].result().shape[1] == expected[0].shape[1]


def test_probes_are_as_good_as_those_of_scikit_learn(options: Options) -> None:
    for case in probing.cases(options):
        # The one with one λ: its entry is the last of its function's.
        chosen = [each for each in case.competitors if "three" not in each.name]
        done = {run: outcome.facts() for run, outcome in outcomes(_with(case, chosen)).items()}
        own, other = done[probing.ours], done[probing.scikit_learn]
        assert own["λ"] == other["λ"]
        assert own["with penalty"] == pytest.approx(other["with penalty"], rel=1e-3)
        assert own["test accuracy, %"] == pytest.approx(other["test accuracy, %"], abs=1)
        if probing.with_neurox in done:
            loops = done[probing.adam]["training loss"], done[probing.with_neurox]["training loss"]
            assert loops[0] == pytest.approx(loops[1], rel=0.1)


def _with(case: Case, competitors: list[Competitor]) -> Case:
    return Case(case.name, case.size, case.unit, competitors, case.per)


def test_probing_vectors_are_correlated_and_read_by_a_linear_probe(options: Options) -> None:
    case = probing.cases(options)[0]
    folder = case.competitors[0].arguments["folder"]
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(np.load(folder / "layer-1.npy").T))
    assert eigenvalues[-1] > 10 * eigenvalues[len(eigenvalues) // 2]
    data = probing.Data(folder, "pos")
    share = np.bincount(data.labels("train")) / len(data.labels("train"))
    accuracy = outcomes(_with(case, [case.competitors[0]]))[probing.ours].facts()
    assert 100 * share.max() + 20 < accuracy["test accuracy, %"] < 97


def test_bits_per_character_are_those_of_a_loop_over_the_folds(options: Options) -> None:
    (case,) = bits.cases(options)
    done = {run: outcome.result() for run, outcome in outcomes(case).items()}
    assert done[bits.ours] == pytest.approx(done[bits.by_fold], rel=1e-5)
    assert done[bits.ours] == pytest.approx(done[bits.by_token], rel=0.2)


def test_alignment_is_that_of_simalign(options: Options) -> None:
    (case,) = alignment.cases(options)
    done = {run: outcome.result() for run, outcome in outcomes(case).items()}
    assert done[alignment.ours] == pytest.approx(done[alignment.with_simalign])


def test_pair_vectors_are_those_of_a_loop_over_the_pairs(options: Options) -> None:
    (case,) = xnli.cases(options)
    done = {run: outcome.result() for run, outcome in outcomes(case).items()}
    np.testing.assert_allclose(done[xnli.ours], done[xnli.one_by_one], atol=1e-5)


def test_the_bare_loop_has_the_losses_of_fairseq(options: Options) -> None:
    for case in pretraining.cases(options):
        own, *others = case.competitors
        done = outcomes(_with(case, [own]), runs=2)[pretraining.ours]
        for competitor in others:
            other = outcomes(_with(case, [competitor]), runs=2)[pretraining.bare]
            assert done.amount == other.amount
            assert done.result() == pytest.approx(other.result(), rel=1e-4)


def test_products_are_the_same_whoever_multiplies(options: Options) -> None:
    for case in products.cases(options):
        done = [outcomes(_with(case, [each])).popitem()[1] for each in case.competitors]
        np.testing.assert_allclose(done[0].result(), done[1].result(), atol=1e-3)
        assert done[0].amount == done[1].amount


def test_competitors_take_turns_and_those_that_fail_are_left_out(tmp_path: Path) -> None:
    file = tmp_path / "log"
    competitors = [
        Competitor("first", told, {"file": file, "name": "a"}),
        Competitor("not there", absent),
        Competitor("second", told, {"file": file, "name": "b", "megabytes": 200, "seconds": 0.2}),
        Competitor("broken", broken),
        Competitor("slow", told, {"file": file, "name": "c"}, once=True),
    ]
    said: list[str] = []
    case = Case("turns", "some", "things", competitors, per=10)
    rows = measure("test", case, Options(repeats=2), said.append)
    assert file.read_text() == "ab" * 3 + "c"  # the first of each is to warm up
    assert [(row.competitor, row.repeats) for row in rows] == [
        ("first", 2),
        ("second", 2),
        ("slow", 1),
    ]
    assert len(said) == 2
    assert "not installed" in said[0]
    assert "of no use" in said[1]
    first, second, _ = rows
    assert second.wall >= 0.2
    assert second.cpu is not None
    assert second.cpu < second.wall
    assert second.memory is not None
    assert first.memory is not None
    assert second.memory > first.memory + 150
    assert first.ratio == 1
    assert second.ratio is not None
    assert second.ratio > 1
    assert second.facts == {"held": 200.0}


def test_rows_are_kept_and_the_newest_are_shown(tmp_path: Path) -> None:
    results, document = tmp_path / "docs" / "r.jsonl", tmp_path / "page.md"
    small = ROW.at(MACHINE | {"scale": "small"})
    append([small], results)
    document.write_text("Before\n<!-- bench: encoding -->\n<!-- /bench -->\nAfter\n")
    page.render(results, document)
    assert "small scale" in document.read_text()

    old = ROW.at(MACHINE)
    new = Row(**vars(old) | {"wall": 5.0}).at(MACHINE | {"date": "2026-02-02T00:00:00+00:00"})
    gpu = new.at(new.where | {"device": "cuda", "gpu": "G"})
    append([old, new, gpu], results)
    assert read(results) == [small, old, new, gpu]
    page.render(results, document)
    text = document.read_text()
    page.render(results, document)
    assert document.read_text() == text
    assert text.startswith("Before\n<!--")
    assert text.endswith("-->\nAfter\n")
    assert "small scale" not in text
    assert text.count("| Chronoglot | 2 |") == 2  # 10 words in 5 s, on the processor and the GPU
    assert "2026-01-01" not in text


def test_each_experiment_has_its_own_table_of_the_whole() -> None:
    row = Row(**vars(ROW) | {"benchmark": "whole"}).at(MACHINE)
    other = row.at(MACHINE | {"experiment": "real-small", "date": "2026-02-02T00:00:00+00:00"})
    assert page.tables([row, other], "whole").count("| Chronoglot |") == 2
    assert page.tables([row, other, other], "encoding") == "\nNot measured yet.\n\n"


def test_ratios_are_drawn_where_others_were_measured(tmp_path: Path) -> None:
    first = replace(ROW, ratio=1.0)
    faster = replace(ROW, competitor="faster", ratio=0.5)
    slower = replace(ROW, competitor="slower", ratio=20.0)
    alone = replace(first, case="four times the words")
    draw([alone, ROW], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
    sizes = []
    for rows in ([first, slower], [first, faster, slower], [alone, first, faster, slower]):
        draw(rows, tmp_path / "figures" / "drawn.png")
        with Image.open(tmp_path / "figures" / "drawn.png") as image:
            sizes.append(image.size[1])
            assert len(image.convert("RGB").getcolors(1 << 20) or []) > 10
    assert sizes[0] < sizes[1] == sizes[2]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["drawn.png"]


def test_numbers_have_as_many_digits_as_they_are_worth() -> None:
    assert [number(x) for x in (None, 0, 12_345.6, 123.4, 1.2345, 0.012345, 1.2e-6)] == [
        *("", "0", "12,346", "123", "1.23", "0.0123", "1.20e-06")
    ]


def test_a_table_has_a_column_for_each_number_there_is() -> None:
    other = Row(**vars(ROW) | {"competitor": "other", "ratio": 2.0, "facts": {"loss": 0.5}})
    table = markdown([ROW, other])
    assert "| words / s | times as long | loss |" in table
    assert "| Chronoglot | 5 |  |  |" in table
    assert "| other | 5 | 2 | 0.5 |" in table


@pytest.mark.slow
def test_a_run_from_the_command_line(tmp_path: Path) -> None:
    document, results = tmp_path / "page.md", tmp_path / "r.jsonl"
    document.write_text((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "bench", "xnli", "pretraining", "--repeats", "1"]
    command += ["--cache", str(tmp_path / "cache"), "--results", str(results)]
    environment = os.environ | {"PYTHONPATH": f"workflow{os.pathsep}."}
    subprocess.run([*command, "--document", str(document)], check=True, cwd=ROOT, env=environment)
    rows = read(results)
    assert {row.benchmark for row in rows} == {"xnli", "pretraining"}
    assert {row.competitor for row in rows if row.benchmark == "xnli"} == {
        "Chronoglot",
        "transformers, one pair a pass",
    }
    assert all(row.where["cores"] and row.where["versions"]["torch"] for row in rows)
    text = document.read_text(encoding="utf-8")
    assert "| transformers, one pair a pass |" in text
    assert "Not measured yet." in text  # the others


@pytest.mark.slow
def test_the_parts_of_a_checkpoint_add_up_to_the_whole(options: Options) -> None:
    rows = whole.run(options, print)
    total, *parts = rows
    assert total.competitor == "the whole"
    assert {"encoding", "probing", "Snakemake", "start-up of jobs", "writing vectors"} <= {
        row.competitor for row in parts
    }
    assert sum(row.wall for row in parts) == pytest.approx(total.wall)
    assert total.facts["jobs"] >= 5
