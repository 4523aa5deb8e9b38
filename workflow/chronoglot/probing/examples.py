"""The examples that a task's probes are trained and scored on, or why there are none."""

from collections.abc import Sequence
from pathlib import Path

from chronoglot.runtime.errors import UserError
from chronoglot.tables.sentence_pairs import Pairs
from chronoglot.tables.words import Words
from chronoglot.tasks.base import Examples, ProbingTask


def make_examples(
    task: ProbingTask,
    items: Words | Pairs,
    splits: Sequence[str],
    *,
    seed: int,
    language: str,
    table: Path,
) -> dict[str, Examples]:
    """A task's examples of some splits of `items`, which were read from `table`.

    Raises UserError if a split has none, or if train, where it is one of the splits, has one class
    only.
    """
    where = f"language {language}, task {task.name}"
    parts = {split: task.examples(items, split, seed) for split in splits}
    for split, examples in parts.items():
        if not len(examples):
            raise UserError(
                f"{where}: the {split} split of {table} has no examples; "
                f"give the language data with {', '.join(splits)}, or leave it out of the task"
            )
    if "train" in parts and len(set(labels := parts["train"].label)) < 2:
        raise UserError(
            f"{where}: every example of the train split of {table} is {labels[0]!r}; "
            "a probe needs two classes"
        )
    return parts
