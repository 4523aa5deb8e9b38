"""The readers on real treebanks and text."""

import lzma
import re
from collections import Counter
from pathlib import Path

import conllu
import pytest
from chronoglot.data.conllu import Sentence, read_conllu
from chronoglot.data.locate import find_parts
from chronoglot.data.text import prepare_text
from chronoglot.data.treebank import prepare_words
from chronoglot.runtime.errors import UserError
from chronoglot.tables.values import SPLITS
from chronoglot.tables.words import read_words


def is_damaged(path: Path) -> bool:
    """Whether each line of words repeats its id in all ten columns, as one release's file does."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return any(re.fullmatch(r"(\d+)(\t\1){9}", line) for line in lines)


@pytest.fixture(scope="module")
def treebanks(real_data: Path) -> list[Path]:
    folders = sorted((real_data / "ud").glob("UD_*"))
    if not folders:
        pytest.skip(f"{real_data}/ud holds no treebank")
    return folders


def naive_sentences(path: Path) -> dict[str, tuple[str, int, bool]]:
    """Text, number of words and presence of multiword tokens, by sent_id."""
    sentences = {}
    for block in path.read_text(encoding="utf-8").strip("\n").split("\n\n"):
        comments = dict(re.findall(r"^# (sent_id|text) = ?(.*)$", block, flags=re.M))
        words = len(re.findall(r"^\d+\t", block, flags=re.M))
        ranges = re.search(r"^\d+-\d+\t", block, flags=re.M) is not None
        sentences[comments["sent_id"]] = (comments["text"], words, ranges)
    return sentences


def text_of(sentence: Sentence) -> str:
    text = "".join(" " * word.space_before + word.form for word in sentence.words)
    return text.removeprefix(" ")


def test_every_treebank_is_read_whole(treebanks: list[Path]) -> None:
    exact: Counter[str] = Counter()
    compared: Counter[str] = Counter()
    for folder in treebanks:
        for path in (path for paths in find_parts(folder).values() for path in paths):
            if is_damaged(path):
                with pytest.raises(UserError, match=r"line 3: '1' in column UPOS"):
                    list(read_conllu(path))
                continue
            expected = naive_sentences(path)
            sentences = list(read_conllu(path))
            assert [sentence.id for sentence in sentences] == list(expected)
            for sentence in sentences:
                text, words, ranges = expected[sentence.id]
                assert len(sentence.words) == words
                if not ranges:
                    # Texts keep double and no-break spaces, which the columns do not tell.
                    assert text_of(sentence) == " ".join(text.split()), sentence.id
                    compared[folder.name] += 1
                    exact[folder.name] += text_of(sentence) == text
    share = exact.total() / compared.total()
    print(f"{share:.4%} of {compared.total():,} texts to the letter")
    assert share > 0.998


def test_forms_and_heads_agree_with_the_package(treebanks: list[Path]) -> None:
    for folder in [folder for folder in treebanks if folder.name.endswith("-PUD")][::4]:
        for path in find_parts(folder)["test"]:
            with path.open(encoding="utf-8") as file:
                for parsed, sentence in zip(
                    conllu.parse_incr(file), read_conllu(path), strict=True
                ):
                    tokens = [token for token in parsed if isinstance(token["id"], int)]
                    assert [(token["form"], token["upos"], token["head"]) for token in tokens] == [
                        (word.form, word.upos, word.head) for word in sentence.words
                    ]


def test_parallel_treebanks_are_divided_alike(treebanks: list[Path], tmp_path: Path) -> None:
    divided = {}
    for folder in (folder for folder in treebanks if folder.name.endswith("-PUD")):
        output = tmp_path / f"{folder.name}.parquet"
        prepare_words(
            find_parts(folder),
            output,
            split="sentence",
            shares=(0.8, 0.1, 0.1),
            max_train_words=None,
            language=folder.name,
        )
        words = read_words(output)
        divided[folder.name] = dict(zip(words.sentence_id, words.split, strict=True))
    first, *others = divided.values()
    assert len(first) == 1000
    assert set(first.values()) == set(SPLITS)
    assert all(other == first for other in others)


def test_parallel_text_is_divided_alike(real_data: Path, tmp_path: Path) -> None:
    """No paragraph of heldout is, in another language, on a page of train."""
    pages: dict[str, set[str]] = {"train": set(), "heldout": set()}
    for language in ("en-us", "de", "zh-cn"):
        source = real_data / "text" / "libreoffice-help" / f"{language}.tsv.xz"
        if not source.exists():
            pytest.skip(f"{source} is absent")
        outputs = {side: tmp_path / language / f"{side}.txt" for side in pages}
        prepare_text(
            [source], outputs["train"], outputs["heldout"], format="keyed", heldout_share=0.05
        )
        page_of: dict[str, str] = {}
        repeated = set()
        with lzma.open(source, "rt", encoding="utf-8") as file:
            for line in file:
                key, _, text = line.rstrip("\n").partition("\t")
                repeated |= {text.strip()} & page_of.keys()
                page_of[text.strip()] = key.partition("#")[0]
        for side, output in outputs.items():
            paragraphs = set(output.read_text(encoding="utf-8").splitlines()) - repeated - {""}
            known = paragraphs & page_of.keys()
            assert len(known) > 0.99 * len(paragraphs)
            pages[side] |= {page_of[paragraph] for paragraph in known}
    assert min(map(len, pages.values())) > 50
    assert not pages["train"] & pages["heldout"]
