"""The tokenizer: its sample of the text, its ids beside fairseq's own dictionary, its errors."""

import itertools
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
from chronoglot.pretraining.binarise import fairseq_ids
from chronoglot.pretraining.tokenizer import sample, shares, train_tokenizer
from chronoglot.runtime.errors import UserError
from hypothesis import given
from hypothesis import strategies as st


def write_text(
    path: Path, paragraphs: int, seed: int = 0, alphabet: str = "aeioubdgklmnprstz"
) -> Path:
    """A text of invented words, some far more frequent than others."""
    draw = random.Random(seed)
    words = ["".join(draw.choices(alphabet, k=draw.randint(2, 7))) for _ in range(80)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    lines = (
        " ".join(draw.choices(words, weights, k=draw.randint(3, 12))) for _ in range(paragraphs)
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def train(texts: dict[str, Path], folder: Path, **options: object) -> tuple[Path, Path]:
    folder.mkdir(exist_ok=True)
    model, dictionary = folder / "sentencepiece.bpe.model", folder / "dict.txt"
    settings: dict[str, object] = {
        "vocabulary": 100,
        "alpha": 0.3,
        "seed": 1,
        "sentences": None,
        "character_coverage": 1.0,
    }
    train_tokenizer(texts, model, dictionary, **(settings | options))  # type: ignore[arg-type]
    return model, dictionary


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("text")
    return {
        "aa": write_text(folder / "aa.txt", 300, seed=1),
        "bb": write_text(folder / "bb.txt", 30, seed=2, alphabet="абвгдежзик"),
    }


@given(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_shares_are_the_text_s_to_the_power_alpha(counts: list[int], alpha: float) -> None:
    got = shares({str(number): count for number, count in enumerate(counts)}, alpha)
    assert sum(got.values()) == pytest.approx(1)
    for one, other in itertools.combinations(range(len(counts)), 2):
        assert got[str(one)] / got[str(other)] == pytest.approx(
            (counts[one] / counts[other]) ** alpha
        )


@pytest.mark.parametrize("sentences", [None, 50, 1000])
def test_sample_has_the_shares_and_repeats_evenly(
    texts: dict[str, Path], sentences: int | None
) -> None:
    drawn = Counter(sample(texts, alpha=0.5, seed=3, sentences=sentences))
    expected = shares({"aa": 300, "bb": 30}, 0.5)
    for language, text in texts.items():
        own = Counter(text.read_text(encoding="utf-8").splitlines())
        taken = sum(drawn[line] for line in own)
        assert taken == pytest.approx(expected[language] * (sentences or 330), abs=1)
        times = [drawn[line] / count for line, count in own.items()]
        assert max(times) - min(times) <= 1


def test_sample_is_drawn_from_the_seed(texts: dict[str, Path]) -> None:
    one, again, other = (
        list(sample(texts, alpha=0.3, seed=seed, sentences=40)) for seed in (1, 1, 2)
    )
    assert one == again != other


def test_ids_are_those_of_fairseq_s_dictionary(texts: dict[str, Path], tmp_path: Path) -> None:
    from fairseq.data import Dictionary

    # Characters that split lines or are stripped in Python, and one that the vocabulary lacks.
    odd = tmp_path / "odd.txt"
    odd.write_text("a\u2028b c\u00a0d e\x1cf g\u200bh # i\u3000j\n" * 20, encoding="utf-8")
    model, dictionary = train({**texts, "cc": odd}, tmp_path)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    known = Dictionary.load(str(dictionary))
    mask = known.add_symbol("<mask>")

    assert len(pieces) == 100
    assert [known.index(name) for name in ("<s>", "<pad>", "</s>", "<unk>")] == [0, 1, 2, 3]
    assert mask == len(known) - 1 == len(pieces) + 1
    assert all(known.index(pieces.id_to_piece(i)) == i + 1 for i in range(3, len(pieces)))
    for line in [*odd.read_text().splitlines(), "Ω unknown", *texts["bb"].read_text().splitlines()]:
        named = " ".join(pieces.encode(line, out_type=str))
        expected = known.encode_line(named, add_if_not_exist=False).numpy()
        np.testing.assert_array_equal(fairseq_ids(pieces.encode(line)), expected)


def test_the_same_text_gives_the_same_bytes_wherever_it_lies(
    texts: dict[str, Path], tmp_path: Path
) -> None:
    moved = {name: tmp_path / f"moved-{name}" for name in texts}
    for name, path in moved.items():
        path.write_bytes(texts[name].read_bytes())
    first = [path.read_bytes() for path in train(texts, tmp_path / "one")]
    again = [path.read_bytes() for path in train(moved, tmp_path / "other")]
    assert first == again


def test_a_long_paragraph_is_not_passed_over(texts: dict[str, Path], tmp_path: Path) -> None:
    long = tmp_path / "long.txt"
    long.write_text("wort " * 2000 + "ß\n")
    model, _ = train({**texts, "cc": long}, tmp_path)
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(model))
    assert pieces.unk_id() not in pieces.encode("ß")


def test_a_vocabulary_too_large_names_the_key_and_the_bound(
    texts: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.vocabulary.*lower it to (\d+)") as caught:
        train(texts, tmp_path, vocabulary=5000)
    bound = int(str(caught.value).split("lower it to ")[1].split()[0])
    model, _ = train(texts, tmp_path, vocabulary=bound)
    assert len(sentencepiece.SentencePieceProcessor(model_file=str(model))) == bound


def test_a_vocabulary_too_small_names_the_key_and_the_bound(
    texts: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"tokenizer\.vocabulary.*raise it to \d+"):
        train(texts, tmp_path, vocabulary=10)


@pytest.mark.parametrize("content", [b"", b"\n  \n\n"])
def test_an_empty_text_is_named(texts: dict[str, Path], tmp_path: Path, content: bytes) -> None:
    (tmp_path / "empty.txt").write_bytes(content)
    with pytest.raises(UserError, match=r"empty\.txt"):
        train({**texts, "cc": tmp_path / "empty.txt"}, tmp_path)


def test_a_text_that_is_not_utf8_is_named(texts: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes("größer\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.txt: not UTF-8"):
        train({**texts, "cc": tmp_path / "latin.txt"}, tmp_path)


def test_a_special_token_s_name_in_the_text_never_becomes_a_piece(tmp_path: Path) -> None:
    """Two tokens of one name would shift the ids of all after the first."""
    draw = random.Random(0)
    text = tmp_path / "marked.txt"
    marked = ("".join(draw.choices("abdeg", k=4)) + "<mask> <pad>" for _ in range(2000))
    text.write_text("\n".join(marked))
    _, dictionary = train({"aa": text}, tmp_path, vocabulary=60)
    assert not {"<mask>", "<pad>"} & {line.split(" ")[0] for line in dictionary.open()}
