"""Sounds, scripts and the forms of words."""

from dataclasses import dataclass

from chronoglot.data.in_vitro.dice import Dice
from chronoglot.data.in_vitro.world import Concept, World
from chronoglot.settings.in_vitro import Script, Typology

_VOWELS = "aeiou"
_CONSONANTS = "ptkbdgmnszlrfhx"
_LETTERS: dict[Script, str] = {
    "latin": _VOWELS + _CONSONANTS,
    "cyrillic": "аеиоу" + "пткбдгмнсзлрфхш",
    "greek": "αειου" + "πτκβδγμνσζλρφχξ",
    "georgian": "აეიოუ" + "პტკბდგმნსზლრფხშ",
}
_SCRIPTS = {
    script: str.maketrans(_LETTERS["latin"], letters) for script, letters in _LETTERS.items()
}

# A marker has one form in all its uses, as syncretism has it: the plural of nouns is that of verbs
# and adjectives, the accusative is the past tense, the genitive the future, and the dative
# introduces reported clauses. Its form alone does not tell a word's class.
MARKERS = {
    "plural": 0,
    "accusative": 1,
    "past": 1,
    "genitive": 2,
    "future": 2,
    "dative": 3,
    "that": 3,
}
_ENDINGS = ((), (0,), (1,), (2,), (3,), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0))


class Phonotactics:
    """Which sounds a language has and how they combine; drawn by `dice`."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._vowels = dice.stratified(_VOWELS, dice.pick((0.6, 0.8, 1.0)))
        self._onsets = dice.stratified(_CONSONANTS, dice.pick((0.6, 0.7, 0.8)))
        self._codas = dice.stratified("nsrlmktx", dice.pick((0.25, 0.4, 0.5)))
        self._closed = dice.pick((0.1, 0.25, 0.4))  # how often a syllable has a coda

    def form(self, syllables: int) -> str:
        """A word that is pronounced so."""
        dice = self._dice
        return "".join(
            dice.pick(self._onsets)
            + dice.pick(self._vowels)
            + (dice.pick(self._codas) if dice.chance(self._closed) else "")
            for _ in range(syllables)
        )


def _syllables(concept: Concept, dice: Dice) -> int:
    return 2 + dice.chance(0.4) if concept.upos in ("NOUN", "VERB", "ADJ", "ADV", "PROPN") else 1


@dataclass(frozen=True)
class Lexicon:
    """A language's forms: of each concept, and of the four markers."""

    forms: dict[Concept, str]
    markers: tuple[str, ...]

    def marker(self, name: str) -> str:
        """The form of a marker: 'plural', 'accusative', 'past', …"""
        return self.markers[MARKERS[name]]


def common_forms(world: World, family: str, share: float, seed: int) -> dict[Concept, str]:
    """The common vocabulary of a family: forms for a share of the open classes, before spelling."""
    dice = Dice("family", family, seed)
    sounds = Phonotactics(dice)
    concepts = [concept for concept in world.open_class if concept not in world.base]
    return {
        concept: sounds.form(_syllables(concept, dice))
        for concept in dice.stratified(concepts, share)
    }


def make_lexicon(code: str, typology: Typology, world: World, share: float, seed: int) -> Lexicon:
    """Invent the words of a language.

    No inflected form of one lexeme is a form of another, homographs apart; a common form that
    would break this is given up for one of the language's own.
    """
    dice = Dice("lexicon", code, seed)
    sounds = Phonotactics(dice)
    taken: set[str] = set()
    markers: list[str] = []
    while len(markers) < 4:
        marker = sounds.form(1)
        if marker not in taken:
            taken.add(marker)
            markers.append(marker)
    endings = ["".join(markers[index] for index in ending) for ending in _ENDINGS]
    common = common_forms(world, typology.family, share, seed)
    forms: dict[Concept, str] = {}
    # Common forms first, so that a language's own words make room for them.
    for concept in sorted(world.with_form, key=lambda concept: concept not in common):
        form = common.get(concept, "")
        syllables = _syllables(concept, dice)
        attempts = 0
        while not form or not taken.isdisjoint(form + ending for ending in endings):
            attempts += 1
            # A small inventory runs out of short words: then longer ones are made.
            form = sounds.form(syllables + attempts // 50)
        taken.update(form + ending for ending in endings)
        forms[concept] = form
    forms |= {concept: forms[base] for concept, base in world.base.items()}
    letters = _SCRIPTS[typology.script]
    return Lexicon(
        {concept: form.translate(letters) for concept, form in forms.items()},
        tuple(marker.translate(letters) for marker in markers),
    )
