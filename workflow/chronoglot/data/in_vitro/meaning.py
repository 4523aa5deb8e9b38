"""Abstract sentences: what is said, before any language orders or marks it.

A node's identity matters, not its value: two words of different languages are linked if they
express the same part of the same node. Hence `eq=False`, and no node is used twice in a sentence.
"""

from dataclasses import dataclass
from typing import Literal

from chronoglot.data.in_vitro.world import Concept

Tense = Literal["present", "past", "future"]


@dataclass(frozen=True, slots=True, eq=False)
class NounPhrase:
    """A noun, name or pronoun with its dependents.

    `noun` may also be the relative pronoun, whose `plural` is then that of its antecedent.
    """

    noun: Concept
    plural: bool = False
    determiner: Concept | None = None
    numeral: Concept | None = None
    adjective: Concept | None = None
    degree: Concept | None = None
    possessor: "NounPhrase | None" = None
    adjunct: "Adjunct | None" = None
    relative: "Clause | None" = None
    conjunction: Concept | None = None
    conjunct: "NounPhrase | None" = None


@dataclass(frozen=True, slots=True, eq=False)
class Adjunct:
    """An adposition and its complement: an oblique of a verb or a modifier of a noun."""

    adposition: Concept
    complement: NounPhrase


@dataclass(frozen=True, slots=True, eq=False)
class Clause:
    """A verb with its arguments and modifiers; `content` is what a clausal verb reports."""

    verb: Concept
    subject: NounPhrase
    object: NounPhrase | None = None
    recipient: NounPhrase | None = None
    content: "Clause | None" = None
    adjunct: Adjunct | None = None
    manner: Concept | None = None
    tense: Tense = "present"
    modal: Concept | None = None
    negated: bool = False
    subordinator: Concept | None = None
    subordinate: "Clause | None" = None
    conjunction: Concept | None = None
    conjunct: "Clause | None" = None


def most_words(node: Clause | NounPhrase | None) -> int:
    """Words that a language uses at most for a clause or noun phrase, case words included.

    Punctuation is counted but for the final stop.
    """
    if node is None:
        return 0
    if isinstance(node, NounPhrase):
        parts = (node.determiner, node.numeral, node.adjective, node.degree, node.conjunction)
        count = 1 + node.plural + sum(part is not None for part in parts)
        count += most_words(node.relative) + most_words(node.conjunct)
        if node.possessor:
            count += 1 + most_words(node.possessor)
        if node.adjunct:
            count += 1 + most_words(node.adjunct.complement)
        return count
    several = node.subject.plural or node.subject.conjunct is not None
    count = 1 + several + (node.tense != "present") + node.negated
    count += sum(part is not None for part in (node.manner, node.modal, node.subordinator))
    count += most_words(node.subject) + most_words(node.subordinate)
    for marked in (node.object, node.recipient):
        if marked:
            count += 1 + (marked.conjunct is not None) + most_words(marked)
    if node.content:
        count += 1 + most_words(node.content)
    if node.adjunct:
        count += 1 + most_words(node.adjunct.complement)
    if node.conjunct:
        count += 2 + most_words(node.conjunct)  # conjunction and comma
    return count


def fewest_words(node: Clause) -> int:
    """A lower bound on the words for a simple clause: those that every language writes."""
    parts = (node.object, node.recipient, node.adjunct, node.manner, node.modal, node.content)
    return (
        2
        + sum(part is not None for part in parts)
        + node.negated
        + (node.subject.determiner is not None)
        + (node.subject.adjective is not None)
        + (node.conjunct is not None)
        + (node.subordinate is not None)
    )
