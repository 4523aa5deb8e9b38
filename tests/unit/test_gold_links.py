"""Gold word alignments are read whole or refused with the place of the mistake."""

import json
from pathlib import Path

import pytest
from chronoglot.data.gold_links import prepare_gold_links, read_gold
from chronoglot.data.in_vitro.write import generate_translations
from chronoglot.data.spaces import spaces
from chronoglot.runtime.errors import UserError
from chronoglot.settings.in_vitro import Generator, Sentences, Typology
from chronoglot.tables.gold_links import GoldLinks, Translation, read_gold_links, write_gold_links
from hypothesis import given, settings
from hypothesis import strategies as st

ENGLISH = """# sent_id = one
1\tWe\twe\tPRON\t_\t_\t4\tnsubj\t_\t_
2-3\twon't\t_\t_\t_\t_\t_\t_\t_\t_
2\two\twill\tAUX\t_\t_\t4\taux\t_\t_
3\tn't\tnot\tPART\t_\t_\t4\tadvmod\t_\t_
4\tsleep\tsleep\tVERB\t_\t_\t0\troot\t_\tSpaceAfter=No
5\t.\t.\tPUNCT\t_\t_\t4\tpunct\t_\t_

# sent_id = two
1\tDogs\tdog\tNOUN\t_\t_\t2\tnsubj\t_\t_
2\tbark\tbark\tVERB\t_\t_\t0\troot\t_\t_

"""
FRENCH = """# sent_id = one
1\tNous\til\tPRON\t_\t_\t3\tnsubj\t_\t_
2\tne\tne\tADV\t_\t_\t3\tadvmod\t_\t_
3\tdormirons\tdormir\tVERB\t_\t_\t0\troot\t_\t_
4\tpas\tpas\tADV\t_\t_\t3\tadvmod\t_\tSpaceAfter=No
5\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\t_

# sent_id = two
1\tLes\tle\tDET\t_\t_\t2\tdet\t_\t_
2\tchiens\tchien\tNOUN\t_\t_\t3\tnsubj\t_\t_
3\taboient\taboyer\tVERB\t_\t_\t0\troot\t_\t_

"""
LINKS: list = [{"4": ["3"], "3": ["4", "2"], "1": ["X"], "X": ["1"]}, {"2": ["3"], "1": ["2"]}]


def pharaoh(folder: Path, sentences: str, gold: str) -> Path:
    (folder / "sentences.txt").write_text(sentences, encoding="utf-8")
    (folder / "gold.txt").write_text(gold, encoding="utf-8")
    return folder


def content_words(
    folder: Path, links: object = LINKS, english: str = ENGLISH, french: str = FRENCH
) -> Path:
    (folder / "en.conllu").write_text(english, encoding="utf-8")
    (folder / "target.conllu").write_text(french, encoding="utf-8")
    text = links if isinstance(links, str) else json.dumps(links, indent=2)
    (folder / "alignment.json").write_text(text, encoding="utf-8")
    return folder


def test_pharaoh(tmp_path: Path) -> None:
    gold = read_gold(pharaoh(tmp_path, "hear , hear ! ||| bravo !\na ||| b\n", "2p0 3-1 0-0\n\n"))
    first, second = gold.translations
    assert first == Translation(
        source=("hear", ",", "hear", "!"),
        target=("bravo", "!"),
        source_space_before=(True, False, True, False),
        target_space_before=(True, False),
        sure=((0, 0), (3, 1)),
        possible=((0, 0), (2, 0), (3, 1)),
    )
    assert second.sure == second.possible == ()


def test_a_link_given_twice_counts_once_and_as_sure(tmp_path: Path) -> None:
    (pair,) = read_gold(pharaoh(tmp_path, "a b ||| c d\n", "0-0 0-0 1-1 1p1\n")).translations
    assert pair.sure == pair.possible == ((0, 0), (1, 1))


def test_content_words(tmp_path: Path) -> None:
    first, second = read_gold(content_words(tmp_path)).translations
    assert first.source == ("We", "wo", "n't", "sleep", ".")
    assert first.source_space_before == (True, True, False, True, False)
    assert first.sure == first.possible == ((2, 1), (2, 3), (3, 2))
    assert first.source_judged == (0, 2, 3)
    assert first.target_judged == (0, 1, 2, 3)
    assert second.target_judged == (1, 2)


def test_a_word_linked_and_unaligned_is_linked(tmp_path: Path) -> None:
    links = [{"4": ["3"], "X": ["3"]}, {"1": ["2"]}]
    first, _ = read_gold(content_words(tmp_path, links)).translations
    assert first.sure == ((3, 2),)
    assert first.target_judged == (2,)


def test_invented_languages_come_back_as_written(tmp_path: Path) -> None:
    source = Typology(
        name="A",
        family="f",
        order="SVO",
        adjective="before",
        adposition="before",
        case=False,
        agreement=True,
        morphology="separate",
        script="latin",
        words=1000,
    )
    target = source.model_copy(update={"order": "SOV", "script": "greek", "name": "B"})
    sizes = Sentences(train=3, dev=3, test=3)
    generator = Generator(treebank_sentences=sizes, pairs=sizes, parallel=50)
    generate_translations("qaa", source, "qab", target, generator, 1, tmp_path / "gold")
    pairs = read_gold(tmp_path / "gold").translations
    sentences = [f"{' '.join(pair.source)} ||| {' '.join(pair.target)}" for pair in pairs]
    links = [" ".join(f"{i}-{j}" for i, j in pair.sure) for pair in pairs]
    assert sentences == (tmp_path / "gold/sentences.txt").read_text(encoding="utf-8").splitlines()
    assert links == (tmp_path / "gold/gold.txt").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("sentences", "gold", "message"),
    [
        ("a ||| b\na ||| b\n", "0-0\n", r"gold\.txt, line 2: 1 lines of links, but .* 2 sentence"),
        ("a ||| b\n", "0-0\n0-0\n", r"gold\.txt, line 2: 2 lines of links"),
        ("a ||| b\na b\n", "0-0\n\n", r"sentences\.txt, line 2: 0 separators; write"),
        ("a ||| b ||| c\n", "0-0\n", r"sentences\.txt, line 1: 2 separators"),
        ("\na ||| b\n", "\n0-0\n", r"sentences\.txt, line 1: 0 separators"),
        ("a ||| b\n||| b\n", "0-0\n\n", r"sentences\.txt, line 2: the source is empty"),
        ("a |||\n", "\n", r"sentences\.txt, line 1: the target is empty"),
        ("a ||| b\n", "0-0 0:0\n", r"gold\.txt, line 1: '0:0' is no link; write 3-5"),
        ("a ||| b\n", "0-0-0\n", r"'0-0-0' is no link"),
        ("a ||| b\n", "-1-0\n", r"'-1-0' is no link"),
        ("a ||| b\na b ||| c d e\n", "\n2-0\n", r"line 2: link 2-0 .* of 2 and 3 tokens"),
        ("a ||| b c\n", "0p2\n", r"line 1: link 0p2 is not in .* count tokens from 0"),
        ("a ||| b\n", "0p0\n", r"no sure link"),
        ("", "", r"no sure link"),
    ],
)
def test_pharaoh_mistakes(tmp_path: Path, sentences: str, gold: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_gold(pharaoh(tmp_path, sentences, gold))


@pytest.mark.parametrize(
    ("links", "message"),
    [
        (LINKS[:1], r"alignment\.json: 1 sentence pairs, but .* 2 sentences and .* 2;"),
        ([LINKS[0], {"3": ["1"]}], r"pair 2 \(two\): '3' is no word of sentence two, which has 2"),
        ([LINKS[0], {"1": ["4"]}], r"pair 2 \(two\): '4' is no word"),
        ([{"0": ["1"]}, {}], r"pair 1 \(one\): '0' is no word"),
        ([{"2-3": ["1"]}, {}], r"'2-3' is no word"),
        ([{"1": [1]}, {}], r"1 is no word .* as a string"),
        ([{"1": "1"}, {}], r"pair 1 \(one\): not an object of lists"),
        ([[], {}], r"not an object of lists"),
        ({"1": ["1"]}, r"not a list"),
        ('[{"1": ["1"]},\n{"1": ["1"}]', r"alignment\.json, line 2: not JSON"),
    ],
)
def test_content_word_mistakes(tmp_path: Path, links: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_gold(content_words(tmp_path, links))


def test_a_folder_of_neither_form(tmp_path: Path) -> None:
    (tmp_path / "gold.txt").write_text("0-0\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"no gold alignment; put sentences\.txt and gold\.txt"):
        read_gold(tmp_path)


@st.composite
def sentence_pairs(draw: st.DrawFn) -> Translation:
    tokens = st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=5)
    source, target = draw(tokens), draw(tokens)
    cells = st.tuples(st.integers(0, len(source) - 1), st.integers(0, len(target) - 1))
    sure, more = draw(st.sets(cells)), draw(st.sets(cells))
    places = [
        draw(st.none() | st.sets(st.integers(0, len(side) - 1)).map(sorted).map(tuple))
        for side in (source, target)
    ]
    return Translation(
        tuple(source),
        tuple(target),
        tuple(draw(st.booleans()) for _ in source),
        tuple(draw(st.booleans()) for _ in target),
        tuple(sorted(sure)),
        tuple(sorted(sure | more)),
        *places,
    )


@settings(max_examples=50)
@given(pairs=st.lists(sentence_pairs(), max_size=4))
def test_the_table_comes_back(pairs: list[Translation], tmp_path_factory: pytest.TempPathFactory):
    path = tmp_path_factory.mktemp("table") / "a-b.parquet"
    write_gold_links(GoldLinks(tuple(pairs)), path)
    assert read_gold_links(path) == GoldLinks(tuple(pairs))


def test_prepared_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepare_gold_links(content_words(tmp_path), tmp_path / "en-fr.parquet")
    assert "2 sentence pairs, 5 sure links of 5" in capsys.readouterr().out
    assert read_gold_links(tmp_path / "en-fr.parquet") == read_gold(tmp_path)


def test_a_damaged_table(tmp_path: Path) -> None:
    path = tmp_path / "en-fr.parquet"
    prepare_gold_links(content_words(tmp_path), path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(UserError, match=r"en-fr\.parquet: not a readable gold link table"):
        read_gold_links(path)


@pytest.mark.parametrize(
    "text",
    [
        "hear|,| hear|!",
        "the| boy|'s| dog| does|n't| bark",
        "the| boys|'| dogs|,| in| the| '90s",
        "Sheol'un| ağzında",
        "dell'|amicizia| e| l'|eau",
        'he| said| "|no|"| (|twice|)|.',
        "er| sagte| „|nein|“| und| “|ja|”",
        "il| dit| «|non|»|;| er| sagt| »|doch|«",
        "``|yes|''|,| 90|%",
        "¿|qué|?",
        "科学家|一直|猜想|，|土卫六|（|液态|）|「|甲烷|」|。",
        "2008|年|NASA|宣布|“|发现|”",
        "これ|は|コーヒー|です",
        "แมว|เห็น|สุนัข| 2024| (|ดี|)",
        "나는| 학교에| 간다|.",
        "नमस्ते| दुनिया|।",
        "مرحبا|،| كيف|؟",
        "peut| -| elle| &| lui",
    ],
)
def test_spaces(text: str) -> None:
    """`|` stands between two tokens, with the space that belongs there."""
    parts = text.split("|")
    expected = [True] + [part.startswith(" ") for part in parts[1:]]
    assert spaces([part.strip() for part in parts]).tolist() == expected
