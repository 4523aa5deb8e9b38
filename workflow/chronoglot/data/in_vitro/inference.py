"""Sentence pairs whose label follows from what they say.

A fact is an event: a named person does something to some object, perhaps to one with a property,
in a manner, or in a place. Names are unique, everything else is existential, a negation denies
that there is any such event, and both sentences speak of the same time. Hence

- a fact with a modifier entails the fact without it, and denying the latter denies the former;
- facts that differ in the person, the deed or the object are independent of each other.

Every hypothesis comes with three premises, one for each label, so that it says nothing about the
label; and since premises and hypotheses are denied equally often under every label, neither do
negations alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from chronoglot.data.in_vitro.dice import Dice
from chronoglot.data.in_vitro.meaning import Adjunct, Clause, NounPhrase, Tense
from chronoglot.data.in_vitro.world import AND, COMPLEMENTS, Concept, World
from chronoglot.tables.values import LABELS

_MODIFIERS = ("adjective", "manner", "adjunct")


@dataclass(frozen=True, slots=True)
class Fact:
    """An event; `adjunct` is an adposition and a noun."""

    agent: Concept
    verb: Concept
    object: Concept
    adjective: Concept | None = None
    manner: Concept | None = None
    adjunct: tuple[Concept, Concept] | None = None

    def without(self, modifier: str) -> "Fact":
        """The fact without one of its modifiers."""
        return replace(self, **{modifier: None})  # type: ignore[arg-type]


class Literal(NamedTuple):
    """A fact that is asserted or denied."""

    fact: Fact
    holds: bool


@dataclass(frozen=True)
class Pair:
    """What two sentences say; a premise of two literals asserts both."""

    premise: tuple[Literal, ...]
    hypothesis: Literal
    label: str
    tense: Tense

    def sentences(self) -> tuple[Clause, Clause]:
        """The meanings of premise and hypothesis."""
        first, *rest = (_clause(literal, self.tense) for literal in self.premise)
        if rest:
            first = replace(first, conjunction=AND, conjunct=rest[0])
        return first, _clause(self.hypothesis, self.tense)


def _clause(literal: Literal, tense: Tense) -> Clause:
    fact = literal.fact
    return Clause(
        verb=fact.verb,
        subject=NounPhrase(fact.agent),
        object=NounPhrase(fact.object, adjective=fact.adjective),
        adjunct=Adjunct(fact.adjunct[0], NounPhrase(fact.adjunct[1])) if fact.adjunct else None,
        manner=fact.manner,
        tense=tense,
        negated=not literal.holds,
    )


class Reasoner:
    """Draws triples of pairs; `seen_only` as in the grammar."""

    def __init__(self, world: World, dice: Dice, seen_only: bool = False) -> None:
        self._world = world
        self._dice = dice
        self._choices = world.choices(seen_only) if seen_only else world.everything

    def triples(self) -> Iterator[tuple[Pair, Pair, Pair]]:
        """Without end: a hypothesis with a premise that entails it, one neutral, one contrary."""
        dice = self._dice
        while True:
            full = self._fact()
            hypothesis, premises, alike = self._block(full)
            tense: Tense = dice.pick(("present", "past", "future"))
            aside = self._independent(full)
            pairs = []
            for label, premise in zip(LABELS, premises, strict=True):
                literals = [premise]
                if alike or dice.chance(0.25):
                    literals.insert(dice.below(2), Literal(aside, alike or dice.chance(0.5)))
                pairs.append(Pair(tuple(literals), hypothesis, label, tense))
            yield pairs[0], pairs[1], pairs[2]

    def _block(self, full: Fact) -> tuple[Literal, list[Literal], bool]:
        """A hypothesis, its premises by label, and whether one of these repeats it.

        A neutral premise is denied as the hypothesis is, or the other way round, equally often.
        """
        dice = self._dice
        absent, kept, other = self._shuffled(_MODIFIERS)
        full = full.without(absent)  # two modifiers
        some = full.without(other)  # one of them
        elsewhere = full.without(kept)  # the other
        bare = some.without(kept)
        stranger = self._another(some)
        hypothesis, entailing, neutral, contrary = dice.pick(
            (
                ((bare, True), (some, True), ((stranger, True), (some, False)), (bare, False)),
                ((some, True), (full, True), ((bare, True), (stranger, False)), (bare, False)),
                (
                    (some, False),
                    (bare, False),
                    ((stranger, False), (elsewhere, True)),
                    (full, True),
                ),
                ((bare, False), (bare, False), ((some, False), (stranger, True)), (some, True)),
            )
        )
        premises = [entailing, dice.pick(neutral), contrary]
        return (
            Literal(*hypothesis),
            [Literal(*premise) for premise in premises],
            entailing == hypothesis,
        )

    def _shuffled(self, items: tuple[str, ...]) -> list[str]:
        rest = list(items)
        return [rest.pop(self._dice.below(len(rest))) for _ in items]

    def _fact(self) -> Fact:
        """A fact with all three modifiers."""
        dice, tables = self._dice, self._choices
        while True:
            verb = dice.draw(tables.verbs["transitive"])
            frame = self._world.frames[verb]
            if "person" in frame.subjects:
                break
        noun_class = dice.pick(frame.objects)
        adposition = dice.pick(frame.adpositions)
        place = dice.pick(COMPLEMENTS[adposition])
        return Fact(
            agent=dice.draw(tables.names["person"]),
            verb=verb,
            object=dice.draw(tables.nouns[noun_class]),
            adjective=dice.draw(tables.adjectives[noun_class]),
            manner=dice.draw(tables.manners[frame.manner]),
            adjunct=(adposition, dice.draw(tables.nouns[place])),
        )

    def _independent(self, fact: Fact) -> Fact:
        """An unmodified fact about another person."""
        while True:
            other = self._fact()
            if other.agent != fact.agent:
                return Fact(other.agent, other.verb, other.object)

    def _another(self, fact: Fact) -> Fact:
        """The same fact but for the person or the object."""
        person = self._dice.chance(0.5)
        while True:
            if person:
                other = replace(fact, agent=self._dice.draw(self._choices.names["person"]))
            else:
                noun_class = self._world.noun_class(fact.object)
                other = replace(fact, object=self._dice.draw(self._choices.nouns[noun_class]))
            if other != fact:
                return other
