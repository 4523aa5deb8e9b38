"""The invented languages: trees, word order, markers, links, vocabulary."""

import csv
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import conllu
import numpy as np
import pytest
from chronoglot.data.in_vitro.dice import Dice
from chronoglot.data.in_vitro.grammar import LONGEST, SHORTEST, Grammar
from chronoglot.data.in_vitro.lexicon import make_lexicon
from chronoglot.data.in_vitro.realise import Speaker, Word, links
from chronoglot.data.in_vitro.world import OPEN, World
from chronoglot.data.in_vitro.write import generate_language, generate_translations
from chronoglot.settings.in_vitro import (
    PARAMETERS,
    Generator,
    Sentences,
    Typology,
    distance,
)
from chronoglot.tables.values import SPLITS
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

# https://universaldependencies.org/u/pos and /u/dep
UPOS = {
    *("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM"),
    *("PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X"),
}
RELATIONS = {
    *("acl", "advcl", "advmod", "amod", "appos", "aux", "case", "cc"),
    *("ccomp", "clf", "compound", "conj", "cop", "csubj", "dep", "det"),
    *("discourse", "dislocated", "expl", "fixed", "flat", "goeswith", "iobj", "list"),
    *("mark", "nmod", "nsubj", "nummod", "obj", "obl", "orphan", "parataxis"),
    *("punct", "reparandum", "root", "vocative", "xcomp"),
}
SEED = 3
WORDS = 3000
GENERATOR = Generator(
    treebank_sentences=Sentences(train=300, dev=60, test=150),
    pairs=Sentences(train=90, dev=30, test=60),
    parallel=60,
)
WORLD = World(GENERATOR, SEED)


def typology(**changes: object) -> Typology:
    """The first language, with changes."""
    parameters: dict[str, object] = {
        "name": "Talu",
        "family": "northern",
        "order": "SVO",
        "adjective": "before",
        "adposition": "before",
        "case": False,
        "agreement": True,
        "morphology": "separate",
        "script": "latin",
        "words": WORDS,
    }
    return Typology.model_validate(parameters | changes)


LANGUAGES = {
    "qaa": typology(),
    "qab": typology(order="VSO", adjective="after", agreement=False, script="greek"),
    "qac": typology(order="SOV", adposition="after", case=True, morphology="agglutinated"),
    "qad": typology(order="VOS", adjective="after", case=True, script="cyrillic"),
    "qae": typology(
        order="OVS",
        adjective="after",
        morphology="agglutinated",
        script="georgian",
        family="southern",
    ),
    "qaf": typology(order="OSV", adposition="after", case=True, family="southern"),
}

typologies = st.builds(
    typology,
    order=st.sampled_from(["SVO", "SOV", "VSO", "VOS", "OVS", "OSV"]),
    adjective=st.sampled_from(["before", "after"]),
    adposition=st.sampled_from(["before", "after"]),
    case=st.booleans(),
    agreement=st.booleans(),
    morphology=st.sampled_from(["separate", "agglutinated"]),
    script=st.sampled_from(["latin", "cyrillic", "greek", "georgian"]),
)
codes = st.sampled_from(sorted(LANGUAGES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every language's files."""
    path = tmp_path_factory.mktemp("languages")
    for code, parameters in LANGUAGES.items():
        generate_language(code, parameters, GENERATOR, SEED, path / code)
    return path


def read_treebank(folder: Path, code: str, split: str) -> list[conllu.TokenList]:
    path = folder / code / f"{code}_invitro-ud-{split}.conllu"
    return conllu.parse(path.read_text(encoding="utf-8"))


def read_pairs(folder: Path, code: str, split: str) -> list[dict[str, str]]:
    with (folder / code / f"xnli.{split}.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def read_text(folder: Path, code: str) -> list[str]:
    return (folder / code / "text.txt").read_text(encoding="utf-8").splitlines()


def speak(code: str, parameters: Typology, count: int, draw: int = 0) -> list[list[Word]]:
    """Sentences of a language that is made for the purpose."""
    speaker = Speaker(parameters, make_lexicon(code, parameters, WORLD, 0.3, SEED))
    grammar = Grammar(WORLD, Dice("test", draw))
    return [speaker.sentence(grammar.sentence()) for _ in range(count)]


@pytest.mark.parametrize("code", LANGUAGES)
def test_treebanks_are_valid_universal_dependencies(folder: Path, code: str) -> None:
    for split in SPLITS:
        sentences = read_treebank(folder, code, split)
        assert len(sentences) == getattr(GENERATOR.treebank_sentences, split)
        assert len({sentence.metadata["sent_id"] for sentence in sentences}) == len(sentences)
        for sentence in sentences:
            assert [word["id"] for word in sentence] == list(range(1, len(sentence) + 1))
            assert {word["upos"] for word in sentence} <= UPOS
            assert {word["deprel"].split(":")[0] for word in sentence} <= RELATIONS
            assert sum(word["head"] == 0 for word in sentence) == 1
            for word in sentence:
                assert (word["deprel"] == "root") == (word["head"] == 0)
                climbed = 0
                while word["head"]:  # a cycle would climb for ever
                    word = sentence[word["head"] - 1]
                    climbed += 1
                    assert climbed <= len(sentence)
            glue = ["" if (word["misc"] or {}).get("SpaceAfter") else " " for word in sentence]
            text = "".join(w["form"] + g for w, g in zip(sentence, glue, strict=True)).strip()
            assert sentence.metadata["text"] == text
            assert sentence.to_tree().token["deprel"] == "root"


def test_treebanks_use_many_classes_and_relations(folder: Path) -> None:
    for code in LANGUAGES:
        words = [word for sentence in read_treebank(folder, code, "train") for word in sentence]
        assert len({word["upos"] for word in words}) >= 12
        assert len({word["deprel"] for word in words}) >= 15


@settings(max_examples=40)
@given(parameters=typologies, draw=st.integers(0, 10_000))
def test_word_order_follows_the_typology(parameters: Typology, draw: int) -> None:
    for words in speak("qaa", parameters, 20, draw):
        place = {id(word): i for i, word in enumerate(words)}
        dependents: dict[int, dict[str, int]] = defaultdict(dict)
        for word in words:
            if word.head:
                dependents[id(word.head)][word.deprel] = place[id(word)]
        for word in words:
            own = dependents[id(word)]
            if word.upos == "VERB" and "nsubj" in own and "obj" in own:
                slots = {"S": own["nsubj"], "V": place[id(word)], "O": own["obj"]}
                assert "".join(sorted(slots, key=slots.__getitem__)) == parameters.order
            if word.head:
                before = place[id(word)] < place[id(word.head)]
                if word.deprel in ("amod", "nummod"):
                    assert before == (parameters.adjective == "before")
                if word.deprel in ("case", "mark"):
                    assert before == (parameters.adposition == "before")
                if word.deprel == "nmod":
                    assert before == (parameters.adposition == "after")


@settings(max_examples=40)
@given(parameters=typologies, draw=st.integers(0, 10_000))
def test_sentences_are_projective_and_neither_short_nor_long(
    parameters: Typology, draw: int
) -> None:
    for words in speak("qaa", parameters, 20, draw):
        assert SHORTEST <= len(words) <= LONGEST
        place = {id(word): i for i, word in enumerate(words)}
        arcs = [sorted((place[id(word)], place[id(word.head)])) for word in words if word.head]
        assert not any(a < c < b < d for a, b in arcs for c, d in arcs)


def test_markers_are_words_or_suffixes(folder: Path) -> None:
    for code, parameters in LANGUAGES.items():
        words = [word for sentence in read_treebank(folder, code, "train") for word in sentence]
        suffixed = Counter(word["upos"] for word in words if word["form"] != word["lemma"])
        if parameters.morphology == "separate":
            assert not suffixed
        else:
            assert suffixed["NOUN"] and suffixed["VERB"]
            assert bool(suffixed["PROPN"]) == parameters.case  # names have no plural
            assert bool(suffixed["ADJ"]) == parameters.agreement


def test_case_and_agreement_show_only_where_the_language_has_them() -> None:
    def marked(deprel: str, **changes: object) -> set[bool]:
        """Whether words in this relation have a case word."""
        found = set()
        for words in speak("qaa", typology(**changes), 300):
            cased = {id(word.head) for word in words if word.deprel == "case"}
            found |= {id(word) in cased for word in words if word.deprel == deprel}
        return found

    assert marked("obj", case=True) == {True} == marked("iobj", case=True)
    assert marked("obj", case=False) == {False} == marked("iobj", case=False)
    assert marked("nsubj", case=True) == {False}

    lexicon = make_lexicon("qaa", typology(), WORLD, 0.3, SEED)
    for agreement in (True, False):
        plural_verbs = {
            word.form == lexicon.marker("plural")
            for words in speak("qaa", typology(agreement=agreement), 300)
            for word in words
            if word.upos == "AUX"
        }
        assert (True in plural_verbs) == agreement


def test_each_language_is_written_in_its_script(folder: Path) -> None:
    blocks = {"latin": (0x61, 0x7A), "cyrillic": (0x430, 0x44F), "greek": (0x3B1, 0x3C9)}
    blocks["georgian"] = (0x10D0, 0x10F0)
    for code, parameters in LANGUAGES.items():
        letters = set("".join(read_text(folder, code))) - set(" .,")
        first, last = blocks[parameters.script]
        assert letters and all(first <= ord(letter) <= last for letter in letters)


def test_files_are_the_same_in_another_process(folder: Path, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom pathlib import Path\n"
        "from chronoglot.settings.in_vitro import Generator, Typology\n"
        "from chronoglot.data.in_vitro.write import generate_language\n"
        "generate_language('qac', Typology.model_validate_json(sys.argv[1]),"
        f" Generator.model_validate_json(sys.argv[2]), {SEED}, Path(sys.argv[3]))\n"
        "assert 'torch' not in sys.modules and 'pandas' not in sys.modules\n"
    )
    again = tmp_path / "qac"
    # Strings hash differently there, and no other language has been made.
    subprocess.run(
        [
            sys.executable,
            *("-c", script),
            LANGUAGES["qac"].model_dump_json(),
            GENERATOR.model_dump_json(),
            str(again),
        ],
        check=True,
        env={"PYTHONPATH": str(Path("workflow").resolve()), "PYTHONHASHSEED": "77"},
    )
    names = sorted(path.name for path in again.iterdir())
    assert names == sorted(path.name for path in (folder / "qac").iterdir())
    assert len(names) == 7
    for name in names:
        assert (again / name).read_bytes() == (folder / "qac" / name).read_bytes()


def test_more_text_leaves_the_rest_as_it_was(folder: Path, tmp_path: Path) -> None:
    longer = typology(words=WORDS + 500, name="Renamed")
    generate_language("qaa", longer, GENERATOR, SEED, tmp_path / "qaa")
    for path in (folder / "qaa").iterdir():
        assert (tmp_path / "qaa" / path.name).read_bytes().startswith(path.read_bytes())


def test_another_seed_is_another_language(folder: Path, tmp_path: Path) -> None:
    generate_language("qaa", LANGUAGES["qaa"], GENERATOR, SEED + 1, tmp_path / "qaa")
    first = set(" ".join(read_text(folder, "qaa")).split())
    other = set(" ".join(read_text(tmp_path, "qaa")).split())
    assert len(first & other) < 0.2 * len(first)


def test_text_has_its_length_and_its_documents(folder: Path) -> None:
    for code in LANGUAGES:
        documents = (folder / code / "text.txt").read_text(encoding="utf-8").split("\n\n")
        sizes = [len(document.strip().split("\n")) for document in documents]
        assert min(sizes[:-1]) >= 4 and max(sizes) <= 15
        punctuated = " ".join(documents).replace(".", " .").replace(",", " ,")
        assert WORDS <= len(punctuated.split()) < WORDS + LONGEST


def test_no_sentence_is_in_two_places(folder: Path, tmp_path: Path) -> None:
    codes = list(LANGUAGES)
    for code in codes:
        splits = [{s.metadata["text"] for s in read_treebank(folder, code, sp)} for sp in SPLITS]
        assert sum(map(len, splits)) == len(set.union(*splits))
        pairs = [read_pairs(folder, code, split) for split in SPLITS]
        hypotheses = [{pair["sentence2"] for pair in split} for split in pairs]
        assert sum(map(len, hypotheses)) == len(set.union(*hypotheses))
        probed = set.union(*splits)
        probed |= {pair[key] for sp in pairs for pair in sp for key in ("sentence1", "sentence2")}
        other = codes[codes.index(code) - 1]
        path = tmp_path / code
        generate_translations(code, LANGUAGES[code], other, LANGUAGES[other], GENERATOR, SEED, path)
        lines = (path / "sentences.txt").read_text(encoding="utf-8").splitlines()
        probed |= {line.split(" ||| ")[0].replace(" .", ".").replace(" ,", ",") for line in lines}
        assert probed.isdisjoint(read_text(folder, code))


@pytest.mark.parametrize("unseen", [0.0, 0.3, 0.6])
def test_unseen_words_are_absent_from_training(unseen: float, tmp_path: Path) -> None:
    generator = GENERATOR.model_copy(
        update={"unseen": unseen, "treebank_sentences": Sentences(train=300, dev=5, test=600)}
    )
    world = World(generator, SEED)
    shares = []
    for code in ("qaa", "qac"):
        generate_language(code, LANGUAGES[code], generator, SEED, tmp_path / code)
        lexicon = make_lexicon(code, LANGUAGES[code], world, generator.common_vocabulary, SEED)
        hidden = {lexicon.forms[concept] for concept in world.unseen}
        train = read_treebank(tmp_path, code, "train")
        assert hidden.isdisjoint(word["lemma"] for sentence in train for word in sentence)
        inflected = {word["form"] for sentence in train for word in sentence}
        test = [
            word
            for sentence in read_treebank(tmp_path, code, "test")
            for word in sentence
            if word["upos"] in OPEN
        ]
        assert not any(w["form"] in inflected for w in test if w["lemma"] in hidden)
        shares.append(np.mean([word["lemma"] in hidden for word in test]))
        pairs = read_pairs(tmp_path, code, "train")
        sentences = " ".join(pair["sentence1"] + " " + pair["sentence2"] for pair in pairs)
        assert not any(
            token.startswith(form) and token[len(form) :].strip(".,") in ("", *lexicon.markers)
            for form in hidden
            for token in sentences.split()
        )
    assert np.allclose(shares, unseen, atol=0.07)


def test_unseen_words_occur_in_the_text(folder: Path) -> None:
    lexicon = make_lexicon("qaa", LANGUAGES["qaa"], WORLD, GENERATOR.common_vocabulary, SEED)
    text = set(" ".join(read_text(folder, "qaa")).replace(".", "").replace(",", "").split())
    hidden = {lexicon.forms[concept] for concept in WORLD.unseen}
    assert len(hidden & text) > 0.85 * len(hidden)


@pytest.mark.parametrize("ambiguous", [0.0, 0.4])
def test_ambiguous_forms_carry_two_classes(ambiguous: float, tmp_path: Path) -> None:
    generator = GENERATOR.model_copy(update={"ambiguous": ambiguous})
    for code in ("qaa", "qac"):
        generate_language(code, LANGUAGES[code], generator, SEED, tmp_path / code)
        classes = defaultdict(set)
        for sentence in read_treebank(tmp_path, code, "train"):
            for word in sentence:
                classes[word["form"]].add(word["upos"])
        several = {frozenset(upos) for upos in classes.values() if len(upos) > 1}
        assert any({"NOUN", "VERB"} <= upos for upos in several) == bool(ambiguous)
        assert any({"ADJ", "ADV"} <= upos for upos in several) == bool(ambiguous)
        assert any({"ADP", "SCONJ"} <= upos for upos in several)
    world = World(generator, SEED)
    borrowing = [c for c in world.base if c.upos == "VERB"]
    assert len(borrowing) == pytest.approx(ambiguous * generator.verbs, abs=3)
    assert all((c in world.unseen) == (world.base[c] in world.unseen) for c in borrowing)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.8])
def test_a_family_shares_its_common_vocabulary(share: float) -> None:
    world = World(GENERATOR, SEED)
    first, second = (
        make_lexicon(code, typology(), world, share, SEED).forms for code in ("qaa", "qab")
    )
    stranger = make_lexicon("qab", typology(family="other"), world, share, SEED).forms
    own = [concept for concept in world.open_class if concept not in world.base]

    def shared(other: dict) -> float:
        return float(np.mean([first[concept] == other[concept] for concept in own]))

    assert shared(second) == pytest.approx(share, abs=0.03)
    assert shared(stranger) < 0.02


def test_cognates_are_spelt_in_each_script() -> None:
    forms = [
        make_lexicon("qaa", typology(script=script), WORLD, 0.3, SEED).forms
        for script in ("latin", "cyrillic")
    ]
    spelling: dict[str, str] = {}
    for concept, form in forms[0].items():
        assert len(form) == len(forms[1][concept])
        for letter, other in zip(form, forms[1][concept], strict=True):
            assert spelling.setdefault(letter, other) == other
    assert len(set(spelling.values())) == len(spelling)


@settings(max_examples=40)
@given(codes=st.tuples(codes, codes), draw=st.integers(0, 10_000))
def test_links_join_words_of_equal_meaning(codes: tuple[str, str], draw: int) -> None:
    speakers = [
        Speaker(LANGUAGES[code], make_lexicon(code, LANGUAGES[code], WORLD, 0.3, SEED))
        for code in codes
    ]
    grammar = Grammar(WORLD, Dice("links", draw))
    for _ in range(10):
        meaning = grammar.sentence()
        source, target = (speaker.sentence(meaning) for speaker in speakers)
        found = links(source, target)
        assert {(j, i) for i, j in links(target, source)} == set(found)
        # Words of the open classes have exactly one counterpart, of the same class and relation.
        by_source = defaultdict(list)
        for i, j in found:
            by_source[i].append(target[j])
        for i, word in enumerate(source):
            alike = [other for other in by_source[i] if other.upos == word.upos]
            if word.upos in (*OPEN, "PRON", "NUM", "PUNCT"):
                assert len(alike) == 1 and alike[0].deprel == word.deprel
                lexicons = [s._lexicon.forms for s in speakers]
                if word.upos != "PUNCT":
                    concepts = [
                        {c for c, form in forms.items() if form == w.lemma and c.upos == w.upos}
                        for forms, w in zip(lexicons, (word, alike[0]), strict=True)
                    ]
                    assert concepts[0] == concepts[1]
        if codes[0] == codes[1]:
            assert {(i, i) for i in range(len(source))} <= set(found)


def test_parallel_files(tmp_path: Path) -> None:
    def generate(source: str, target: str) -> tuple[list[str], list[str]]:
        path = tmp_path / f"{source}-{target}"
        generate_translations(
            source, LANGUAGES[source], target, LANGUAGES[target], GENERATOR, SEED, path
        )
        return tuple(  # type: ignore[return-value]
            (path / name).read_text(encoding="utf-8").splitlines()
            for name in ("sentences.txt", "gold.txt")
        )

    sentences, gold = generate("qaa", "qac")
    assert len(sentences) == len(gold) == GENERATOR.parallel
    for sentence, line in zip(sentences, gold, strict=True):
        source, target = (side.split() for side in sentence.split(" ||| "))
        pairs = [tuple(map(int, link.split("-"))) for link in line.split()]
        assert len(set(pairs)) == len(pairs)
        assert all(0 <= i < len(source) and 0 <= j < len(target) for i, j in pairs)
        assert (len(source) - 1, len(target) - 1) in pairs  # the stop
    turned, turned_gold = generate("qac", "qaa")
    assert [" ||| ".join(reversed(s.split(" ||| "))) for s in turned] == sentences
    assert [len(a.split()) for a in turned_gold] == [len(b.split()) for b in gold]
    # The same meanings for every pair: one source, whatever the target.
    other, _ = generate("qaa", "qaf")
    assert [s.split(" ||| ")[0] for s in other] == [s.split(" ||| ")[0] for s in sentences]


def test_distance_counts_parameters_that_differ() -> None:
    first = typology()
    assert distance(first, first) == 0
    assert distance(first, typology(words=9999, family="other", name="Other")) == 0
    assert distance(first, typology(order="VSO", case=True)) == 2 / len(PARAMETERS)
    opposite = typology(
        order="SOV",
        adjective="after",
        adposition="after",
        case=True,
        agreement=False,
        morphology="agglutinated",
        script="greek",
    )
    assert distance(first, opposite) == distance(opposite, first) == 1


@pytest.mark.parametrize(
    "changes", [{"order": "SUV"}, {"words": 0}, {"colour": "red"}, {"script": "runic"}]
)
def test_impossible_languages_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        typology(**changes)
