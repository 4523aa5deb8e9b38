"""One checkpoint of an experiment, from its file to its rows in the table of scores.

The real workflow runs on one core, so that the parts add up to the whole. What a rule's jobs took
is in Snakemake's benchmark files; what it took beside them is Snakemake's own. Of a job's time, the
start is that of a job that does nothing, and the writing of vectors that of as many bytes written
once more; the rest is work, and the imports of the first job of each kind.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import yaml
from chronoglot.report.timing import read_timings

from bench.benchmark import ROOT, Options
from bench.rows import Row

STEP = 800  # the end of the default experiment's first segment
_STARTS = 5

_PARTS = {
    "encoding": ("encode",),
    "bits per character": ("bits",),
    "alignment": ("align",),
    "probing": ("probe", "transfer"),
    "conversion and tables": ("convert", "verify", "scores"),
}


def run(options: Options, say: Callable[[str], None]) -> list[Row]:
    """A row for the whole and one for each part, in seconds of one checkpoint."""
    settings = _settings(options)
    step = settings["pretraining"]["steps"][-1]
    folder = options.cache / f"whole-{options.scale}-{settings['experiment']}"
    results = folder / "results" / settings["experiment"]
    checkpoint = f"results/{settings['experiment']}/checkpoints/step-{step}/checkpoint.pt"
    if not (folder / checkpoint).exists():
        _snakemake(folder, settings, options.threads, "step_0", checkpoint)
    rounds = []
    for _ in range(options.repeats if options.full else 1):
        with _copy(folder) as copied:
            began = time.time()
            table = f"results/{settings['experiment']}/tables/scores.parquet"
            _snakemake(copied, settings, 1, table)
            rounds.append(_parts(copied / results.relative_to(folder), began, time.time() - began))
    size = f"step {step} of {settings['experiment']}, {len(settings['languages'])} languages"
    return list(_rows(size, rounds))


def _settings(options: Options) -> dict[str, Any]:
    """The experiment with step 0 and one step; at small scale a miniature of it."""
    settings: dict[str, Any] = yaml.safe_load(options.experiment.read_text(encoding="utf-8"))
    for name, folder in settings.get("folders", {}).items():
        settings["folders"][name] = str(ROOT / folder)
    run = settings["pretraining"]
    run["steps"] = [0, min(STEP, run["segment"])]
    if not options.full:
        settings["experiment"] += "-small"
        settings["languages"] = {"qaa": settings["languages"]["qaa"]}
        settings["languages"]["qaa"]["in_vitro"]["words"] = 2000
        settings |= {"tasks": ["bpc", "pos"], "alignment": {}, "tokenizer": {"vocabulary": 120}}
        settings["in_vitro"] |= {"treebank_sentences": {"train": 30, "dev": 10, "test": 10}}
        run |= {"steps": [0, 2], "updates": 20, "segment": 2, "warmup": 1, "layers": 1}
        run |= {"dimension": 16, "feedforward": 32, "heads": 2, "batch": 4}
        run |= {"validate_every": 2, "log_every": 1}
    return settings


def _snakemake(folder: Path, settings: dict[str, Any], cores: int, *targets: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "experiment.yaml"
    path.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "workflow/Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(path), "--cores", str(cores)]
    done = subprocess.run(
        [*command, *targets],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"snakemake failed:\n{done.stdout[-4000:]}")


@contextmanager
def _copy(folder: Path) -> Iterator[Path]:
    """The prepared run once more, to be finished and removed."""
    copied = folder.with_name(f"{folder.name}-run")
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(folder, copied)
    try:
        yield copied
    finally:
        shutil.rmtree(copied)


def _parts(results: Path, began: float, total: float) -> dict[str, float]:
    """Seconds of each part, from the benchmark files written since `began`."""
    files = [path for path in results.glob("benchmarks/**/*.tsv") if path.stat().st_mtime > began]
    jobs = {timing.rule: timing for timing in read_timings(files)}
    counted = {rule for rules in _PARTS.values() for rule in rules} & jobs.keys()
    start = _start()
    starts = {rule: min(start, jobs[rule].seconds / jobs[rule].jobs) for rule in counted}
    parts = {
        part: sum(jobs[r].seconds - jobs[r].jobs * starts[r] for r in rules if r in jobs)
        for part, rules in _PARTS.items()
    }
    writing = min(_writing(results), parts["encoding"])
    parts["encoding"] -= writing
    return parts | {
        "writing vectors": writing,
        "other jobs": sum(jobs[rule].seconds for rule in jobs.keys() - counted),
        "start-up of jobs": sum(jobs[rule].jobs * start for rule, start in starts.items()),
        "Snakemake": total - sum(timing.seconds for timing in jobs.values()),
        "the whole": total,
        "jobs": sum(timing.jobs for timing in jobs.values()),
    }


def _start() -> float:
    """Median seconds of a job that does nothing, once what it imports has been imported."""
    environment = {"PYTHONPATH": str(ROOT / "workflow"), "OMP_NUM_THREADS": "1"}
    code = f"from bench.whole import idle; idle({_STARTS})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    return median(map(float, done.stdout.split()))


def idle(number: int) -> None:
    """Print the seconds of so many jobs that do nothing, with a shared start of their own."""
    from chronoglot.runtime.shared_start import server

    server.start()
    os.environ |= server.ONE_THREAD
    command = [sys.executable, "-m", "chronoglot", "probe", "--help"]
    for turn in range(number + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        if turn:  # the first has the server import
            print(time.perf_counter() - began)


def _writing(results: Path) -> float:
    """Seconds to write vectors of as many rows, layers and dimensions as the jobs did."""
    import json

    import pyarrow.parquet as pq

    model = next(results.glob("checkpoints/step-*/model/config.json"))
    config = json.loads(model.read_text(encoding="utf-8"))
    tables = [*results.glob("data/words/*.parquet"), *results.glob("data/pairs/*.parquet")]
    seconds = 0.0
    for table in tables:
        shape = pq.read_metadata(table).num_rows, config["hidden_size"]
        vectors = np.ones(shape, dtype=np.float32)
        for _ in range(config["num_hidden_layers"] + 1):
            began = time.perf_counter()
            np.save(results / "again.npy", vectors)
            seconds += time.perf_counter() - began
    return seconds


def _rows(size: str, rounds: list[dict[str, float]]) -> Iterator[Row]:
    whole = median(parts["the whole"] for parts in rounds)
    for part in ("the whole", *(name for name in rounds[0] if name not in ("the whole", "jobs"))):
        wall = median(parts[part] for parts in rounds)
        facts = {"share, %": 100 * wall / whole}
        if part == "the whole":
            facts |= {"jobs": rounds[0]["jobs"]}
        if part == "other jobs" and not wall:
            continue
        yield Row(
            benchmark="whole",
            case="one checkpoint",
            size=size,
            competitor=part,
            unit="checkpoints",
            per=1,
            repeats=len(rounds),
            amount=1,
            wall=wall,
            walls=[round(parts[part], 3) for parts in rounds],
            facts=facts,
        )
