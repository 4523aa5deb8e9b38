"""Every word gets its own vector, the same however sentences are batched, ordered or cut."""

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import tiny_model
import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.encoding.encode import word_vectors, write_vectors
from chronoglot.encoding.encoder import load_encoder
from chronoglot.encoding.tokens import SentencePieceTokenizer, Subwords
from chronoglot.encoding.windows import windows
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import Words, write_words
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

LAYERS, POSITIONS = 2, 40
Texts = list[list[tuple[str, bool]]]


def words_of(seed: int, number: int, longest: int = 13) -> Texts:
    """Sentences as words, in each script in turn, some of them with nothing left to read."""
    rng = np.random.default_rng(seed)
    texts: Texts = []
    for index in range(number):
        forms, space = list(tiny_model.SCRIPTS.values())[index % len(tiny_model.SCRIPTS)]
        chosen = rng.choice([*forms, "\u200b", "20 24"], size=int(rng.integers(1, longest)))
        # Sentencepiece reads a zero-width space as a space.
        spaces = [True, *(bool(space) or form == "\u200b" for form in chosen[:-1])]
        text = list(zip(map(str, chosen), spaces, strict=True))
        texts.append([*text, (".", chosen[-1] == "\u200b")])
    return texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write_model(tmp_path_factory.mktemp("model"), positions=POSITIONS)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> SentencePieceTokenizer:
    return SentencePieceTokenizer(folder / "sentencepiece.bpe.model")


def run(
    folder: Path,
    words: Words,
    into: Path,
    *,
    pooling: str = "mean",
    batch_tokens: int = 400,
    long: str = "refuse",
) -> NDArray[np.float32]:
    """Vectors [layers, words, dimension]."""
    outputs = {n: into / f"layer-{n}.npy" for n in range(LAYERS + 1)}
    write_vectors(
        load_encoder(folder),
        words,
        outputs,
        pooling=pooling,  # type: ignore[arg-type]
        batch_tokens=batch_tokens,
        long=long,  # type: ignore[arg-type]
    )
    return np.stack([np.load(output) for output in outputs.values()])


def reference(folder: Path, texts: Texts, pooling: str) -> NDArray[np.float32]:
    """The same word by word, sentence by sentence, from transformers and sentencepiece alone."""
    from transformers import XLMRobertaModel

    model = XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False).eval()
    pieces = sentencepiece.SentencePieceProcessor(
        model_file=str(folder / "sentencepiece.bpe.model")
    )
    vectors = []
    for text in texts:
        groups = []
        for form, space in text:
            ids = [i + 1 if i else 3 for i in pieces.encode(form)]
            if not ids:
                ids = [3]
            elif not space:
                # With a dummy prefix sentencepiece starts any text with ▁ or a piece with it.
                plain = pieces.encode(f".{form}", out_type=str)
                assert plain[:2] == ["▁", "."]
                ids = [i + 1 if i else 3 for i in pieces.piece_to_id(plain[2:])]
            groups.append(ids)
        with torch.inference_mode():
            states = model(
                torch.tensor([[0, *itertools.chain(*groups), 2]]), output_hidden_states=True
            ).hidden_states
        position = 1
        for group in groups:
            own = torch.stack([state[0, position : position + len(group)] for state in states])
            position += len(group)
            pooled = {"mean": own.mean(1), "first": own[:, 0], "last": own[:, -1]}
            vectors.append(pooled[pooling].numpy())
    return np.stack(vectors, axis=1)


@pytest.mark.parametrize("pooling", ["mean", "first", "last"])
def test_vectors_are_those_of_a_plain_loop(folder: Path, tmp_path: Path, pooling: str) -> None:
    texts = words_of(1, 60, longest=6)
    vectors = run(folder, tiny_model.word_table(texts), tmp_path, pooling=pooling)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, reference(folder, texts, pooling), atol=1e-5)


@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
def test_vectors_do_not_depend_on_the_batch(
    folder: Path, tmp_path: Path, batch_tokens: int
) -> None:
    words = tiny_model.word_table(words_of(2, 60, longest=40))
    expected = run(folder, words, tmp_path, long="window")
    vectors = run(folder, words, tmp_path, long="window", batch_tokens=batch_tokens)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_vectors_do_not_depend_on_the_order_of_sentences(folder: Path, tmp_path: Path) -> None:
    texts = words_of(3, 60)
    order = np.random.default_rng(0).permutation(len(texts))
    first = run(folder, tiny_model.word_table(texts), tmp_path, long="window")
    second = run(folder, tiny_model.word_table([texts[i] for i in order]), tmp_path, long="window")
    bounds = np.cumsum([0, *map(len, texts)])
    moved = np.concatenate([np.arange(bounds[i], bounds[i + 1]) for i in order])
    np.testing.assert_allclose(second, first[:, moved], atol=1e-5)


def test_the_same_call_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    words = tiny_model.word_table(words_of(4, 30))
    first = run(folder, words, tmp_path, long="window")
    assert np.array_equal(first, run(folder, words, tmp_path, long="window"))


def test_windows_change_nothing_where_a_sentence_fits(folder: Path, tmp_path: Path) -> None:
    words = tiny_model.word_table(words_of(5, 30, longest=6))
    refused = run(folder, words, tmp_path, long="refuse")
    assert np.array_equal(refused, run(folder, words, tmp_path, long="window"))


def test_a_long_sentence_is_read_in_windows(
    folder: Path, tokenizer: SentencePieceTokenizer, tmp_path: Path
) -> None:
    """Each word's vector is the one it has when its window is a sentence of its own."""
    text = [word for sentence in words_of(6, 30) for word in sentence]
    words = tiny_model.word_table([text])
    vectors = run(folder, words, tmp_path, long="window")
    starts = tokenizer.tokenize(words).starts
    seen = 0
    for window in windows(starts, POSITIONS - 2):
        begin, end, first, last = np.searchsorted(
            starts, [window.start, window.stop, window.keep_start, window.keep_stop]
        )
        alone = reference(folder, [text[begin:end]], "mean")
        np.testing.assert_allclose(
            vectors[:, first:last], alone[:, first - begin : last - begin], atol=1e-5
        )
        seen += last - first
    assert seen == len(text)


def test_a_word_longer_than_the_window_is_read_in_parts(
    folder: Path, tokenizer: SentencePieceTokenizer, tmp_path: Path
) -> None:
    from transformers import XLMRobertaModel

    words = tiny_model.word_table([[("дом", True), ("кошка" * 60, True), ("дом", True)]])
    subwords = tokenizer.tokenize(words)
    assert np.diff(subwords.starts)[1] > 2 * POSITIONS
    model = XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False).eval()
    kept = []
    for part in windows(subwords.starts, POSITIONS - 2):
        ids = torch.tensor([[0, *subwords.ids[part.start : part.stop], 2]])
        with torch.inference_mode():
            states = torch.stack(model(ids, output_hidden_states=True).hidden_states)[:, 0, 1:-1]
        kept.append(states[:, part.keep_start - part.start : part.keep_stop - part.start])
    expected = [
        torch.cat(kept, dim=1)[:, a:b].mean(1) for a, b in itertools.pairwise(subwords.starts)
    ]
    vectors = run(folder, words, tmp_path, long="window")
    np.testing.assert_allclose(vectors, torch.stack(expected, dim=1), atol=1e-5)


def test_a_long_sentence_is_refused_by_name(folder: Path, tmp_path: Path) -> None:
    words = tiny_model.word_table([[("дом", True)], [("дом", True)] * 60])
    with pytest.raises(UserError, match=r"sentence-1 has \d+ subwords.*reads 38.*encoding\.long"):
        run(folder, words, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_longest_sentence_that_fits_is_read(
    folder: Path, tokenizer: SentencePieceTokenizer, tmp_path: Path
) -> None:
    texts = [[("дом", True), *[(".", False)] * number] for number in range(60)]
    lengths = [len(tokenizer.tokenize(tiny_model.word_table([text])).ids) for text in texts]
    fits = lengths.index(POSITIONS - 2) + 1
    words = tiny_model.word_table(texts[:fits])
    refused = run(folder, words, tmp_path)
    assert np.array_equal(refused, run(folder, words, tmp_path, long="window"))
    with pytest.raises(UserError, match=rf"sentence-{fits} has {lengths[fits]} subwords"):
        run(folder, tiny_model.word_table(texts[: fits + 1]), tmp_path)


@given(
    counts=st.lists(st.integers(1, 30), min_size=1, max_size=80),
    first=st.integers(0, 1000),
    size=st.integers(1, 40),
)
def test_windows_cover_each_subword_once_in_order(counts: list[int], first: int, size: int) -> None:
    starts = first + np.cumsum([0, *counts])
    parts = windows(starts, size)
    assert [part.keep_start for part in parts] == [
        first,
        *(part.keep_stop for part in parts[:-1]),
    ]
    assert parts[-1].keep_stop == starts[-1]
    for part in parts:
        assert part.start <= part.keep_start < part.keep_stop <= part.stop
        assert part.stop - part.start <= size
    cuts = {edge for part in parts for edge in (part.start, part.stop, part.keep_stop)}
    if max(counts) <= size:
        assert cuts <= set(starts.tolist())


@given(number=st.integers(1, 400), size=st.integers(8, 60))
def test_each_subword_is_read_with_context_on_both_sides(number: int, size: int) -> None:
    """With words of one subword, at least a quarter of the window on each side that has any."""
    for part in windows(np.arange(number + 1), size):
        least = size // 4 - 1
        for kept in range(part.keep_start, part.keep_stop):
            assert kept - part.start >= min(least, kept)
            assert part.stop - 1 - kept >= min(least, number - 1 - kept)


FORM = st.text(max_size=8) | st.text(
    st.sampled_from("aé я我爱แม้कि\u0301\u200b\u200d\ufeff\u00ad\u00a0 \t▁\u00b4👍🏽<s>"), max_size=8
)


@settings(max_examples=200)
@given(texts=st.lists(st.lists(st.tuples(FORM, st.booleans()), min_size=1, max_size=9), min_size=1))
def test_any_form_has_subwords_of_its_own(tokenizer: SentencePieceTokenizer, texts: Texts) -> None:
    words = tiny_model.word_table(texts)
    subwords = tokenizer.tokenize(words)
    assert len(subwords.starts) == len(words) + 1
    assert (np.diff(subwords.starts) >= 1).all()
    assert subwords.starts[-1] == len(subwords.ids)
    # <s>, <pad> and </s> would mislead the model; ids end before <mask>.
    assert np.isin(subwords.ids, [0, 1, 2]).sum() == 0
    assert subwords.ids.max() <= tokenizer.largest_id


@settings(max_examples=15)
@given(texts=st.lists(st.lists(st.tuples(FORM, st.booleans()), min_size=1, max_size=9), min_size=1))
def test_any_forms_have_as_many_vectors_as_words(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, texts: Texts
) -> None:
    words = tiny_model.word_table(texts)
    vectors = run(folder, words, tmp_path_factory.mktemp("vectors"), long="window")
    assert vectors.shape[1] == len(words)
    assert np.isfinite(vectors).all()


def pieces(tokenizer: SentencePieceTokenizer, folder: Path, *text: tuple[str, bool]) -> list[str]:
    """Each word's pieces, joined by |."""
    names = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.bpe.model"))
    subwords = tokenizer.tokenize(tiny_model.word_table([list(text)]))
    return [
        "|".join("<unk>" if i == 3 else names.id_to_piece(int(i) - 1) for i in subwords.ids[a:b])
        for a, b in itertools.pairwise(subwords.starts)
    ]


def test_spaces_are_read_where_the_text_has_them(
    tokenizer: SentencePieceTokenizer, folder: Path
) -> None:
    def spelled(*text: tuple[str, bool]) -> list[str]:
        return [word.replace("|", "") for word in pieces(tokenizer, folder, *text)]

    assert spelled(("cat", True), (".", False)) == ["▁cat", "."]
    assert spelled(("我", True), ("爱", False), ("猫", False)) == ["▁我", "爱", "猫"]
    # A space inside a word is kept; one that normalisation makes is not doubled.
    assert spelled(("20 24", True)) == ["▁20▁24"]
    assert spelled(("\ufeffcat", True), ("dog", False)) == ["▁cat", "dog"]
    # One that normalisation makes at a word's end goes to the next word.
    assert spelled(("cat\u200b", True), ("dog", False), ("dog", True)) == ["▁cat", "▁dog", "▁dog"]


@pytest.mark.parametrize("form", ["\u200b", "\ufeff", " ", "", "▁", "\u00a0\u3000"])
@pytest.mark.parametrize("space", [True, False])
def test_a_word_with_nothing_left_is_unknown(
    tokenizer: SentencePieceTokenizer, folder: Path, form: str, space: bool
) -> None:
    assert pieces(tokenizer, folder, ("дом", True), (form, space))[1] == "<unk>"


def test_running_text_is_read_as_in_pretraining(
    tokenizer: SentencePieceTokenizer, folder: Path
) -> None:
    from chronoglot.pretraining.binarise import END, fairseq_ids

    plain = sentencepiece.SentencePieceProcessor(model_file=str(folder / "sentencepiece.bpe.model"))
    for text in [
        *tiny_model.sentences(1, 60),
        "",
        " two  spaces ",
        "ѣ unknown",
        "我 <s>",
        "\u200b",
    ]:
        binarised = fairseq_ids(plain.encode(text))
        assert [*tokenizer.text_ids(text), END] == binarised.tolist()


def test_word_vectors_come_in_batches_of_whole_sentences(folder: Path, tmp_path: Path) -> None:
    words = tiny_model.word_table(words_of(8, 40, longest=30))
    expected = run(folder, words, tmp_path, long="window", batch_tokens=64)
    batches = list(
        word_vectors(load_encoder(folder), words, pooling="mean", batch_tokens=64, long="window")
    )
    assert len(batches) > 5
    sentences = [set(words.sentence[rows].tolist()) for rows, _ in batches]
    assert sum(map(len, sentences)) == len(set.union(*sentences)) == 40
    rows = np.concatenate([rows for rows, _ in batches])
    assert sorted(rows) == list(range(len(words)))
    for layer in range(LAYERS + 1):
        vectors = np.concatenate([layers[layer] for _, layers in batches])
        assert np.array_equal(vectors, expected[layer, rows])


def test_encoding_does_not_import_transformers(folder: Path, tmp_path: Path) -> None:
    """It takes longer than to encode a small treebank."""
    write_words(tiny_model.word_table(words_of(9, 5)), tmp_path / "words.parquet")
    script = f"""
import sys
from pathlib import Path
from chronoglot.encoding.encode import write_vectors
from chronoglot.encoding.encoder import load_encoder
from chronoglot.tables.words import read_words
folder = Path({str(tmp_path)!r})
write_vectors(
    load_encoder({str(folder)!r}),
    read_words(folder / "words.parquet"),
    {{n: folder / f"{{n}}.npy" for n in range({LAYERS + 1})}},
    pooling="mean",
    batch_tokens=100,
    long="window",
)
print(*{{name.partition(".")[0] for name in sys.modules}})
"""
    run = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torch" in run.stdout.split()
    assert not {"transformers", "fairseq"} & set(run.stdout.split())
    assert "encoded" in run.stderr


def test_weights_that_diverged_are_reported(folder: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    broken = tmp_path / "diverged"
    shutil.copytree(folder, broken)
    weights = load_file(broken / "model.safetensors")
    weights["roberta.encoder.layer.1.output.dense.bias"][3] = torch.nan
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    write_manifest(broken)
    words = tiny_model.word_table(words_of(7, 5))
    with pytest.raises(UserError, match=r"diverged: layer 2 is not finite in sentence sentence-"):
        run(broken, words, tmp_path / "vectors", long="window")
    assert not list((tmp_path / "vectors").iterdir())


def test_a_damaged_folder_another_family_and_no_gpu_are_refused(
    folder: Path, tmp_path: Path
) -> None:
    other = tmp_path / "model"
    shutil.copytree(folder, other)
    (other / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(UserError, match=r"config.json"):
        load_encoder(other)
    write_manifest(other)
    with pytest.raises(UserError, match="'t5'"):
        load_encoder(other)
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match=r"encoding\.device"):
            load_encoder(folder, "cuda")


def test_only_the_layers_asked_for_are_written(folder: Path, tmp_path: Path) -> None:
    words = words_of(9, 5)
    (tmp_path / "all").mkdir()
    every = run(folder, tiny_model.word_table(words), tmp_path / "all")
    write_vectors(
        load_encoder(folder),
        tiny_model.word_table(words),
        {2: tmp_path / "2.npy", 0: tmp_path / "0.npy"},
        pooling="mean",
        batch_tokens=400,
        long="refuse",
    )
    assert {path.name for path in tmp_path.glob("*.npy")} == {"0.npy", "2.npy"}
    for layer in (0, 2):
        np.testing.assert_array_equal(np.load(tmp_path / f"{layer}.npy"), every[layer])


def test_a_layer_too_many_and_no_words_are_refused(folder: Path, tmp_path: Path) -> None:
    encoder = load_encoder(folder)
    words = tiny_model.word_table([[("дом", True)]])
    with pytest.raises(UserError, match="has layers 0 to 2, but not 3"):
        write_vectors(
            encoder, words, {3: tmp_path / "3.npy"}, pooling="mean", batch_tokens=9, long="window"
        )
    outputs = {n: tmp_path / f"{n}.npy" for n in range(3)}
    with pytest.raises(UserError, match="no words"):
        write_vectors(
            encoder,
            tiny_model.word_table([]),
            outputs,
            pooling="mean",
            batch_tokens=9,
            long="window",
        )


class _Forgetful:
    """An encoder whose tokenizer gives the second word of the second sentence nothing."""

    name, layers, dimension, window, special, lead = "forgetful", 0, 1, 9, 0, 0
    separator = np.zeros(0, np.int64)

    def tokenize(self, words: Words) -> Subwords:
        counts = np.ones(len(words), np.int64)
        counts[len(words) - 1] = 0
        return Subwords(np.zeros(counts.sum(), np.int64), np.cumsum([0, *counts]))

    def text_ids(self, text: str) -> NDArray[np.int64]:
        raise AssertionError("not reached")

    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[torch.Tensor]:
        raise AssertionError("not reached")


def test_a_tokenizer_that_loses_a_word_is_caught(tmp_path: Path) -> None:
    words = tiny_model.word_table([[("a", True)], [("b", True), ("c", True)]])
    with pytest.raises(AssertionError, match="sentence sentence-1: word 2 has no subword"):
        write_vectors(
            _Forgetful(),
            words,
            {0: tmp_path / "0.npy"},
            pooling="mean",
            batch_tokens=9,
            long="window",
        )
