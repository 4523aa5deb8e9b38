"""The parameters of an invented language, and of the generator that all of them share."""

from typing import Literal

from pydantic import Field

from chronoglot.settings.section import Positive, Section

Order = Literal["SVO", "SOV", "VSO", "VOS", "OVS", "OSV"]
Side = Literal["before", "after"]
Morphology = Literal["separate", "agglutinated"]
Script = Literal["latin", "cyrillic", "greek", "georgian"]

PARAMETERS = ("order", "adjective", "adposition", "case", "agreement", "morphology", "script")


class Typology(Section):
    """One invented language."""

    name: str = Field(description="The language's invented name, for people; no file depends on it")
    family: str = Field(description="Languages of one family share common vocabulary")
    order: Order = Field(description="Order of subject, verb and object in every clause")
    adjective: Side = Field(
        description="Whether adjective, numeral and determiner stand before or after the noun"
    )
    adposition: Side = Field(
        description="Prepositions (before) or postpositions (after); case words and subordinators "
        "stand on the same side, genitives and adnominal phrases on the other"
    )
    case: bool = Field(description="Whether objects, recipients and possessors are marked for case")
    agreement: bool = Field(
        description="Whether the verb, and where markers are suffixes the adjective, "
        "is marked for a plural subject or noun"
    )
    morphology: Morphology = Field(
        description="Markers of case, number and tense: words of their own, or suffixes"
    )
    script: Script = Field(description="The Unicode script it is written in")
    words: Positive = Field(ge=1000, description="Words of text for pretraining")


class Sentences(Section):
    """A count for each split."""

    train: Positive = Field(ge=3, description="In the train part")
    dev: Positive = Field(ge=3, description="In the dev part")
    test: Positive = Field(ge=3, description="In the test part")


class Generator(Section):
    """What the invented languages have in common.

    The bounds on the lexicon leave every semantic class a word in each probe's training part.
    """

    common_vocabulary: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Share of the lexicon that languages of one family share",
    )
    unseen: float = Field(
        default=0.5,
        ge=0,
        le=0.8,
        description="Share of nouns, verbs, adjectives, adverbs and names that never occur in a "
        "probe's training part, though in its dev and test parts and in the pretraining text",
    )
    ambiguous: float = Field(
        default=0.4,
        ge=0,
        le=1,
        description="Share of verbs whose form is also a noun's, "
        "and of adverbs whose form is also an adjective's",
    )
    treebank_sentences: Sentences = Field(
        default=Sentences(train=600, dev=150, test=250), description="Sentences of each treebank"
    )
    parallel: Positive = Field(
        default=200, ge=1, description="Parallel sentences of each pair of languages"
    )
    pairs: Sentences = Field(
        default=Sentences(train=900, dev=150, test=300),
        description="Labelled sentence pairs; they come in threes, a part of three is left out",
    )
    nouns: Positive = Field(default=72, ge=30, description="Nouns in every lexicon")
    verbs: Positive = Field(default=40, ge=40, description="Verbs in every lexicon")
    adjectives: Positive = Field(default=30, ge=30, description="Adjectives in every lexicon")
    adverbs: Positive = Field(default=20, ge=20, description="Adverbs in every lexicon")
    names: Positive = Field(default=18, ge=15, description="Proper names in every lexicon")


def distance(a: Typology, b: Typology) -> float:
    """Share of the typological parameters in which two languages differ, between 0 and 1."""
    return sum(getattr(a, name) != getattr(b, name) for name in PARAMETERS) / len(PARAMETERS)
