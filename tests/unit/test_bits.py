"""Bits per character: every token asked once, and the same as asking one by one."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import tiny_model
import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.encoding.bits import bits_per_character, folds
from chronoglot.encoding.windows import windows
from chronoglot.runtime.errors import UserError
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

WINDOW = 38
LONG = "the cat sees a dog " * 12 + "кошка"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write_model(tmp_path_factory.mktemp("model"), positions=WINDOW + 2)


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Paragraphs in each script, one longer than the window, and one of which nothing is left."""
    path = tmp_path_factory.mktemp("text") / "heldout.txt"
    lines = [*tiny_model.sentences(1, 24), "", "ѣ unknown", "\u200b", LONG]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def score(folder: Path, text: Path, **options: object) -> dict[str, float]:
    defaults: dict = {"seed": 1, "batch_tokens": 400, "long": "window"}
    return bits_per_character(folder, text, **(defaults | options))


def reference(folder: Path, text: Path, *, seed: int) -> tuple[float, int, int]:
    """Bits, tokens and characters, one paragraph and one fold at a time."""
    from transformers import XLMRobertaForMaskedLM

    model = XLMRobertaForMaskedLM.from_pretrained(folder).eval()
    pieces = sentencepiece.SentencePieceProcessor(
        model_file=str(folder / "sentencepiece.bpe.model")
    )
    bits, tokens, characters = 0.0, 0, 0
    for paragraph in text.read_text(encoding="utf-8").splitlines():
        ids = [piece + 1 if piece else 3 for piece in pieces.encode(paragraph)]
        if not ids:
            continue
        tokens += len(ids)
        characters += len(paragraph)
        fold = folds(paragraph, len(ids), seed=seed, share=0.15)
        for part in windows(np.arange(len(ids) + 1), WINDOW):
            for asked in range(7):
                masked = np.where(fold == asked, len(pieces) + 1, ids)
                with torch.inference_mode():
                    logits = model(torch.tensor([[0, *masked[part.start : part.stop], 2]])).logits
                surprise = -logits[0].double().log_softmax(-1) / math.log(2)
                for place in range(part.keep_start, part.keep_stop):
                    if fold[place] == asked:
                        bits += surprise[place - part.start + 1, ids[place]].item()
    return bits, tokens, characters


def test_bits_are_those_of_asking_one_by_one(folder: Path, text: Path) -> None:
    scored = score(folder, text)
    bits, tokens, characters = reference(folder, text, seed=1)
    assert scored["bits"] == pytest.approx(bits, rel=1e-6)
    assert (scored["tokens"], scored["characters"]) == (tokens, characters)
    assert scored["bpc"] == scored["bits"] / characters
    assert scored["paragraphs"] == 26
    assert 0 < scored["unknown"] < 0.1


@given(
    paragraph=st.text(max_size=20),
    tokens=st.integers(1, 300),
    seed=st.integers(0, 9),
    share=st.sampled_from([0.05, 0.15, 0.4, 1.0]),
)
def test_each_token_is_masked_exactly_once(
    paragraph: str, tokens: int, seed: int, share: float
) -> None:
    fold = folds(paragraph, tokens, seed=seed, share=share)
    number = math.ceil(1 / share)
    sizes = Counter(fold.tolist())
    assert sizes.keys() <= set(range(number))
    assert sizes.total() == tokens
    assert max(sizes.values()) - min(sizes.get(n, 0) for n in range(number)) <= 1
    assert np.array_equal(fold, folds(paragraph, tokens, seed=seed, share=share))


def test_folds_are_drawn_from_seed_and_paragraph() -> None:
    def drawn(paragraph: str, seed: int) -> list[int]:
        return folds(paragraph, 200, seed=seed, share=0.15).tolist()

    assert drawn("a", 1) != drawn("b", 1)
    assert drawn("a", 1) != drawn("a", 2)
    # No place has a fold of its own: over many paragraphs each gets every fold alike.
    share = np.mean([folds(str(n), 21, seed=0, share=0.15) == 0 for n in range(3000)], axis=0)
    np.testing.assert_allclose(share, 1 / 7, atol=0.035)


@pytest.mark.parametrize("batch_tokens", [1, 64, 100_000])
def test_bits_do_not_depend_on_the_batch(folder: Path, text: Path, batch_tokens: int) -> None:
    bits = score(folder, text, batch_tokens=batch_tokens)["bits"]
    assert bits == pytest.approx(score(folder, text)["bits"], rel=1e-6)


def test_the_same_call_gives_the_same_numbers_and_another_seed_others(
    folder: Path, text: Path
) -> None:
    assert score(folder, text) == score(folder, text)
    assert score(folder, text, seed=2)["bits"] != score(folder, text)["bits"]


def broken(folder: Path, into: Path, **weights: float) -> Path:
    """A copy of the model with some of the head's weights set."""
    into.mkdir()
    for path in folder.iterdir():
        (into / path.name).write_bytes(path.read_bytes())
    tensors = load_file(into / "model.safetensors")
    for name, value in weights.items():
        tensors[f"lm_head.{name}"].fill_(value)
    save_file(tensors, into / "model.safetensors", metadata={"format": "pt"})
    write_manifest(into)
    return into


def test_a_model_that_knows_nothing_needs_the_logarithm_of_its_vocabulary(
    folder: Path, text: Path, tmp_path: Path
) -> None:
    names = {"layer_norm.weight": 0.0, "layer_norm.bias": 0.0, "bias": 0.0}
    scored = score(broken(folder, tmp_path / "uniform", **names), text)
    size = len(load_file(folder / "model.safetensors")["lm_head.bias"])
    expected = scored["tokens"] * math.log2(size) / scored["characters"]
    assert scored["bpc"] == pytest.approx(expected, rel=1e-6)


def test_a_model_that_diverged_is_reported(folder: Path, text: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"diverged: the bits of .*heldout.txt are not finite"):
        score(broken(folder, tmp_path / "diverged", bias=math.nan), text)


def test_a_text_may_be_ended_between_paragraphs(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "heldout.txt"
    path.write_text("the cat\n\nкошка\nthe dog\n", encoding="utf-8")
    assert score(folder, path)["characters"] == 7 + 5 + 7
    for limit, paragraphs in ((7, 1), (11, 1), (12, 2), (18, 2), (19, 3), (1000, 3)):
        assert score(folder, path, max_characters=limit)["paragraphs"] == paragraphs
    with pytest.raises(UserError, match=r"first paragraph alone has more than 6"):
        score(folder, path, max_characters=6)


@pytest.mark.parametrize("content", ["", "\n\n", " \n", "\u200b\n"])
def test_a_text_with_nothing_to_score_is_refused(
    folder: Path, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "heldout.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"heldout\.txt: the text is empty"):
        score(folder, path)


def test_a_long_paragraph_is_refused_by_its_beginning(folder: Path, text: Path) -> None:
    with pytest.raises(UserError, match=r"begins 'the cat sees.*reads 38.*encoding\.long"):
        score(folder, text, long="refuse")


def test_progress_is_shown(folder: Path, text: Path, capsys: pytest.CaptureFixture) -> None:
    tokens = score(folder, text)["tokens"]
    assert f"scored {tokens} of {tokens} tokens" in capsys.readouterr().err
