"""The abstract grammar: draws meanings, the same for all languages."""

from chronoglot.data.in_vitro.dice import Choice, Dice
from chronoglot.data.in_vitro.meaning import (
    Adjunct,
    Clause,
    NounPhrase,
    Tense,
    fewest_words,
    most_words,
)
from chronoglot.data.in_vitro.world import (
    ADPOSITIONS,
    AND,
    COMPLEMENTS,
    DEMONSTRATIVE,
    DETERMINERS,
    MODALS,
    NUMERALS,
    OR,
    PERSONAL,
    RELATIVE,
    SUBORDINATORS,
    Concept,
    World,
)

SHORTEST, LONGEST = 4, 14  # words of a sentence in any language, the final stop included
_TENSES: tuple[Tense, ...] = ("present", "past", "future")
_VALENCIES = Choice(("transitive", "intransitive", "ditransitive", "clausal"))


class Grammar:
    """Draws sentences of a world; `seen_only` keeps to what a probe's training part may use."""

    def __init__(self, world: World, dice: Dice, seen_only: bool = False) -> None:
        self._world = world
        self._dice = dice
        self._choices = world.choices(seen_only) if seen_only else world.everything

    def sentence(self) -> Clause:
        """A sentence that has 4 to 14 words in every language."""
        while True:
            clause = self._sentence()
            if fewest_words(clause) + 1 >= SHORTEST and most_words(clause) + 1 <= LONGEST:
                return clause

    def _sentence(self) -> Clause:
        dice = self._dice
        kind = dice.below(10)
        if kind == 0:
            return self._clause(conjunction=dice.pick((AND, OR)), conjunct=self._clause())
        if kind == 1:
            return self._clause(subordinator=dice.pick(SUBORDINATORS), subordinate=self._clause())
        return self._clause(main=True)

    def _clause(
        self,
        main: bool = False,
        gap: NounPhrase | None = None,
        subordinator: Concept | None = None,
        subordinate: Clause | None = None,
        conjunction: Concept | None = None,
        conjunct: Clause | None = None,
    ) -> Clause:
        """A clause; a `main` one is richer, and a `gap` is a relative pronoun for its subject."""
        dice = self._dice
        valency = dice.draw(_VALENCIES)
        if valency == "clausal" and not main:
            valency = "transitive"
        verb = dice.draw(self._choices.verbs[valency])
        frame = self._world.frames[verb]
        rich = main and valency != "clausal"
        adposition = dice.pick(frame.adpositions) if rich and dice.chance(0.4) else None
        return Clause(
            verb=verb,
            subject=gap or self._noun_phrase(frame.subjects, frame.adpositions, rich),
            object=self._noun_phrase(frame.objects, frame.adpositions, rich)
            if valency in ("transitive", "ditransitive")
            else None,
            recipient=self._noun_phrase(("person", "animal"), frame.adpositions)
            if valency == "ditransitive"
            else None,
            content=self._clause() if valency == "clausal" else None,
            adjunct=self._adjunct(adposition) if adposition else None,
            manner=dice.draw(self._choices.manners[frame.manner]) if dice.chance(0.25) else None,
            tense=dice.pick(_TENSES),
            modal=dice.pick(MODALS) if dice.chance(0.12) else None,
            negated=dice.chance(0.1),
            subordinator=subordinator,
            subordinate=subordinate,
            conjunction=conjunction,
            conjunct=conjunct,
        )

    def _adjunct(self, adposition: Concept) -> Adjunct:
        return Adjunct(adposition, self._noun_phrase(COMPLEMENTS[adposition]))

    def _noun_phrase(
        self,
        classes: tuple[str, ...],
        governed: tuple[Concept, ...] = ADPOSITIONS,
        rich: bool = False,
    ) -> NounPhrase:
        """A noun phrase of one of the classes.

        Only a `rich` one contains another, and adpositions that the clause's verb governs do not
        attach to its nouns: the verb, not the place in the sentence, decides an attachment.
        """
        dice, tables = self._dice, self._choices
        noun_class = dice.pick(classes)
        if noun_class == "person" and dice.chance(0.15):
            return NounPhrase(dice.pick(PERSONAL))
        if noun_class != "person" and dice.chance(0.05):
            return NounPhrase(dice.pick(DEMONSTRATIVE))
        if noun_class in tables.names and dice.chance(0.3):
            return NounPhrase(dice.draw(tables.names[noun_class]))
        numeral = dice.pick(NUMERALS) if dice.chance(0.06) else None
        plural = not numeral and dice.chance(0.3)
        adjective = dice.draw(tables.adjectives[noun_class]) if dice.chance(0.3) else None
        possessor = adjunct = relative = conjunct = None
        if rich:
            kind = dice.below(8)
            if kind == 0:
                possessor = self._noun_phrase(("person", "animal"))
            elif kind == 1:
                free = [a for a in ADPOSITIONS if a not in governed]
                adjunct = self._adjunct(dice.pick(free))
            elif kind == 2:
                relative = self._clause(gap=NounPhrase(RELATIVE, plural=plural))
            elif kind == 3:
                conjunct = self._noun_phrase((noun_class,))
        return NounPhrase(
            noun=dice.draw(tables.nouns[noun_class]),
            plural=plural,
            determiner=dice.pick(DETERMINERS) if dice.chance(0.2) else None,
            numeral=numeral,
            adjective=adjective,
            degree=dice.draw(tables.degrees) if adjective and dice.chance(0.2) else None,
            possessor=possessor,
            adjunct=adjunct,
            relative=relative,
            conjunction=dice.pick((AND, OR)) if conjunct else None,
            conjunct=conjunct,
        )
