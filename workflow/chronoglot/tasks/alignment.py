"""Word alignment by similarity of word vectors, without training."""

from chronoglot.tasks.base import Task

TASK = Task("alignment", "parallel")
