"""Properties of languages and of pairs of them: text, vocabulary, distances."""

import json
from collections import Counter
from importlib.resources import files
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from chronoglot.analysis import properties
from chronoglot.analysis.distances import KIN, STANDARD, distances
from chronoglot.analysis.properties import language_pair_properties, language_properties
from chronoglot.encoding.tokens import SentencePieceTokenizer
from chronoglot.pretraining.tokenizer import train_tokenizer
from chronoglot.settings.in_vitro import PARAMETERS, Typology, distance
from chronoglot.tables.words import Words, write_words
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

DESCRIBED = {
    "qaa": ("Talu", "latin", "northern"),
    "qab": ("Oreni", "latin", "northern"),
    "qac": ("Sugda", "cyrillic", "northern"),
    "qad": ("Mirash", "latin", "southern"),
}
TEXTS = {
    "qaa": ["the cat sat on the mat", "", "a cat and a dog", "the dog sat"] * 5,
    "qab": ["el gato y el perro", "un gato en la casa", "la casa del perro"] * 5,
    "qac": ["кот и пёс", "дом и кот", "пёс в доме"] * 5,
}


def typology(**changes: object) -> Typology:
    plain = {
        "name": "Talu",
        "family": "northern",
        "order": "SVO",
        "adjective": "before",
        "adposition": "before",
        "case": False,
        "agreement": True,
        "morphology": "separate",
        "script": "latin",
        "words": 1000,
    }
    return Typology.model_validate(plain | changes)


TYPOLOGIES = {
    code: typology(family=family, script=script) for code, (_, script, family) in DESCRIBED.items()
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("text")
    for code, paragraphs in TEXTS.items():
        (folder / f"{code}.txt").write_text("\n".join(paragraphs) + "\n", encoding="utf-8")
    return {code: folder / f"{code}.txt" for code in TEXTS}


@pytest.fixture(scope="module")
def tokenizer(texts: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer(
        texts,
        folder / "model",
        folder / "dict.txt",
        vocabulary=43,
        alpha=0.3,
        seed=1,
        sentences=None,
        character_coverage=1.0,
    )
    return folder / "model"


def pairs_of(texts: dict[str, Path], tokenizer: Path) -> pd.DataFrame:
    read = SentencePieceTokenizer(tokenizer)
    table = language_pair_properties(DESCRIBED, texts=texts, tokenizer=read, typologies=TYPOLOGIES)
    return table.set_index(["source", "target"])


def overlap_by_counting(a: list[str], b: list[str], tokenizer: Path) -> float:
    pieces = SentencePieceProcessor(model_file=str(tokenizer))
    known = [[i for i in pieces.encode(" ".join(text)) if i != pieces.unk_id()] for text in (a, b)]
    p, q = ({i: n / len(ids) for i, n in Counter(ids).items()} for ids in known)
    return sum(min(p[i], q[i]) for i in p.keys() & q.keys())


def test_overlap_of_vocabularies(texts: dict[str, Path], tokenizer: Path) -> None:
    overlap = pairs_of(texts, tokenizer)["vocabulary_overlap"]
    assert len(overlap) == 4 * 3
    expected = overlap_by_counting(TEXTS["qaa"], TEXTS["qab"], tokenizer)
    assert 0 < overlap["qaa", "qab"] < 1
    assert overlap["qaa", "qab"] == pytest.approx(expected)
    assert overlap["qaa", "qab"] == overlap["qab", "qaa"]
    assert overlap["qaa", "qac"] < overlap["qaa", "qab"]
    assert overlap["qad"].isna().all()


def test_a_text_of_nothing_shares_nothing(
    texts: dict[str, Path], tokenizer: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.txt").write_text("\n\n")
    overlap = pairs_of(texts | {"qad": tmp_path / "empty.txt"}, tokenizer)["vocabulary_overlap"]
    assert (overlap["qad"] == 0).all()


def test_without_texts_no_overlap_is_known(tokenizer: Path) -> None:
    assert pairs_of({}, tokenizer)["vocabulary_overlap"].isna().all()


def test_texts_are_counted_alike_in_parts(
    texts: dict[str, Path], tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pairs_of(texts, tokenizer)
    monkeypatch.setattr(properties, "_CHUNK", 3)
    pd.testing.assert_frame_equal(pairs_of(texts, tokenizer), whole)


def test_a_text_overlaps_with_itself_wholly(texts: dict[str, Path], tokenizer: Path) -> None:
    table = pairs_of(texts | {"qad": texts["qaa"]}, tokenizer)
    assert table.loc[("qaa", "qad"), "vocabulary_overlap"] == pytest.approx(1)


def test_unknown_subwords_are_not_shared(tokenizer: Path, tmp_path: Path) -> None:
    pieces = SentencePieceProcessor(model_file=str(tokenizer))
    assert pieces.encode("日本語", out_type=str) == ["▁", "日本語"]  # the second is unknown
    (tmp_path / "other.txt").write_text("cat 日本語\n", encoding="utf-8")
    (tmp_path / "another.txt").write_text("日本語\n", encoding="utf-8")
    other = {"qaa": tmp_path / "other.txt", "qab": tmp_path / "another.txt"}
    overlap = pairs_of(other, tokenizer).loc[("qaa", "qab"), "vocabulary_overlap"]
    assert 0 < overlap < 1
    assert overlap == overlap_by_counting(["cat 日本語"], ["日本語"], tokenizer)


def test_the_beginning_of_a_long_text_is_counted(
    texts: dict[str, Path], tokenizer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = pairs_of(texts, tokenizer).loc[("qaa", "qab"), "vocabulary_overlap"]
    monkeypatch.setattr(properties, "SAMPLE", 30)  # two paragraphs of each
    sample = pairs_of(texts, tokenizer).loc[("qaa", "qab"), "vocabulary_overlap"]
    a, b = [text for text in TEXTS["qaa"] if text][:2], TEXTS["qab"][:2]
    assert sample == pytest.approx(overlap_by_counting(a, b, tokenizer))
    assert sample != whole


def test_scripts_and_distances_of_pairs(texts: dict[str, Path], tokenizer: Path) -> None:
    table = pairs_of(texts, tokenizer)
    assert table.loc[("qaa", "qab"), "same_script"] == 1
    assert table.loc[("qaa", "qac"), "same_script"] == 0
    assert table.loc[("qaa", "qac"), "genetic"] == 0
    assert table.loc[("qaa", "qad"), "genetic"] == 1
    assert (table["syntactic"] == 0).all()
    assert table["geographic"].isna().all()


def test_a_script_that_is_not_given_is_not_compared(tokenizer: Path) -> None:
    described = {
        code: ("", script, "") for code, script in (("qaa", ""), ("qab", ""), ("qac", "x"))
    }
    read = SentencePieceTokenizer(tokenizer)
    table = language_pair_properties(described, texts={}, tokenizer=read, typologies=TYPOLOGIES)
    assert table["same_script"].isna().all()


def words_of(sentences: dict[str, str]) -> Words:
    rows = [
        (split, number, place, form)
        for number, (split, text) in enumerate(sentences.items())
        for place, form in enumerate(text.split(), start=1)
    ]
    splits, numbers, places, forms = zip(*rows, strict=True)
    size = len(rows)
    return Words(
        split=np.array(splits),
        sentence=np.array(numbers, np.int32),
        sentence_id=np.array([f"s{number}" for number in numbers], object),
        word=np.array(places, np.int32),
        form=np.array(forms, object),
        upos=np.array(["X"] * size, object),
        head=np.array([place - 1 for place in places], np.int32),
        deprel=np.array(["dep"] * size, object),
        space_before=np.array([True] * size),
    )


def test_languages(texts: dict[str, Path], tokenizer: Path, tmp_path: Path) -> None:
    train = "the cat sat on the mat"
    write_words(
        words_of({"train": train, "dev": "incomprehensible", "test": "unpronounceable"}),
        tmp_path / "words.parquet",
    )
    sizes = {"paragraphs": 3, "characters": 54, "tokens": 40, "unknown": 0}
    (tmp_path / "counts.json").write_text(json.dumps({"train": sizes, "valid": {}}))
    table = language_properties(
        DESCRIBED,
        counts={"qaa": tmp_path / "counts.json"},
        words={"qaa": tmp_path / "words.parquet", "qad": tmp_path / "words.parquet"},
        text_tokens={"qaa": 1, "qac": 7},
        tokenizer=SentencePieceTokenizer(tokenizer),
    ).set_index("language")
    assert list(table.index) == list(DESCRIBED)
    assert table.loc["qac", ["name", "script", "family"]].tolist() == [*DESCRIBED["qac"]]
    assert table.loc["qaa", ["text_characters", "text_tokens"]].tolist() == [54, 40]
    assert table.loc["qac", "text_tokens"] == 7  # of a model from elsewhere
    assert table.loc["qab", ["text_characters", "text_tokens", "fertility"]].isna().all()
    pieces = SentencePieceProcessor(model_file=str(tokenizer)).encode(train)
    assert table.loc["qaa", "fertility"] == pytest.approx(len(pieces) / 6)
    assert table.loc["qad", "fertility"] == table.loc["qaa", "fertility"]


grammars = st.fixed_dictionaries(
    {
        "family": st.sampled_from(["northern", "southern"]),
        "order": st.sampled_from(["SVO", "SOV", "VSO"]),
        "adjective": st.sampled_from(["before", "after"]),
        "adposition": st.sampled_from(["before", "after"]),
        "case": st.booleans(),
        "agreement": st.booleans(),
        "morphology": st.sampled_from(["separate", "agglutinated"]),
        "script": st.sampled_from(["latin", "greek"]),
    }
)


@given(grammars, grammars)
def test_in_vitro_distances_are_the_generators_less_the_script(a: dict, b: dict) -> None:
    one, other = typology(**a), typology(**b)
    found = distances(["qaa", "qab"], {"qaa": one, "qab": other})
    differing = distance(one, other) * len(PARAMETERS) - (one.script != other.script)
    assert found["syntactic"][0, 1] == pytest.approx(differing / (len(PARAMETERS) - 1))
    assert found["genetic"][0, 1] == (one.family != other.family)
    assert np.isnan(found["geographic"]).all()


REAL = ["sv", "da", "de", "fr", "it", "fi", "et", "tr", "ja", "zh", "eu"]


@pytest.fixture(scope="module")
def uriel() -> dict[tuple[str, str], dict[str, float]]:
    found = distances(REAL, {})
    return {
        (REAL[a], REAL[b]): {name: matrix[a, b] for name, matrix in found.items()}
        for a in range(len(REAL))
        for b in range(len(REAL))
    }


@pytest.mark.parametrize("name", ["syntactic", "genetic", "geographic"])
def test_neighbours_are_nearer_than_strangers(
    uriel: dict[tuple[str, str], dict[str, float]], name: str
) -> None:
    for language, near, far in (
        ("fr", "it", "ja"),
        ("sv", "da", "tr"),
        ("sv", "de", "zh"),
        ("fi", "et", "fr"),
    ):
        assert uriel[language, near][name] < uriel[language, far][name]
    for a, b in combinations(REAL, 2):
        assert 0 <= uriel[a, b][name] <= 1
        assert uriel[a, b][name] == pytest.approx(uriel[b, a][name])


def test_families(uriel: dict[tuple[str, str], dict[str, float]]) -> None:
    assert 0 < uriel["sv", "da"]["genetic"] < uriel["sv", "de"]["genetic"]
    assert uriel["sv", "de"]["genetic"] < uriel["sv", "fr"]["genetic"] < 1
    assert uriel["sv", "fi"]["genetic"] == 1
    assert uriel["eu", "fr"]["genetic"] == 1  # an isolate, whose vector is zero


def test_geographic_distance_is_that_of_the_great_circle(
    uriel: dict[tuple[str, str], dict[str, float]],
) -> None:
    """By the triangle inequality: exact where a point of reference lies beyond one of the two."""
    with np.load(str(files("lang2vec") / "data" / "geocoord_features.npz")) as database:
        rows = {code: row for row, code in enumerate(database["langs"].tolist())}
        to_points = database["data"][:, :, 0]
    for (a, code_a), (b, code_b) in combinations(
        {"sv": "swe", "fr": "fra", "tr": "tur", "ja": "jpn", "zh": "cmn"}.items(), 2
    ):
        apart = abs(to_points[rows[code_a]] - to_points[rows[code_b]]).max()
        assert apart == pytest.approx(uriel[a, b]["geographic"], rel=0.05)
    kilometres = uriel["fr", "de"]["geographic"] * 20_015
    assert 600 < kilometres < 900


def test_distances_lie_between_0_and_1_and_are_0_from_oneself() -> None:
    # The last ones' places are a little more than a unit from the Earth's centre, by rounding.
    rounded = ["kof", "kws", "bru", "kzv", "jkp", "rmo", "juy", "ava"]
    codes = [
        *REAL,
        *STANDARD.values(),
        *KIN,
        "ar",
        "hi",
        "sw",
        "ta",
        "th",
        "ur",
        "vi",
        "el",
        *rounded,
    ]
    found = distances(codes, {})
    for matrix in found.values():
        assert ((matrix >= 0) & (matrix <= 1)).all()
        np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    for name in ("syntactic", "geographic"):
        np.testing.assert_allclose(np.diag(found[name]), 0, atol=1e-7)
    isolates = np.flatnonzero(np.diag(found["genetic"]) > 1e-7)
    assert "eu" in {codes[place] for place in isolates}


def test_codes_of_three_letters_are_those_of_two() -> None:
    two, three = distances(["sv", "zh"], {}), distances(["swe", "cmn"], {})
    for name, matrix in two.items():
        np.testing.assert_array_equal(matrix, three[name])


def test_codes_that_are_read_as_others_are_known_by_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = distances([*STANDARD.values(), *KIN, *KIN.values()], {})
    assert not any(np.isnan(matrix).any() for matrix in found.values())
    assert capsys.readouterr().err == ""
    norwegian = distances(["nb", "nn", "sv"], {})
    assert norwegian["genetic"][0, 2] == norwegian["genetic"][1, 2] < 0.5
    assert norwegian["geographic"][0, 1] > 0


def test_an_unknown_language_is_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = distances(["sv", "xx", "da", "qaa"], {"qaa": typology()})
    assert capsys.readouterr().err == "not in URIEL, so without distances to others: xx\n"
    for matrix in found.values():
        assert np.isnan(matrix[1]).all()
        assert np.isnan(matrix[3, :3]).all()
        assert matrix[0, 2] > 0


def test_invented_languages_need_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr("chronoglot.analysis.distances.files", refuse)
    assert distances(["qaa"], {"qaa": typology()})["syntactic"].tolist() == [[0]]
