"""What is changed in Snakemake is still changed, still needed, and left out in other versions."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from chronoglot.runtime.changes import snakemake as changes
from chronoglot.runtime.changes import versions
from snakemake.io import _IOFile

# Vectors that are removed after use, and whoever reads them; so many timers, in the end.
SNAKEFILE = """
import threading

import chronoglot.runtime.changes.snakemake as changes

TIMERS = []


class Counted(threading.Timer):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        TIMERS.append(self)


threading.Timer = Counted
changed = config.get("changed")
if changed:
    heed = changes.ignore_missing_ancient_inputs()
    changes.pass_over_ancient_inputs()


onstart:
    if changed:
        heed()
        changes.lift_default_rate_limit(workflow)
        changes.measure_long_jobs_alone(config["seconds"])


onsuccess:
    print(f"timers: {len(TIMERS)}")


rule all:
    input: [f"probe-{n}" for n in range(config["readers"])]


rule encode:
    output: temp("vectors"), temp("more")
    shell: "touch {output}"


rule probe:
    input: ancient(["vectors", "more"][:config.get("vectors", 1)])
    output: "probe-{n}"
    benchmark: "benchmark-{n}.tsv"
    shell: "test -e {input} && sleep {config[sleep]} && touch {output}"
"""


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., str]:
    (tmp_path / "Snakefile").write_text(SNAKEFILE)

    def run(readers: int, changed: bool, *options: str, **settings: float) -> str:
        values = {"readers": readers, "vectors": 1, "seconds": 5, "sleep": 0} | settings
        config = [f"{name}={value}" for name, value in values.items()]
        config += ["changed=1"] if changed else []
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", "--cores", "1", *options, "--config", *config],
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_a_new_reader_of_vectors_has_no_other_run_again(run: Callable[..., str]) -> None:
    run(1, True)
    assert "output: probe-0" in run(2, False, "--dry-run"), "no change is needed any more"
    planned = run(2, True)
    assert "output: probe-1" in planned
    assert "output: probe-0" not in planned


def test_a_job_that_reads_more_vectors_is_the_same_job(run: Callable[..., str]) -> None:
    run(1, True)
    planned = run(1, True, "--dry-run", vectors=2)
    assert "Nothing to be done" in planned


def test_what_was_recorded_with_its_vectors_is_still_good(run: Callable[..., str]) -> None:
    run(1, False)
    assert "Set of input files has changed" in run(1, False, "--dry-run", vectors=2), (
        "no change is needed any more"
    )
    assert "Nothing to be done" in run(1, True, "--dry-run")


def test_no_timer_is_set_for_each_job(run: Callable[..., str]) -> None:
    assert "timers: 0\n" not in run(3, False), "no change is needed any more"
    assert "timers: 0\n" in run(3, True, "--forceall")


def test_memory_is_measured_of_long_jobs_alone(run: Callable[..., str], tmp_path: Path) -> None:
    def measured() -> dict[str, str]:
        header, values = (tmp_path / "benchmark-0.tsv").read_text().splitlines()
        return dict(zip(header.split("\t"), values.split("\t"), strict=True))

    run(1, False, "--forceall", sleep=0.2)
    assert float(measured()["max_rss"]) > 0, "no change is needed any more"
    said = run(1, True, "--forceall", sleep=0.2)
    assert measured()["max_rss"] == "NA" and float(measured()["s"]) >= 0.2
    assert "unable to collect" not in said
    run(1, True, "--forceall", sleep=1.5, seconds=0.1)
    assert float(measured()["max_rss"]) > 0


@pytest.mark.parametrize(("jobs", "seconds"), [(100, 2), (5, 1)])
def test_a_limit_that_was_asked_for_stays(jobs: int, seconds: int) -> None:
    limiter = SimpleNamespace(max_jobs=jobs, timespan=seconds)
    workflow = SimpleNamespace(scheduler=SimpleNamespace(job_rate_limiter=limiter))
    changes.lift_default_rate_limit(workflow)
    assert workflow.scheduler.job_rate_limiter is limiter


def test_another_version_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(versions.CHECKED, "snakemake", "9.27.0")
    before = _IOFile.exists, _IOFile.mtime_uncached
    heed = changes.ignore_missing_ancient_inputs()
    assert (_IOFile.exists, _IOFile.mtime_uncached) == before
    heed()
    changes.lift_default_rate_limit(object())  # nothing is looked for


def test_a_workflow_that_does_not_tell_is_no_error() -> None:
    assert changes.planned_outputs(object()) == set()
    assert not changes.is_local(object())
