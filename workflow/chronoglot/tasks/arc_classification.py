"""The universal relation of a gold dependency arc."""

from chronoglot.tables.words import Words
from chronoglot.tasks.base import Examples, ProbingTask, arc_inputs, gold_arcs


def examples(words: Words, split: str, seed: int) -> Examples:
    """The split's gold arcs with their relations; nothing is drawn.

    The root is left out: its head is no word and has no vector.
    """
    modifier, head = gold_arcs(words, split)
    return Examples(item=modifier, other=head, label=words.deprel[modifier])


TASK = ProbingTask("arc_classification", "words", examples, arc_inputs)
