"""Scores in bfloat16 are those in single precision, within 0.1 points, on real treebanks."""

from pathlib import Path

import numpy as np
import pytest
import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.data.locate import find_parts
from chronoglot.data.treebank import prepare_words
from chronoglot.encoding.encode import word_vectors
from chronoglot.encoding.encoder import Precision, load_encoder
from chronoglot.pretraining.tokenizer import train_tokenizer
from chronoglot.probing.features import Features
from chronoglot.probing.linear import accuracy, fit
from chronoglot.tables.words import Words, read_words
from chronoglot.tasks import load_task
from chronoglot.tasks.base import ProbingTask
from numpy.typing import NDArray

VOCABULARY = 2_000


def write_model(folder: Path, words: Words) -> Path:
    """An untrained model with a tokenizer of the treebank's own text."""
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    text = folder / "text.txt"
    text.write_text("".join(f"{sentence}\n" for sentence in words.texts()), encoding="utf-8")
    train_tokenizer(
        {"xx": text},
        folder / "sentencepiece.bpe.model",
        folder / "dict.txt",
        vocabulary=VOCABULARY,
        alpha=1.0,
        seed=1,
        sentences=None,
        character_coverage=0.98,
    )
    torch.manual_seed(1)
    config = XLMRobertaConfig(
        vocab_size=VOCABULARY + 2,
        hidden_size=64,
        num_hidden_layers=4,
        num_attention_heads=4,
        intermediate_size=128,
        max_position_embeddings=258,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )
    XLMRobertaForMaskedLM(config).save_pretrained(folder)
    write_manifest(folder)
    return folder


def vectors_of(model: Path, words: Words, precision: Precision) -> NDArray[np.float32]:
    """Those of the last layer, which has gathered all rounding."""
    encoder = load_encoder(model, precision=precision)
    vectors = np.empty((len(words), encoder.dimension), np.float32)
    batches = word_vectors(encoder, words, pooling="mean", batch_tokens=4096, long="window")
    for rows, layers in batches:
        vectors[rows] = layers[-1]
    return vectors


@pytest.mark.slow
@pytest.mark.parametrize("treebank", ["UD_German-PUD", "UD_Hindi-PUD", "UD_Chinese-PUD"])
def test_scores_stay(real_data: Path, tmp_path: Path, treebank: str) -> None:
    parts = find_parts(real_data / "ud" / treebank)
    prepare_words(
        parts,
        tmp_path / "words.parquet",
        language="xx",
        split="sentence",
        shares=(0.5, 0.1, 0.4),
        max_train_words=None,
    )
    words = read_words(tmp_path / "words.parquet")
    (tmp_path / "model").mkdir()
    model = write_model(tmp_path / "model", words)
    task = load_task("pos")
    assert isinstance(task, ProbingTask)
    train, dev, test = (task.examples(words, split, 1) for split in ("train", "dev", "test"))
    scores = {}
    for precision in ("fp32", "bf16"):
        vectors = vectors_of(model, words, precision)
        features = [Features(task, vectors, examples) for examples in (train, dev, test)]
        probe = fit(*features[:2], [1e-2]).probe
        scores[precision] = accuracy(probe.predict(features[2]), test.label)
    assert scores["bf16"] > 0.5
    assert abs(scores["bf16"] - scores["fp32"]) <= 0.001
