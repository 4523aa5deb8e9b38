"""What a probing job reads: a table of words or of sentence pairs, and vectors of its rows."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from chronoglot.runtime.errors import UserError
from chronoglot.tables.sentence_pairs import Pairs, read_pairs
from chronoglot.tables.words import Words, read_words
from chronoglot.tasks import load_task
from chronoglot.tasks.base import ProbingTask

_AGAIN = "delete it and run again"


def load_probing_task(name: str) -> ProbingTask:
    """The task of that name; raises UserError if it is none that a probe reads."""
    task = load_task(name)
    if not isinstance(task, ProbingTask):
        raise UserError(f"task {name}: it is measured without a probe")
    return task


def read_items(task: ProbingTask, path: Path) -> Words | Pairs:
    """The table that the task's examples are made from."""
    return read_words(path) if task.data == "words" else read_pairs(path)


def read_vectors(path: Path, rows: int) -> NDArray[np.float32]:
    """Map a layer's vectors, [rows, dimension], into memory; raises UserError if damaged."""
    try:
        vectors = np.load(path, mmap_mode="r")
        size = vectors.offset + vectors.nbytes
    except (ValueError, EOFError, OSError, AttributeError) as error:
        raise UserError(f"{path}: damaged or truncated vectors ({error}); {_AGAIN}") from error
    if size != path.stat().st_size or vectors.dtype != np.float32 or vectors.ndim != 2:
        raise UserError(f"{path}: damaged vectors, not a whole table of float32; {_AGAIN}")
    if len(vectors) != rows:
        raise UserError(
            f"{path}: {len(vectors)} vectors for {rows} rows: it was made from another table; "
            f"{_AGAIN}"
        )
    if not np.isfinite(vectors.sum(dtype=np.float64)):
        raise UserError(
            f"{path}: some vectors are not finite: the file is damaged ({_AGAIN}), "
            "or the pretraining diverged (lower its learning rate)"
        )
    return vectors
