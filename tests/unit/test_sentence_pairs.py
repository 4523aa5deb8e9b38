"""Pair tables are read as written; a pair's vectors are those of transformers, batched or not."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_model
import torch
from chronoglot.encoding.encoder import Encoder, load_encoder
from chronoglot.encoding.sentence_pairs import shortened, write_pair_vectors
from chronoglot.runtime.errors import UserError
from chronoglot.tables.sentence_pairs import SCHEMA, Pairs, read_pairs, write_pairs
from chronoglot.tables.values import LABELS
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

LAYERS, POSITIONS = 2, 64
Texts = list[tuple[str, str]]


def table(texts: Texts, splits: list[str] | None = None) -> Pairs:
    number = len(texts)
    return Pairs(
        split=np.array(splits or ["train"] * number, "U5"),
        pair_id=np.array([f"id{n}" for n in range(number)], object),
        premise=np.array([premise for premise, _ in texts], object),
        hypothesis=np.array([hypothesis for _, hypothesis in texts], object),
        label=np.array([LABELS[n % 3] for n in range(number)], object),
    )


def drawn(seed: int, number: int) -> Texts:
    """Pairs of sentences of very unlike lengths in many scripts; every fourth comes twice."""
    sentences = tiny_model.sentences(seed, 2 * number)
    texts = list(zip(sentences[:number], reversed(sentences[number:]), strict=True))
    return texts + texts[::4]


CELL = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(st.sampled_from(["train", "dev", "test"]), CELL, CELL), min_size=1))
def test_a_table_is_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    pairs = table([row[1:] for row in rows], [row[0] for row in rows])
    path = tmp_path_factory.mktemp("pairs") / "xx.parquet"
    write_pairs(pairs, path)
    read = read_pairs(path)
    assert len(read) == len(rows)
    for name in SCHEMA.names:
        assert getattr(read, name).tolist() == getattr(pairs, name).tolist()
    for split in ("train", "dev", "test"):
        assert read.rows(split).tolist() == [n for n, row in enumerate(rows) if row[0] == split]


def test_a_damaged_file_and_another_table_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "xx.parquet"
    write_pairs(table(drawn(0, 40)), path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(UserError, match=r"xx\.parquet: not a readable pair table"):
        read_pairs(path)
    pq.write_table(pa.table({"form": ["a"]}), path)
    with pytest.raises(UserError, match=r"not a pair table: its columns are \['form'\]"):
        read_pairs(path)


def test_a_probing_job_does_not_wait_for_imports(tmp_path: Path) -> None:
    path = tmp_path / "xx.parquet"
    write_pairs(table(drawn(0, 4)), path)
    code = (
        "import sys; from chronoglot.tables.sentence_pairs import read_pairs;"
        "from chronoglot.tasks import load_task;"
        f"load_task('xnli').examples(read_pairs({str(path)!r}), 'train', 1);"
        "print([name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": "workflow"}
    )
    assert done.stdout == "[]\n", done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write_model(tmp_path_factory.mktemp("model"), positions=POSITIONS)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Encoder:
    return load_encoder(folder)


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Any:
    from transformers import XLMRobertaTokenizer

    return XLMRobertaTokenizer.from_pretrained(folder)


def run(
    encoder: Encoder,
    pairs: Pairs,
    into: Path,
    *,
    pooling: str = "mean",
    batch_tokens: int = 400,
    long: str = "window",
) -> NDArray[np.float32]:
    """Vectors [layers, pairs, dimension]."""
    outputs = {n: into / f"layer-{n}.npy" for n in range(LAYERS + 1)}
    write_pair_vectors(
        encoder,
        pairs,
        outputs,
        pooling=pooling,  # type: ignore[arg-type]
        batch_tokens=batch_tokens,
        long=long,  # type: ignore[arg-type]
    )
    return np.stack([np.load(output) for output in outputs.values()])


def reference(
    folder: Path, tokenizer: Any, texts: Texts, pooling: str
) -> tuple[NDArray[np.float32], list[int]]:
    """The same pair by pair from transformers alone, and how long each pair was before a cut."""
    from transformers import XLMRobertaModel

    model = XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False).eval()
    vectors = []
    for pair in texts:
        read = tokenizer(
            *pair, truncation="longest_first", max_length=POSITIONS, return_special_tokens_mask=True
        )
        with torch.inference_mode():
            states = torch.stack(
                model(torch.tensor([read["input_ids"]]), output_hidden_states=True).hidden_states
            )[:, 0]
        plain = torch.tensor(read["special_tokens_mask"]) == 0
        vectors.append((states[:, 0] if pooling == "first" else states[:, plain].mean(1)).numpy())
    return np.stack(vectors, axis=1), [len(tokenizer(*pair)["input_ids"]) for pair in texts]


@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_vectors_are_those_of_transformers(
    folder: Path,
    encoder: Encoder,
    tokenizer: Any,
    tmp_path: Path,
    pooling: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Some are too long on either side or on both; one has a sentence of which nothing is read.
    texts = drawn(1, 40)
    texts += [(p * 5, h) for p, h in texts[:6]] + [(p, h * 5) for p, h in texts[:6]]
    texts += [(p * 5, h * 4) for p, h in texts[:6]] + [("кошка", "кошка " * 400), ("\u200b", "猫")]
    expected, lengths = reference(folder, tokenizer, texts, pooling)
    vectors = run(encoder, table(texts), tmp_path, pooling=pooling)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, expected, atol=1e-5)
    cut = sum(length > POSITIONS for length in lengths)
    assert 10 < cut < len(texts) / 2
    assert f"{cut} of {len(texts)} pairs are shortened to the 60" in capsys.readouterr().err


@given(premise=st.integers(1, 40), hypothesis=st.integers(1, 40), most=st.integers(5, 90))
def test_pairs_are_shortened_as_by_transformers(
    tokenizer: Any, premise: int, hypothesis: int, most: int
) -> None:
    ids = tokenizer.convert_tokens_to_ids(["▁cat", "▁dog"])
    kept = tokenizer(
        "cat " * premise, "dog " * hypothesis, truncation="longest_first", max_length=most
    )["input_ids"]
    room = most - 4
    assert shortened(premise, hypothesis, room) == tuple(kept.count(i) for i in ids)


def test_no_pair_is_shortened_in_silence_or_without_need(
    encoder: Encoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(encoder, table([("猫" * 30, "猫" * 10)]), tmp_path)
    assert "shortened" not in capsys.readouterr().err


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
def test_vectors_do_not_depend_on_the_batch(
    encoder: Encoder, tmp_path: Path, pooling: str, batch_tokens: int
) -> None:
    pairs = table(drawn(2, 60))
    expected = run(encoder, pairs, tmp_path, pooling=pooling)
    vectors = run(encoder, pairs, tmp_path, pooling=pooling, batch_tokens=batch_tokens)
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


def test_vectors_do_not_depend_on_the_order(encoder: Encoder, tmp_path: Path) -> None:
    texts = drawn(3, 60)
    order = np.random.default_rng(0).permutation(len(texts))
    first = run(encoder, table(texts), tmp_path)
    second = run(encoder, table([texts[i] for i in order]), tmp_path)
    np.testing.assert_allclose(second, first[:, order], atol=1e-5)


def test_the_same_call_gives_the_same_bytes_and_a_repeated_pair_the_same_vector(
    encoder: Encoder, tmp_path: Path
) -> None:
    texts = drawn(4, 40)
    first = run(encoder, table(texts), tmp_path)
    assert np.array_equal(first, run(encoder, table(texts), tmp_path))
    assert np.array_equal(first[:, 40:], first[:, :40:4])


def test_the_order_of_the_sentences_matters(encoder: Encoder, tmp_path: Path) -> None:
    """A pair is one text: each sentence is read with the other before it or after it."""
    there, back, other = run(
        encoder, table([("the cat", "a dog"), ("a dog", "the cat"), ("the cat", "ёж")]), tmp_path
    ).swapaxes(0, 1)
    assert abs(there - back)[LAYERS].max() > 1e-3
    assert abs(there - other)[LAYERS].max() > 1e-3


def test_a_long_pair_is_refused_by_name(encoder: Encoder, tmp_path: Path) -> None:
    pairs = table([("猫", "猫"), ("猫" * 50, "猫" * 40)], ["train", "dev"])
    with pytest.raises(UserError, match=r"dev pair id1 has 9\d subwords.*reads 60.*encoding\.long"):
        run(encoder, pairs, tmp_path, long="refuse")
    assert not list(tmp_path.iterdir())


def test_the_longest_pair_that_fits_is_read_whole(
    encoder: Encoder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    room = encoder.window - len(encoder.separator)
    premise = "猫" * 20
    lengths = [len(encoder.text_ids(premise)) + len(encoder.text_ids("猫" * n)) for n in range(60)]
    fits = lengths.index(room)
    pairs = table([(premise, "猫" * fits)])
    assert np.array_equal(
        run(encoder, pairs, tmp_path, long="refuse"), run(encoder, pairs, tmp_path)
    )
    assert "shortened" not in capsys.readouterr().err
    longer = table([(premise, "猫" * (fits + 1))])
    with pytest.raises(UserError, match=f"has {room + 1} subwords.*reads {room}"):
        run(encoder, longer, tmp_path, long="refuse")
    run(encoder, longer, tmp_path)
    assert "1 of 1 pairs are shortened" in capsys.readouterr().err


def test_a_pair_with_nothing_to_read_is_refused(encoder: Encoder, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train pair id1: neither sentence"):
        run(encoder, table([("猫", "\u200b"), ("\u200b", "\u200b")]), tmp_path)


def test_a_layer_too_many_and_no_pairs_are_refused(encoder: Encoder, tmp_path: Path) -> None:
    outputs = {n: tmp_path / str(n) for n in range(LAYERS + 2)}
    with pytest.raises(UserError, match="has layers 0 to 2, but not 3"):
        write_pair_vectors(
            encoder, table([("a", "b")]), outputs, pooling="mean", batch_tokens=9, long="window"
        )
    with pytest.raises(UserError, match="no pairs"):
        run(encoder, table([]), tmp_path)


def test_weights_that_diverged_are_reported(folder: Path, tmp_path: Path) -> None:
    broken = load_encoder(folder)
    states = broken.hidden_states

    def diverged(texts: Any) -> Any:
        layers = list(states(texts))
        # The last text of a batch: the shortest pair.
        layers[1] = layers[1].index_fill(0, torch.tensor([len(layers[1]) - 2]), torch.nan)
        return layers

    broken.hidden_states = diverged  # type: ignore[method-assign]
    pairs = table([("猫", "猫"), ("the cat", "a dog"), ("the cat", "a dog")])
    with pytest.raises(UserError, match=r"layer 1 is not finite in train pair id0; has the run"):
        run(broken, pairs, tmp_path / "vectors")
    assert not list((tmp_path / "vectors").iterdir())
