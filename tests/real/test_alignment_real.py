"""Published gold alignments are read whole; spaces are guessed as treebanks have them."""

from pathlib import Path

import pytest
from chronoglot.data.conllu import read_conllu
from chronoglot.data.gold_links import read_gold
from chronoglot.data.spaces import spaces

# Sentence pairs, sure and possible links, counted in the files by another program.
SIZES = {
    "en-ar.pud-content-words": (994, 14297, 14297),
    "en-cs.czenali": (250, 4238, 4238),
    "en-es.xlwa": (245, 4722, 4722),
    "en-fr.hansards": (447, 4038, 17438),
    "en-fr.pud-content-words": (999, 12807, 12807),
    "en-it.xlwa": (243, 4765, 4765),
    "en-ru.pud-content-words": (995, 12084, 12084),
    "en-ru.xlwa": (210, 2580, 2580),  # two links are given twice
    "en-tr.silveralign": (100, 2668, 2668),  # and here two
    "en-zh.pud-content-words": (999, 13037, 13037),  # here one
    "zh-en.tsinghua": (450, 11238, 11416),
}


@pytest.mark.parametrize("name", SIZES)
def test_published_alignments(real_data: Path, name: str) -> None:
    pairs = read_gold(real_data / "alignments" / name).translations
    sure, possible = (
        sum(len(getattr(pair, kind)) for pair in pairs) for kind in ("sure", "possible")
    )
    assert (len(pairs), sure, possible) == SIZES[name]
    for pair in pairs:
        assert set(pair.sure) <= set(pair.possible)


@pytest.mark.parametrize(
    ("treebank", "share"),
    [
        ("Chinese", 0.999),
        ("Japanese", 0.999),
        ("Swedish", 0.995),
        ("Czech", 0.99),
        ("Hindi", 0.98),
        ("Russian", 0.99),
        ("English", 0.98),  # what is left are hyphens, which treebanks make words
        ("French", 0.98),  # and the space before » ; : ?
        ("Thai", 0.93),  # whose spaces divide clauses
    ],
)
def test_spaces_are_those_of_treebanks(real_data: Path, treebank: str, share: float) -> None:
    right = total = 0
    (path,) = (real_data / "ud" / f"UD_{treebank}-PUD").glob("*.conllu")
    for sentence in read_conllu(path):
        given = [word.space_before for word in sentence.words]
        right += (spaces(sentence.forms) == given).sum()
        total += len(given)
    assert right / total > share
