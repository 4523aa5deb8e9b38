"""Pretraining in segments: fixed ranges of updates, each trained by one job.

Segment n holds the updates after (n-1)·S up to n·S and goes on from the folder of segment n-1:

    last.pt          the whole state after its last update, from which the next segment goes on
    step-{step}.pt   the model after these updates, for the steps listed when it was trained
    losses.parquet   its losses

What a segment computes does not depend on the steps listed. A step that is listed later is trained
again from the segment's start, with the same result, so that no segment is ever trained anew.

A job that is killed leaves its newest states in a work folder, and goes on from there.
"""

import dataclasses
import fcntl
import json
import os
import shutil
import zipfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chronoglot.pretraining.losses import Log, Row, write_losses
from chronoglot.pretraining.recipe import Recipe
from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole, whole_folder

if TYPE_CHECKING:  # fairseq takes seconds to import, and most steps need only a link
    from chronoglot.pretraining.train import Training

KEPT_STATES = 2  # the newest, and one in case it is damaged


def train_segment(
    number: int,
    *,
    recipe: Recipe,
    languages: Sequence[str],
    binarised: Path,
    previous: Path | None,
    folder: Path,
    work: Path,
    also_save: Collection[int] = (),
) -> None:
    """Train segment `number`, counted from 1, and write its `folder`.

    `previous` is the folder of the segment before, None for the first one. Of `also_save`, the
    steps that lie in the segment are saved in passing; the first segment always saves step 0.
    `work` holds what a killed job needs to go on, and is removed at the end. Raises UserError where
    an input is missing or damaged, another job trains the same segment, or the training diverges.
    """
    first, last = recipe.bounds(number)
    steps = {step for step in also_save if first < step <= last} | ({0} if number == 1 else set())
    start = _start(number, previous)
    job = _Job(recipe, languages, binarised, start, last, steps, validate=True, work=work)
    with job.claimed():
        training, rows = job.train()
        with whole_folder(folder) as temporary:
            training.save(temporary / "last.pt", resumable=True)
            for step in steps:
                _link(job.checkpoint(step), temporary / f"step-{step}.pt")
            write_losses(rows, temporary / "losses.parquet")


def checkpoint_at(
    step: int,
    *,
    recipe: Recipe,
    languages: Sequence[str],
    binarised: Path,
    segment: Path,
    previous: Path | None,
    output: Path,
    work: Path,
) -> None:
    """Write the model after `step` updates, taken from its segment or trained again.

    `segment` is the folder of the segment in which the step lies, `previous` the one before. A file
    that was saved in passing is linked, or copied where links are impossible; if there is none, or
    it is damaged, the updates since the segment's start are repeated, to the same bits.
    Raises UserError as `train_segment` does.
    """
    number = recipe.segment_of(step)
    _, last = recipe.bounds(number)
    if is_whole(saved := segment / f"step-{step}.pt"):
        with whole(output) as temporary:
            _link(saved, temporary)
    elif step == last and is_whole(saved := segment / "last.pt"):
        from chronoglot.pretraining.train import drop_optimizer

        drop_optimizer(saved, output)
    else:
        print(f"step {step} was not saved in passing: training it again", flush=True)
        start = _start(number, previous)
        job = _Job(recipe, languages, binarised, start, step, {step}, validate=False, work=work)
        with job.claimed():
            job.train()
            with whole(output) as temporary:
                _link(job.checkpoint(step), temporary)


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint is there and undamaged: it is a zip archive with a checksum a tensor."""
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _start(number: int, previous: Path | None) -> Path | None:
    """The state that segment `number` goes on from; None for the untrained model."""
    if number == 1:
        return None
    if previous is None:
        raise ValueError(f"segment {number} goes on from segment {number - 1}: `previous` is None")
    if not is_whole(state := previous / "last.pt"):
        raise UserError(f"{state}: missing or damaged; remove {previous} and run again")
    return state


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)


@dataclass(frozen=True)
class _Job:
    """Training from a state to a step, in a work folder from which it goes on when restarted."""

    recipe: Recipe
    languages: Sequence[str]
    binarised: Path
    start: Path | None  # the state to go on from; None for the untrained model
    last: int
    steps: Collection[int]  # to be saved as checkpoints
    validate: bool
    work: Path

    def checkpoint(self, step: int) -> Path:
        """Where the model after `step` updates is saved."""
        return self.work / f"step-{step}.pt"

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Have the work folder to oneself; empty if it is of another job; remove it at the end.

        Raises UserError where a job works in it that outlived the workflow that had started it.
        """
        self.work.mkdir(parents=True, exist_ok=True)
        with (self.work / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"{self.work}: another process is training this; wait for it or stop it"
                ) from None
            except OSError:
                pass  # a file system without locks
            identity = self.work / "job.json"
            wanted = self._identity()
            known = identity.is_file() and identity.read_text() == wanted
            for path in self.work.iterdir():
                # Of another job, or cut short: whole files have no name that starts with a dot.
                if path.name != "lock" and (not known or path.name.startswith(".")):
                    path.unlink()
            with whole(identity) as temporary:
                temporary.write_text(wanted)
            yield
            shutil.rmtree(self.work)

    def _identity(self) -> str:
        """All that the job's states depend on; of files, their sizes and times."""
        recipe = dataclasses.asdict(self.recipe)
        del recipe["state_every"]
        files = [path for name in self.languages for path in (self.binarised / name).glob("*")]
        files += [self.binarised / "dict.txt", *([self.start] if self.start else [])]
        stats = [
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(files)
            if path.exists()
        ]
        return json.dumps({"recipe": recipe, "last": self.last, "files": stats}, indent=1)

    def train(self) -> "tuple[Training, list[Row]]":
        """Train until the last step; return the run as it then is, and its losses."""
        from chronoglot.pretraining.train import Training

        training = Training(self.recipe, self.languages, self.binarised)
        state = self._newest_state()
        notes = training.load(start) if (start := state or self.start) else {}
        log = Log(training, self.last, notes if state else {})
        if training.step == 0:
            if 0 in self.steps:
                training.save(self.checkpoint(0), resumable=False)
            if self.validate:
                log.validate()
        for step in training.updates(self.last):
            log.update()
            if step in self.steps:
                training.save(self.checkpoint(step), resumable=False)
            if self.validate and (step % self.recipe.validate_every == 0 or step == self.last):
                log.validate()
            if step % self.recipe.state_every == 0 and step < self.last:
                training.save(self._state(step), resumable=True, notes=log.notes())
                for old in self._states()[KEPT_STATES:]:
                    old.unlink()
        return training, log.rows

    def _state(self, step: int) -> Path:
        return self.work / f"state-{step:012}.pt"

    def _states(self) -> list[Path]:
        """The states in the work folder, the newest first."""
        return sorted(self.work.glob("state-*.pt"), reverse=True)

    def _newest_state(self) -> Path | None:
        """The newest undamaged state before which no wanted checkpoint is missing."""
        for state in self._states():
            passed = [step for step in self.steps if self._state(step).name <= state.name]
            if all(is_whole(path) for path in (state, *map(self.checkpoint, passed))):
                return state
        return None
