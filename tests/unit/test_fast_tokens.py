"""Fast tokenizers: every word its subwords, in every script."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import tiny_model
from chronoglot.encoding.fast_tokens import FastTokenizer, _owners, _text, _with_marks
from chronoglot.runtime.errors import UserError
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_tokenizers import SCRIPTS, SPECIAL, train, write_tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders with a `tokenizer.json` each."""
    return write_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture(scope="module")
def tokenizers(folders: dict[str, Path]) -> dict[str, FastTokenizer]:
    return {kind: FastTokenizer(folder) for kind, folder in folders.items()}


# Words of the scripts and pieces of them, cut anywhere, and what normalisers take away.
_WORDS = sorted({word for line in SCRIPTS for word in line.split()})
_WORD = st.one_of(
    st.sampled_from([*_WORDS, "can", "not", "\u200b", "\u200d", "\u0301", "␞", "</s>", "[SEP]"]),
    st.sampled_from(_WORDS).flatmap(
        lambda word: st.integers(0, len(word) - 1).map(lambda start: word[start:])
    ),
    st.sampled_from("".join(_WORDS)),
    st.text(st.characters(codec="utf-8", exclude_categories=["Z", "C"]), min_size=1, max_size=4),
)
_SENTENCE = st.lists(st.tuples(_WORD, st.booleans()), min_size=1, max_size=12)


@pytest.mark.parametrize("kind", SPECIAL)
@settings(max_examples=100)
@given(texts=st.lists(_SENTENCE, min_size=1, max_size=3))
def test_every_subword_is_of_one_word_and_every_word_has_one(
    tokenizers: dict[str, FastTokenizer], kind: str, texts: list[list[tuple[str, bool]]]
) -> None:
    tokenizer, words = tokenizers[kind], tiny_model.word_table(texts)
    subwords = tokenizer.tokenize(words)
    assert len(subwords.starts) == len(words) + 1
    assert subwords.starts[0] == 0 and subwords.starts[-1] == len(subwords.ids)
    assert (np.diff(subwords.starts) > 0).all()
    special = {*tokenizer.before, *tokenizer.after} - {tokenizer.unknown}
    assert not special & set(subwords.ids.tolist())
    # A sentence is tokenized the same whatever stands beside it.
    alone = [tokenizer.tokenize(tiny_model.word_table([text])) for text in texts]
    assert np.array_equal(subwords.ids, np.concatenate([each.ids for each in alone]))


_NORMALISERS = st.sampled_from(
    [
        normalizers.NFC(),
        normalizers.NFKD(),
        normalizers.BertNormalizer(),
        normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]),
        normalizers.Replace("a", "bb"),
    ]
)
# Signs that normalisation puts in another order, composes, divides or takes away.
_SIGN = st.one_of(
    st.sampled_from("ab\u0323\u0301\u1100\u1161\u11a8각ﬁÅ\u200b\u093cก\u0e33𓀀"), _WORD
)


@pytest.mark.parametrize("kind", SPECIAL)
@settings(max_examples=200)
@given(normaliser=_NORMALISERS, forms=st.lists(_SIGN, min_size=2, max_size=8), data=st.data())
def test_subwords_are_of_words_in_order_however_text_is_normalised(
    folders: dict[str, Path],
    kind: str,
    normaliser: normalizers.Normalizer,
    forms: list[str],
    data: st.DataObject,
) -> None:
    tokenizer = Tokenizer.from_file(str(folders[kind] / "tokenizer.json"))
    tokenizer.normalizer = normaliser
    divided = data.draw(st.sets(st.integers(0, len(forms) - 1)))
    text, word_of = _text(forms, divided)
    offsets = _with_marks(tokenizer).encode(text, add_special_tokens=False).offsets
    owners = _owners(offsets, word_of)
    assert (np.diff(owners) >= 0).all()
    for owner, (start, stop) in zip(owners, offsets, strict=True):
        counts = np.bincount(word_of[start:stop], minlength=len(forms))
        assert stop == start or counts[owner] == counts.max() > counts[:owner].max(initial=0)


# Not Llama's, whose subwords may cross words: where one leaves a word with nothing, it is divided.
@pytest.mark.parametrize("kind", sorted(SPECIAL.keys() - {"llama"}))
@pytest.mark.parametrize("line", SCRIPTS)
def test_words_divided_by_spaces_have_the_subwords_of_the_sentence(
    folders: dict[str, Path], tokenizers: dict[str, FastTokenizer], kind: str, line: str
) -> None:
    """The subwords are the library's own, and each lies in its word or the space before it."""
    library = Tokenizer.from_file(str(folders[kind] / "tokenizer.json"))
    words = tiny_model.word_table([[(word, True) for word in line.split()]])
    subwords = tokenizers[kind].tokenize(words)
    expected = library.encode(line, add_special_tokens=False)
    assert subwords.ids.tolist() == expected.ids
    stop = -1
    for word, span in zip(line.split(), itertools.pairwise(subwords.starts), strict=True):
        start, stop = stop, stop + 1 + len(word)
        for first, last in expected.offsets[slice(*span)]:
            assert start <= first <= last <= stop


@pytest.mark.parametrize("kind", ["roberta", "bytes"])
def test_bytes_of_half_a_character_are_of_its_word(
    tokenizers: dict[str, FastTokenizer], kind: str
) -> None:
    """Characters that were never seen are four subwords each; the space is of what follows."""
    words = tiny_model.word_table([[("𓀀", True), ("𓀀", False), ("𓀀", True)]])
    subwords = tokenizers[kind].tokenize(words)
    assert np.diff(subwords.starts).tolist() == [4, 4, 5]


@pytest.fixture(scope="module")
def crossing(tmp_path_factory: pytest.TempPathFactory) -> FastTokenizer:
    """Its subwords cross words: cannot, 北京, and `▁of▁the`."""
    pieces = ["<unk>", "▁", *"acdefhnorstu北京'", "▁cannot", "▁can", "not", "北京", "▁don", "'t"]
    pieces += ["▁of▁the", "▁of", "▁the", "▁a"]
    scores = [(piece, -1.0 / len(piece)) for piece in pieces]
    scores[0] = ("<unk>", -100.0)
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(split=False)
    tokenizer.normalizer = normalizers.Replace("\u200b", "")
    folder = tmp_path_factory.mktemp("crossing")
    tokenizer.save(str(folder / "tokenizer.json"))
    return FastTokenizer(folder)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        # Whole, of the word with most of its characters, as long as no word is left with nothing.
        ([("do", True), ("n't", False)], [["▁don"], ["'t"]]),
        # Divided where one would be, and there alone; without a space that is not in the text.
        ([("can", True), ("not", False), ("a", True)], [["▁can"], ["not"], ["▁a"]]),
        ([("北", True), ("京", False)], [["▁", "北"], ["京"]]),
        ([("of", True), ("the", True)], [["▁of"], ["▁the"]]),
        ([("do", True), ("n't", False), ("of", True), ("the", True)],
         [["▁don"], ["'t"], ["▁of"], ["▁the"]]),
        # Nothing left of it: unknown, in its place.
        ([("a", True), ("\u200b", False), ("a", True)], [["▁a"], ["<unk>"], ["▁a"]]),
    ],
)  # fmt: skip
def test_a_subword_that_crosses_words(
    crossing: FastTokenizer, words: list[tuple[str, bool]], expected: list[list[str]]
) -> None:
    subwords = crossing.tokenize(tiny_model.word_table([words]))
    pieces = [crossing._tokenizer.id_to_token(number) for number in subwords.ids]
    found = [pieces[slice(*span)] for span in itertools.pairwise(subwords.starts)]
    assert found == expected


def test_a_sign_that_is_read_as_a_space_and_another_is_of_its_word(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    """A macron is a space and its sign to NFKC; offsets of spaces are trimmed to their ends."""
    tokenizer = Tokenizer.from_file(str(folders["roberta"] / "tokenizer.json"))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    tokenizer = FastTokenizer(tmp_path)
    sign = tokenizer.text_ids("¯").tolist()
    for before, after in itertools.product("ab¯", repeat=2):
        words = tiny_model.word_table([[(before, True), ("¯", False), (after, False)]])
        subwords = tokenizer.tokenize(words)
        assert subwords.ids[slice(*subwords.starts[1:3])].tolist() == sign


@pytest.mark.parametrize(
    ("kind", "before", "after", "separator"),
    [
        ("wordpiece", ["[CLS]"], ["[SEP]"], ["[SEP]"]),
        ("roberta", ["<s>"], ["</s>"], ["</s>", "</s>"]),
        ("bytes", [], [], ["Ċ"]),
        ("llama", ["<s>"], [], ["<s>"]),
    ],
)
def test_special_subwords_are_those_of_the_tokenizer(
    tokenizers: dict[str, FastTokenizer],
    kind: str,
    before: list[str],
    after: list[str],
    separator: list[str],
) -> None:
    tokenizer = tokenizers[kind]
    names = tokenizer._tokenizer.id_to_token
    assert [names(i) for i in tokenizer.before] == before
    assert [names(i) for i in tokenizer.after] == after
    assert [names(i) for i in tokenizer.separator] == separator


def test_special_subwords_are_told_from_a_letter_of_two(tmp_path: Path) -> None:
    names = ["▁", "a", "<s>", "</s>", "<sep>"]
    tokenizer = Tokenizer(models.BPE({name: i for i, name in enumerate(names)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.add_special_tokens(names[2:])
    tokenizer.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A <sep> $B:1 </s>:1", [(name, names.index(name)) for name in names[2:]]
    )
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    tokenizer = FastTokenizer(tmp_path)
    assert tokenizer.text_ids("a").tolist() == [0, 1]
    found = tokenizer.before, tokenizer.separator, tokenizer.after
    assert [ids.tolist() for ids in found] == [[2], [4], [3]]
    assert tokenizer.second_type


def test_text_that_spells_a_special_subword_is_text(tokenizers: dict[str, FastTokenizer]) -> None:
    for tokenizer in tokenizers.values():
        for text in ("a </s> b", "a [SEP] b", "<s>", "<|endoftext|>"):
            special = {*tokenizer.before, *tokenizer.after} - {tokenizer.unknown}
            assert not special & set(tokenizer.text_ids(text).tolist())


def test_truncation_and_padding_of_the_file_are_not_obeyed(tmp_path: Path) -> None:
    tokenizer = train("wordpiece")
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=8)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    ids = FastTokenizer(tmp_path).text_ids(SCRIPTS[0])
    tokenizer.no_truncation()
    tokenizer.no_padding()
    assert ids.tolist() == tokenizer.encode(SCRIPTS[0], add_special_tokens=False).ids


def test_a_folder_without_a_fast_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no fast tokenizer"):
        FastTokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="no fast tokenizer"):
        FastTokenizer(tmp_path)
