"""What the workflow needs otherwise of Snakemake, and what it asks of it beyond what is documented.

Vectors are removed after use, and made again when something new reads them: a new target of
transfer, a new task. By its documentation an `ancient` input has no effect on which jobs run; but
Snakemake 9.27 keeps to that only for files that exist, so that whoever has read the vectors before
would run again with whoever reads them now.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from chronoglot.runtime.changes.versions import is_checked


def ignore_missing_ancient_inputs() -> Callable[[], None]:
    """Have Snakemake take an `ancient` input for a file that exists, as old as can be, in planning.

    A job that runs for another reason still has the file made first: that is decided by the output
    of the job that makes it, which is not marked.

    Returns what undoes it once all is planned: a job that is to start must see what is not there.
    """
    if not is_checked("snakemake"):
        return lambda: None
    from snakemake.io import Mtime, _IOFile

    was_there, was_changed = _IOFile.exists, _IOFile.mtime_uncached

    async def exists(self: _IOFile) -> bool:
        return self.is_ancient or await was_there(self)

    async def mtime_uncached(self: _IOFile, skip_storage: bool = False) -> Mtime:
        if self.is_ancient and not await was_there(self):
            return Mtime(local=0.0)
        return await was_changed(self, skip_storage=skip_storage)

    def heed() -> None:
        _IOFile.exists, _IOFile.mtime_uncached = was_there, was_changed

    _IOFile.exists, _IOFile.mtime_uncached = exists, mtime_uncached
    return heed


def pass_over_ancient_inputs() -> None:
    """Have Snakemake not run a job again because its set of `ancient` inputs is another.

    A job that takes several layers reads the vectors of each, and makes the same files as jobs that
    take one. What was recorded before may name ancient inputs of the job, too.
    """
    if not is_checked("snakemake"):
        return
    from snakemake.persistence import PersistenceBase

    all_inputs = PersistenceBase._input

    def ancient(job: Any) -> set[str]:
        return {str(file) for file in job.input if file.is_ancient}

    def inputs(self: PersistenceBase, job: Any) -> list[str]:
        passed_over = ancient(job)
        return [file for file in all_inputs(self, job) if file not in passed_over]

    def input_changed(self: PersistenceBase, job: Any, file: Any = None) -> bool:
        if (self.record_format_version(file) or 0) < 4:
            return False
        recorded = self.input(file)
        if recorded is None:
            return False
        now = inputs(self, job)
        return recorded != now and sorted(set(recorded) - ancient(job)) != now

    PersistenceBase._input, PersistenceBase._input_changed = inputs, input_changed


def lift_default_rate_limit(workflow: Any) -> None:
    """Have the scheduler of a workflow that is about to run set no timer for each job.

    Each time that its limit of jobs a second is on, as it is by default, it sets one that wakes it
    a second later: one more for every job done, and after some hundred jobs it takes a core of its
    own. A limit that was asked for stays.
    """
    if not is_checked("snakemake"):
        return
    limiter = workflow.scheduler.job_rate_limiter
    if limiter and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None


def _say_where_it_stands(record: logging.LogRecord) -> bool:
    if getattr(record, "rule_msg", "") is None:
        record.rule_msg = "what the job said stands below, and in its log"
    return True


def fill_empty_messages() -> None:
    """Have `message: None` no longer stand first of all that is said of a job that failed."""
    logging.getLogger("snakemake.logging").addFilter(_say_where_it_stands)


def measure_long_jobs_alone(seconds: float = 5.0) -> None:
    """Have `benchmark` files tell of memory and processor time of jobs that take longer than this.

    Snakemake measures them as a job starts, and half a second later, over all processes of the
    machine: of a small job that takes as long as its start. The time is told of all jobs.
    """
    if not is_checked("snakemake"):
        return
    from snakemake.benchmark import DaemonTimer, ScheduledPeriodicTimer

    def start(self: ScheduledPeriodicTimer) -> None:
        with self._lock:
            self._stopped = False
            self._timer = DaemonTimer(seconds, self._action)
            self._timer.start()
        self.bench_record.process_gone = True  # else it warns of a job that ends before

    ScheduledPeriodicTimer.start = start


def planned_outputs(workflow: Any) -> set[Path]:
    """The files that will be made, of a workflow that is about to run; none if it does not tell."""
    with suppress(AttributeError):
        return {Path(file) for job in workflow.dag.needrun_jobs() for file in job.output}
    return set()


def is_local(workflow: Any) -> bool:
    """Whether the jobs run on this machine; not if the workflow does not tell."""
    return bool(getattr(workflow, "local_exec", False))
