"""Converted checkpoints compute what fairseq itself computes, layer by layer."""

import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from chronoglot.checkpoints.check import TOLERANCE, compare_with_fairseq
from chronoglot.checkpoints.convert import convert
from chronoglot.pretraining.fairseq_dataclasses import allow
from chronoglot.pretraining.tokenizer import train_tokenizer
from chronoglot.runtime.errors import UserError

pytestmark = pytest.mark.slow

LAYERS = 3
WORDS = {
    "en": ("the cat sees a small dog in an old house", " "),
    "ru": ("кошка видит собаку в большом доме и ёж", " "),
    "hi": ("बिल्ली कुत्ते को देखती है और घर में", " "),
    "ar": ("القطة ترى الكلب في البيت الكبير", " "),
    "zh": ("我 爱 北 京 天 安 门 猫 看 狗 的 房 子", ""),
    "th": ("แมว เห็น สุนัข ใน บ้าน ที่ ดี น้ำ", ""),
}
ODD = ["", "  two  spaces ", "ß ﬁ ½ café cafe\u0301", "👩\u200d👩 zero\u200bwidth", "unseen ⵣ ѣ"]


def sentences(seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return [
        space.join(rng.choice(words.split(), size=int(rng.integers(2, 20)))) + "."
        for words, space in WORDS.values()
        for _ in range(40)
    ]


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tokenizer")
    (folder / "text.txt").write_text("\n".join(sentences(0)) + "\n", encoding="utf-8")
    model, dictionary = folder / "sentencepiece.bpe.model", folder / "dict.txt"
    train_tokenizer(
        {"all": folder / "text.txt"},
        model,
        dictionary,
        vocabulary=120,
        alpha=1.0,
        seed=0,
        sentences=None,
        character_coverage=0.999,
    )
    return model, dictionary


@pytest.fixture(scope="module")
def drawn(tokenizer: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of fairseq's RobertaModel with all weights, norms and biases too, random."""
    return draw(tokenizer[1], tmp_path_factory.mktemp("drawn") / "checkpoint.pt")


def draw(symbols: Path, path: Path) -> Path:
    allow()
    from fairseq.checkpoint_utils import torch_persistent_save
    from fairseq.data import Dictionary
    from fairseq.models.roberta import RobertaModel

    dictionary = Dictionary.load(str(symbols))
    dictionary.add_symbol("<mask>")
    settings = Namespace(
        encoder_layers=LAYERS,
        encoder_embed_dim=24,
        encoder_ffn_embed_dim=40,
        encoder_attention_heads=3,
        max_positions=64,
    )
    model = RobertaModel.build_model(settings, SimpleNamespace(source_dictionary=dictionary))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    content = {"args": None, "cfg": {"model": settings}, "model": model.state_dict()}
    torch_persistent_save(content, str(path))
    return path


@pytest.fixture(scope="module")
def trained(tokenizer: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that fairseq's own trainer saved after three updates."""
    allow()
    from chronoglot.pretraining.binarise import binarise_language

    folder = tmp_path_factory.mktemp("trained")
    (folder / "text.txt").write_text("\n".join(sentences(1)) + "\n", encoding="utf-8")
    text = folder / "text.txt"
    binarise_language("xx", text, text, *tokenizer, folder / "bin")
    run = (
        "from chronoglot.pretraining.fairseq_dataclasses import allow; allow();"
        "from fairseq_cli.train import cli_main; cli_main()"
    )
    options = (
        f"{folder / 'bin'} --task multilingual_masked_lm --criterion masked_lm --arch roberta_base"
        f" --encoder-layers {LAYERS} --encoder-embed-dim 24 --encoder-ffn-embed-dim 40"
        " --encoder-attention-heads 3 --max-positions 64 --tokens-per-sample 32 --batch-size 8"
        " --optimizer adam --lr 0.01 --max-update 3 --disable-validation --cpu --num-workers 0"
        " --data-buffer-size 0"  # its thread, still at work, would abort the process at its end
        f" --save-dir {folder} --no-epoch-checkpoints --sample-break-mode none"
    )
    subprocess.run(
        [sys.executable, "-c", run, *options.split()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        check=True,
        capture_output=True,
    )
    return folder / "checkpoint_last.pt"


@pytest.mark.parametrize("which", ["drawn", "trained"])
def test_every_layer_and_id_is_fairseqs(
    which: str, tokenizer: tuple[Path, Path], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    checkpoint = request.getfixturevalue(which)
    convert(checkpoint, *tokenizer, tmp_path / "model")
    found = compare_with_fairseq(
        checkpoint, tmp_path / "model", tokenizer[1], [*sentences(2), *ODD]
    )
    assert found["ids_equal"]
    assert len(found["layers"]) == LAYERS + 1
    assert max(found["layers"]) < TOLERANCE
    assert found["logits"] < TOLERANCE


def test_a_padded_dictionary(tokenizer: tuple[Path, Path], tmp_path: Path) -> None:
    """The tokenizer's `<mask>` is the one that fairseq has behind the padding."""
    from chronoglot.encoding.encoder import load_masked_lm
    from safetensors.torch import load_file

    padded = tmp_path / "dict.txt"
    padding = "".join(f"madeupword{number:04} 0\n" for number in range(5))
    padded.write_text(tokenizer[1].read_text("utf-8") + padding, encoding="utf-8")
    checkpoint = draw(padded, tmp_path / "checkpoint.pt")
    convert(checkpoint, tokenizer[0], padded, tmp_path / "model")
    found = compare_with_fairseq(checkpoint, tmp_path / "model", padded, [*sentences(2), *ODD])
    assert max(*found["layers"], found["logits"]) < TOLERANCE
    mask = load_masked_lm(tmp_path / "model").mask
    state = torch.load(checkpoint, weights_only=False)["model"]
    weights = load_file(tmp_path / "model/model.safetensors")
    assert torch.equal(
        weights["roberta.embeddings.word_embeddings.weight"][mask],
        state["encoder.sentence_encoder.embed_tokens.weight"][-1],
    )


def test_another_checkpoints_weights_are_told_apart(
    drawn: Path, trained: Path, tokenizer: tuple[Path, Path], tmp_path: Path
) -> None:
    convert(drawn, *tokenizer, tmp_path / "model")
    with pytest.raises(UserError, match="layer 0 differs"):
        compare_with_fairseq(trained, tmp_path / "model", tokenizer[1], sentences(2)[:3])


def test_another_tokenizer_is_told_apart(
    drawn: Path, tokenizer: tuple[Path, Path], tmp_path: Path
) -> None:
    convert(drawn, *tokenizer, tmp_path / "model")
    lines = tokenizer[1].read_text(encoding="utf-8").splitlines(keepends=True)
    other = tmp_path / "dict.txt"
    other.write_text("".join([*lines[1:], lines[0]]), encoding="utf-8")
    with pytest.raises(UserError, match="subword ids differ"):
        compare_with_fairseq(drawn, tmp_path / "model", other, sentences(2)[:3])
