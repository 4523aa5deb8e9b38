"""Every word of every real treebank has subwords of its own."""

import io
import re
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from chronoglot.data.conllu import Sentence, read_conllu
from chronoglot.encoding.tokens import SentencePieceTokenizer
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import Words

SENTENCES = 40  # of each treebank, to train the tokenizer on


@pytest.fixture(scope="module")
def treebanks(real_data: Path) -> dict[str, list[Sentence]]:
    return {
        folder.name: [
            sentence for path in sorted(folder.glob("*.conllu")) for sentence in readable(path)
        ]
        for folder in sorted((real_data / "ud").glob("UD_*"))
    }


def readable(path: Path) -> list[Sentence]:
    """A file's sentences; none of a damaged file, which another test is about."""
    try:
        return list(read_conllu(path))
    except UserError:
        return []


def word_table(sentences: list[Sentence]) -> Words:
    words = [(n, w, word) for n, s in enumerate(sentences) for w, word in enumerate(s.words, 1)]
    return Words(
        split=np.full(len(words), "test"),
        sentence=np.array([n for n, _, _ in words], np.int32),
        sentence_id=np.array([sentences[n].id for n, _, _ in words], object),
        word=np.array([w for _, w, _ in words], np.int32),
        form=np.array([word.form for *_, word in words], object),
        upos=np.array([word.upos for *_, word in words], object),
        head=np.array([word.head for *_, word in words], np.int32),
        deprel=np.array([word.deprel for *_, word in words], object),
        space_before=np.array([word.space_before for *_, word in words], bool),
    )


def text_of(words: Words, first: int, last: int) -> str:
    return "".join(
        " " * int(space) + form
        for form, space in zip(
            words.form[first:last], words.space_before[first:last].tolist(), strict=True
        )
    )


@pytest.fixture(scope="module")
def tables(treebanks: dict[str, list[Sentence]]) -> dict[str, Words]:
    return {name: word_table(sentences) for name, sentences in treebanks.items()}


@pytest.fixture(scope="module")
def model(tables: dict[str, Words], tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = [
        text_of(words, first, last)
        for words in tables.values()
        for first, last in islice(pairwise(words.sentence_starts()), SENTENCES)
    ]
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=trained,
        vocab_size=8000,
        character_coverage=0.9995,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("tokenizer") / "sentencepiece.bpe.model"
    path.write_bytes(trained.getvalue())
    return path


def test_every_word_has_subwords(tables: dict[str, Words], model: Path) -> None:
    tokenizer = SentencePieceTokenizer(model)
    assert len(tables) >= 30
    for name, words in tables.items():
        subwords = tokenizer.tokenize(words)
        assert len(subwords.starts) == len(words) + 1
        assert (np.diff(subwords.starts) >= 1).all(), name


def test_words_are_read_as_in_running_text(tables: dict[str, Words], model: Path) -> None:
    """Word by word the pieces spell what sentencepiece makes of the sentence, spaces and all."""
    tokenizer = SentencePieceTokenizer(model)
    plain = sentencepiece.SentencePieceProcessor(model_file=str(model))

    def spelled(pieces: list[int]) -> str:
        """Unknown characters in a row are one piece in a text, and one in each word."""
        text = "".join(plain.id_to_piece(i) if i else "\0" for i in pieces)
        return re.sub("\0+", "\0", text)

    for name, words in tables.items():
        subwords = tokenizer.tokenize(words)
        for first, last in pairwise(words.sentence_starts()):
            ids = subwords.ids[subwords.starts[first] : subwords.starts[last]]
            pieces = [int(i) - 1 if i != 3 else 0 for i in ids]
            text = text_of(words, first, last)
            assert spelled(pieces) == spelled(plain.encode(text)), (name, text)


def test_running_text_is_read_as_sentencepiece_reads_it(
    tables: dict[str, Words], model: Path
) -> None:
    tokenizer = SentencePieceTokenizer(model)
    plain = sentencepiece.SentencePieceProcessor(model_file=str(model))
    for name, words in tables.items():
        for first, last in islice(pairwise(words.sentence_starts()), SENTENCES):
            text = text_of(words, first, last)
            expected = [piece + 1 if piece else 3 for piece in plain.encode(text)]
            assert tokenizer.text_ids(text).tolist() == expected, (name, text)
