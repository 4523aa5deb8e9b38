"""From a meaning to a sentence of a language: words in order, with their tree."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Optional

from chronoglot.data.in_vitro.lexicon import Lexicon
from chronoglot.data.in_vitro.meaning import Adjunct, Clause, NounPhrase
from chronoglot.data.in_vitro.world import NOT, Concept
from chronoglot.settings.in_vitro import Typology

_STOP, _COMMA = ".", ","


@dataclass(slots=True, eq=False)
class Word:
    """A syntactic word; `meanings` are the parts of the abstract sentence that it expresses."""

    form: str
    lemma: str
    upos: str
    meanings: tuple[Hashable, ...]
    deprel: str = "root"
    head: Optional["Word"] = None

    @property
    def space_before(self) -> bool:
        """Whether the text has a space before it, unless it is the first."""
        return self.upos != "PUNCT"


class Phrase(NamedTuple):
    """Words in order, and the one that the others depend on."""

    words: list[Word]
    head: Word


class Speaker:
    """Puts meanings into the words of one language."""

    def __init__(self, typology: Typology, lexicon: Lexicon) -> None:
        self._typology = typology
        self._lexicon = lexicon
        self._suffixes = typology.morphology == "agglutinated"
        self._verb_first = typology.order.index("V") < typology.order.index("O")

    def sentence(self, meaning: Clause) -> list[Word]:
        """The words of a sentence, in order, the final stop included."""
        words, head = self._coordinated(meaning)
        return [*words, _depend(Word(_STOP, _STOP, "PUNCT", (_STOP,)), head, "punct")]

    def text(self, meaning: Clause) -> str:
        """The sentence as it is written."""
        return spell(self.sentence(meaning))

    def _coordinated(self, clause: Clause) -> Phrase:
        first = self._clause(clause)
        if clause.subordinate:
            mark = self._word(clause.subordinator, clause, "subordinator")
            inner = self._clause(clause.subordinate)
            _depend(inner.head, first.head, "advcl")
            marked = self._marked(mark, "mark", inner)
            words = [first.words, marked] if self._verb_first else [marked, first.words]
            return Phrase([*words[0], *words[1]], first.head)
        if clause.conjunct:
            second = self._clause(clause.conjunct)
            _depend(second.head, first.head, "conj")
            comma = _depend(Word(_COMMA, _COMMA, "PUNCT", (_COMMA,)), second.head, "punct")
            conjunction = self._word(clause.conjunction, clause, "conjunction")
            _depend(conjunction, second.head, "cc")
            return Phrase([*first.words, comma, conjunction, *second.words], first.head)
        return first

    def _clause(self, clause: Clause) -> Phrase:
        verb, head = self._verb(clause)
        subject = self._noun_phrase(clause.subject)
        _depend(subject.head, head, "nsubj")
        complements: list[Word] = []
        for phrase, case, deprel in (
            (clause.recipient, "dative", "iobj"),
            (clause.object, "accusative", "obj"),
        ):
            if phrase:
                complement = self._noun_phrase(phrase, case)
                _depend(complement.head, head, deprel)
                complements += complement.words
        if clause.content:
            inner = self._clause(clause.content)
            _depend(inner.head, head, "ccomp")
            that = self._marker("that", "SCONJ", clause)
            complements += self._marked(that, "mark", inner)
        adjunct = self._adjunct(clause.adjunct, head, "obl") if clause.adjunct else []
        if self._verb_first:
            tail = adjunct
        else:
            complements, tail = adjunct + complements, []
        slots = {"S": subject.words, "V": verb, "O": complements}
        words = [word for slot in self._typology.order for word in slots[slot]]
        return Phrase(words + tail, head)

    def _verb(self, clause: Clause) -> Phrase:
        """The verb with its markers and particles; they mirror each other in OV languages."""
        several = clause.subject.plural or clause.subject.conjunct is not None
        markers: list[str] = [] if clause.tense == "present" else [clause.tense]
        if several and self._typology.agreement:
            markers.append("plural")
        verb = self._word(clause.verb, clause, "verb")
        words = [verb]
        if self._suffixes:
            self._add_suffixes(verb, clause, markers)
        else:
            words += [
                _depend(self._marker(marker, "AUX", clause), verb, "aux") for marker in markers
            ]
        if clause.modal:
            words.append(_depend(self._word(clause.modal, clause, "modal"), verb, "aux"))
        if self._verb_first:
            words.reverse()
        if clause.negated:
            words.insert(0, _depend(self._word(NOT, clause, "not"), verb, "advmod"))
        if clause.manner:
            manner = _depend(self._word(clause.manner, clause, "manner"), verb, "advmod")
            words.insert(len(words) if self._verb_first else 0, manner)
        return Phrase(words, verb)

    def _noun_phrase(self, phrase: NounPhrase, case: str | None = None) -> Phrase:
        """A noun phrase in a grammatical role; without a case it stands as subject or after an
        adposition."""
        head = self._word(phrase.noun, phrase, "noun")
        words = [head]
        plural = phrase.plural and phrase.noun.upos != "PRON"
        suffixes: list[str] = ["plural"] if plural else []
        particle = None
        if case and self._typology.case and self._suffixes:
            suffixes.append(case)
        elif case == "genitive" or (case and self._typology.case):
            particle = self._marker(case, "ADP", phrase)
        if self._suffixes:
            self._add_suffixes(head, phrase, suffixes)
        elif plural:
            words.append(_depend(self._marker("plural", "DET", phrase), head, "det"))
        if phrase.adjective:
            adjective = _depend(self._word(phrase.adjective, phrase, "adjective"), head, "amod")
            if plural and self._suffixes and self._typology.agreement:
                adjective.form += self._lexicon.marker("plural")
            words.append(adjective)
            if phrase.degree:
                degree = self._word(phrase.degree, phrase, "degree")
                words.append(_depend(degree, adjective, "advmod"))
        if phrase.numeral:
            words.append(_depend(self._word(phrase.numeral, phrase, "numeral"), head, "nummod"))
        if phrase.determiner:
            determiner = self._word(phrase.determiner, phrase, "determiner")
            words.append(_depend(determiner, head, "det"))
        if self._typology.adjective == "before":
            words.reverse()
        return self._extended(phrase, Phrase(words, head), case, particle)

    def _extended(
        self, phrase: NounPhrase, core: Phrase, case: str | None, particle: Word | None
    ) -> Phrase:
        """A noun phrase with what stands outside its adjectives and determiners."""
        words, head = core
        modifier: list[Word] = []
        if phrase.possessor:
            possessor = self._noun_phrase(phrase.possessor, "genitive")
            _depend(possessor.head, head, "nmod")
            modifier = possessor.words
        elif phrase.adjunct:
            modifier = self._adjunct(phrase.adjunct, head, "nmod")
        before = self._typology.adposition == "before"
        words = [*words, *modifier] if before else [*modifier, *words]
        if phrase.relative:
            relative = self._clause(phrase.relative)
            _depend(relative.head, head, "acl:relcl")
            words = [*words, *relative.words] if self._verb_first else [*relative.words, *words]
        if particle:
            words = self._marked(particle, "case", Phrase(words, head))
        if phrase.conjunct:
            conjunct = self._noun_phrase(phrase.conjunct, case)
            _depend(conjunct.head, head, "conj")
            conjunction = self._word(phrase.conjunction, phrase, "conjunction")
            _depend(conjunction, conjunct.head, "cc")
            words = [*words, conjunction, *conjunct.words]
        return Phrase(words, head)

    def _adjunct(self, adjunct: Adjunct, governor: Word, deprel: str) -> list[Word]:
        complement = self._noun_phrase(adjunct.complement)
        _depend(complement.head, governor, deprel)
        adposition = self._word(adjunct.adposition, adjunct, "adposition")
        return self._marked(adposition, "case", complement)

    def _marked(self, marker: Word, deprel: str, phrase: Phrase) -> list[Word]:
        """A phrase with a case word or subordinator on the side of adpositions."""
        _depend(marker, phrase.head, deprel)
        if self._typology.adposition == "before":
            return [marker, *phrase.words]
        return [*phrase.words, marker]

    def _word(self, concept: Concept | None, node: object, part: str) -> Word:
        assert concept is not None, part
        form = self._lexicon.forms[concept]
        return Word(form, form, concept.upos, ((id(node), part),))

    def _marker(self, marker: str, upos: str, node: object) -> Word:
        form = self._lexicon.marker(marker)
        return Word(form, form, upos, ((id(node), marker),))

    def _add_suffixes(self, word: Word, node: object, markers: Sequence[str]) -> None:
        for marker in markers:
            word.form += self._lexicon.marker(marker)
            word.meanings += ((id(node), marker),)


def _depend(word: Word, head: Word, deprel: str) -> Word:
    word.head, word.deprel = head, deprel
    return word


def spell(words: Sequence[Word]) -> str:
    """A sentence as text."""
    return "".join(
        (" " if word.space_before and place else "") + word.form for place, word in enumerate(words)
    )


def links(source: Sequence[Word], target: Sequence[Word]) -> list[tuple[int, int]]:
    """Pairs of words, counted from 0, of two realisations of one meaning that express the same.

    A marker that is a word in one language and a suffix in the other is linked to the suffixed
    word; one that the other language lacks is linked to nothing.
    """
    places: dict[Hashable, int] = {
        meaning: place for place, word in enumerate(target) for meaning in word.meanings
    }
    return sorted(
        {
            (place, places[meaning])
            for place, word in enumerate(source)
            for meaning in word.meanings
            if meaning in places
        }
    )
