"""What can be spoken of: concepts, their semantic classes, and which go with which.

All languages speak of one world, which depends on the generator's settings and the seed alone.
A concept is a meaning with a word class; each language gives it a form. Homographs are decided
here too, so that a form that is a noun and a verb in one language is so in all.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from chronoglot.data.in_vitro.dice import Choice, Dice
from chronoglot.settings.in_vitro import Generator


class Concept(NamedTuple):
    """A meaning that a word expresses: its universal part of speech and a number within it."""

    upos: str
    number: int


CLASSES = ("person", "animal", "food", "tool", "place", "time")
VALENCIES = ("intransitive", "transitive", "ditransitive", "clausal")
OPEN = ("NOUN", "VERB", "ADJ", "ADV", "PROPN")

# Verbs, in order of frequency, repeat this pattern of valencies; adverbs and names theirs.
_VERBS: tuple[str, ...] = ("transitive", "intransitive", "transitive", "clausal")
_VERBS += ("transitive", "intransitive", "transitive", "ditransitive")
_MANNERS = 3  # adverbs of manner fall into groups, and a verb takes those of one group
_NAMES = ("person", "person", "place")

# The semantic classes of an adposition's complement, and those of a noun that it may modify.
ADPOSITIONS = tuple(Concept("ADP", index) for index in range(8))
_COMPLEMENTS: tuple[tuple[str, ...], ...] = (
    ("place",),
    ("time",),
    ("tool",),
    ("person", "animal"),
    ("place", "tool"),
    ("time",),
    ("food", "tool"),
    ("place",),
)
COMPLEMENTS = dict(zip(ADPOSITIONS, _COMPLEMENTS, strict=True))
DETERMINERS = tuple(Concept("DET", index) for index in range(4))
NUMERALS = tuple(Concept("NUM", index) for index in range(6))
PERSONAL = tuple(Concept("PRON", index) for index in range(4))
DEMONSTRATIVE = tuple(Concept("PRON", index) for index in (4, 5))
RELATIVE = Concept("PRON", 6)
MODALS = tuple(Concept("AUX", index) for index in range(2))
AND, OR = Concept("CCONJ", 0), Concept("CCONJ", 1)
SUBORDINATORS = tuple(Concept("SCONJ", index) for index in range(3))
NOT = Concept("PART", 0)

# Closed-class words with the form of another word: a demonstrative stands alone or introduces a
# relative clause, 'and' is 'with', 'after' takes a noun or a clause, and modals come from verbs.
CONVERTED = {
    DEMONSTRATIVE[0]: DETERMINERS[0],
    DEMONSTRATIVE[1]: DETERMINERS[1],
    RELATIVE: DETERMINERS[1],
    AND: ADPOSITIONS[3],
    SUBORDINATORS[0]: ADPOSITIONS[1],
    SUBORDINATORS[1]: ADPOSITIONS[5],
    SUBORDINATORS[2]: ADPOSITIONS[0],
    MODALS[0]: Concept("VERB", 3),
    MODALS[1]: Concept("VERB", 5),
}


_MODAL_VERBS = frozenset(CONVERTED[modal] for modal in MODALS)


class Frame(NamedTuple):
    """What a verb goes with."""

    valency: str
    subjects: tuple[str, ...]
    objects: tuple[str, ...]
    adpositions: tuple[Concept, ...]
    manner: int


@dataclass(frozen=True)
class Choices:
    """Open-class concepts to draw from, by what they go with."""

    nouns: dict[str, Choice[Concept]]
    names: dict[str, Choice[Concept]]
    verbs: dict[str, Choice[Concept]]
    adjectives: dict[str, Choice[Concept]]
    manners: dict[int, Choice[Concept]]
    degrees: Choice[Concept]


class World:
    """Concepts and their relations, drawn from the seed.

    Attributes:
        frames: what each verb goes with.
        base: the concept whose form a concept borrows; most have a form of their own.
        unseen: the open-class concepts kept out of the probes' training parts.
    """

    def __init__(self, generator: Generator, seed: int) -> None:
        dice = Dice("world", seed)

        def concepts(upos: str, count: int) -> list[Concept]:
            return [Concept(upos, index) for index in range(count)]

        self._nouns = concepts("NOUN", generator.nouns)
        self._verbs = concepts("VERB", generator.verbs)
        self._adjectives = concepts("ADJ", generator.adjectives)
        self._adverbs = concepts("ADV", generator.adverbs)
        self._names = concepts("PROPN", generator.names)
        self._second_class = {adjective: dice.pick(CLASSES) for adjective in self._adjectives}
        self.frames = {verb: self._frame(verb, dice) for verb in self._verbs}
        self.unseen = self._draw_unseen(generator.unseen, dice)
        self.base = dict(CONVERTED)
        self._pair(self._verbs, self._nouns, generator.ambiguous, dice)
        self._pair(self._adverbs, self._adjectives, generator.ambiguous, dice)

    def _frame(self, verb: Concept, dice: Dice) -> Frame:
        valency = _VERBS[verb.number % len(_VERBS)]
        subjects = (
            ("person",)
            if valency == "clausal"
            else dice.pick((("person",), ("animal",), ("person", "animal"), ("person", "tool")))
        )
        first, second = dice.below(len(ADPOSITIONS)), dice.below(len(ADPOSITIONS))
        return Frame(
            valency,
            subjects if valency != "ditransitive" else ("person",),
            (dice.pick(CLASSES[:5]), dice.pick(CLASSES[:5])),
            (ADPOSITIONS[first], ADPOSITIONS[second]),
            verb.number // len(_VERBS) % _MANNERS,
        )

    def noun_class(self, concept: Concept) -> str:
        """The semantic class of a noun or name."""
        pattern = CLASSES if concept.upos == "NOUN" else _NAMES
        return pattern[concept.number % len(pattern)]

    def _adjective_class(self, adjective: Concept) -> str:
        return CLASSES[adjective.number % len(CLASSES)]

    def _manner(self, adverb: Concept) -> int:
        """The group of an adverb; the last one holds the adverbs of degree."""
        return adverb.number % (_MANNERS + 1)

    @property
    def open_class(self) -> list[Concept]:
        """Nouns, verbs, adjectives, adverbs and names."""
        return [*self._nouns, *self._verbs, *self._adjectives, *self._adverbs, *self._names]

    @property
    def with_form(self) -> list[Concept]:
        """The concepts that need a form of their own, closed classes first."""
        closed = [*DETERMINERS, *NUMERALS, *PERSONAL, *ADPOSITIONS, OR, NOT]
        return [concept for concept in [*closed, *self.open_class] if concept not in self.base]

    def _draw_unseen(self, share: float, dice: Dice) -> frozenset[Concept]:
        groups: dict[tuple[str, object], list[Concept]] = {}
        for concept in self.open_class:
            group: Callable[[Concept], object] = {
                "NOUN": self.noun_class,
                "PROPN": self.noun_class,
                "VERB": lambda verb: self.frames[verb].valency,
                "ADJ": self._adjective_class,
                "ADV": self._manner,
            }[concept.upos]
            groups.setdefault((concept.upos, group(concept)), []).append(concept)
        return frozenset(
            concept
            for members in groups.values()
            for concept in dice.stratified(members, share)
            if concept not in _MODAL_VERBS  # these forms are seen as modals anyway
        )

    def _pair(
        self, borrowers: list[Concept], lenders: list[Concept], share: float, dice: Dice
    ) -> None:
        """Give a share of the borrowers the form of a lender as frequent, and as much seen."""
        free = list(lenders)
        for borrower in dice.stratified(borrowers, share):
            alike = [
                lender for lender in free if (lender in self.unseen) == (borrower in self.unseen)
            ]
            if alike and borrower not in _MODAL_VERBS:
                place = borrower.number / len(borrowers) * len(lenders)
                lender = min(alike, key=lambda concept: abs(concept.number - place))
                self.base[borrower] = lender
                free.remove(lender)

    def choices(self, seen_only: bool) -> Choices:
        """All concepts to draw from, or those alone that a probe's training part may use."""

        def choose(concepts: Iterable[Concept]) -> Choice[Concept]:
            return Choice([c for c in concepts if not (seen_only and c in self.unseen)])

        return Choices(
            nouns={c: choose(n for n in self._nouns if self.noun_class(n) == c) for c in CLASSES},
            names={
                c: choose(n for n in self._names if self.noun_class(n) == c)
                for c in dict.fromkeys(_NAMES)
            },
            verbs={
                v: choose(c for c in self._verbs if self.frames[c].valency == v) for v in VALENCIES
            },
            adjectives={
                c: choose(
                    a
                    for a in self._adjectives
                    if c in (self._adjective_class(a), self._second_class[a])
                )
                for c in CLASSES
            },
            manners={
                m: choose(a for a in self._adverbs if self._manner(a) == m) for m in range(_MANNERS)
            },
            degrees=choose(a for a in self._adverbs if self._manner(a) == _MANNERS),
        )

    @cached_property
    def everything(self) -> Choices:
        """The tables of all concepts."""
        return self.choices(seen_only=False)
