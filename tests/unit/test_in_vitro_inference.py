"""The labelled sentence pairs: true by construction, and not to be guessed from one sentence."""

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
import pytest
from chronoglot.data.in_vitro.inference import Fact, Literal, Pair
from chronoglot.data.in_vitro.lexicon import make_lexicon
from chronoglot.data.in_vitro.realise import Speaker
from chronoglot.data.in_vitro.world import World
from chronoglot.data.in_vitro.write import draw_pairs
from chronoglot.settings.in_vitro import Generator, Sentences, Typology
from chronoglot.tables.values import LABELS
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

SEED = 5
GENERATOR = Generator(pairs=Sentences(train=1500, dev=60, test=900))
WORLD = World(GENERATOR, SEED)
PAIRS = draw_pairs(WORLD, GENERATOR, SEED)
MODIFIERS = ("adjective", "manner", "adjunct")


def events(fact: Fact) -> list[tuple]:
    """The most specific events that a fact may be about: with each set of its modifiers."""
    chosen = [(name, getattr(fact, name)) for name in MODIFIERS if getattr(fact, name)]
    return [
        (fact.agent, fact.verb, fact.object, frozenset(subset))
        for size in range(len(chosen) + 1)
        for subset in combinations(chosen, size)
    ]


def true(literal: Literal, world: tuple) -> bool:
    """Whether some event of the world is such, or none is, as the literal says."""
    fact = literal.fact
    asked = {(name, getattr(fact, name)) for name in MODIFIERS if getattr(fact, name)}
    core = (fact.agent, fact.verb, fact.object)
    return literal.holds == any(event[:3] == core and asked <= event[3] for event in world)


def label(pair: Pair) -> str:
    """The label by brute force: over all sets of events that the pair could be about."""
    literals = [*pair.premise, pair.hypothesis]
    possible = list(dict.fromkeys(e for literal in literals for e in events(literal.fact)))
    verdicts = set()
    for size in range(len(possible) + 1):
        for world in combinations(possible, size):
            if all(true(literal, world) for literal in pair.premise):
                verdicts.add(true(pair.hypothesis, world))
    assert verdicts, "the premise contradicts itself"
    if len(verdicts) == 2:
        return "neutral"
    return "entailment" if True in verdicts else "contradiction"


def test_labels_hold_in_every_possible_world() -> None:
    for split in PAIRS.values():
        for pair in split[:300]:
            assert pair.label == label(pair), pair


def test_every_hypothesis_has_each_label_once() -> None:
    for split, pairs in PAIRS.items():
        assert len(pairs) == getattr(GENERATOR.pairs, split)
        labels = defaultdict(list)
        for pair in pairs:
            labels[pair.hypothesis, pair.tense].append(pair.label)
        assert all(sorted(found) == sorted(LABELS) for found in labels.values())


def test_denials_are_as_frequent_under_every_label() -> None:
    for side in ("premise", "hypothesis"):
        shares = []
        for name in LABELS:
            pairs = [pair for split in PAIRS.values() for pair in split if pair.label == name]
            shares.append(
                np.mean(
                    [
                        any(not literal.holds for literal in pair.premise)
                        if side == "premise"
                        else not pair.hypothesis.holds
                        for pair in pairs
                    ]
                )
            )
        assert max(shares) - min(shares) < 0.1


@pytest.mark.parametrize("code", ["qaa", "qac"])
@pytest.mark.parametrize(("side", "bound"), [(1, 0.34), (0, 0.42)])
def test_one_sentence_does_not_tell_the_label(code: str, side: int, bound: float) -> None:
    typology = Typology(
        name="Talu",
        family="northern",
        order="SVO" if code == "qaa" else "SOV",
        adjective="before",
        adposition="before",
        case=code == "qac",
        agreement=True,
        morphology="separate" if code == "qaa" else "agglutinated",
        script="latin",
        words=1000,
    )
    speaker = Speaker(typology, make_lexicon(code, typology, WORLD, 0.3, SEED))
    vectorizer = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2))
    sentences, labels = {}, {}
    for split in ("train", "test"):
        sentences[split] = [speaker.text(pair.sentences()[side]) for pair in PAIRS[split]]
        labels[split] = [pair.label for pair in PAIRS[split]]
    features = vectorizer.fit_transform(sentences["train"])
    classifier = LogisticRegression(max_iter=300).fit(features, labels["train"])
    accuracy = classifier.score(vectorizer.transform(sentences["test"]), labels["test"])
    assert accuracy < bound, Counter(labels["test"])
