"""Made for tests of conversion and encoding: text in many scripts, a tokenizer, random weights."""

import io
from argparse import Namespace
from pathlib import Path

import numpy as np
import sentencepiece
import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.tables.words import Words

# Script: its words, and what stands between them.
SCRIPTS = {
    name: (text.split(), space)
    for name, text, space in [
        ("latin", "the cat sees a dog über naïve year 2024 don't", " "),
        ("cyrillic", "кошка видит собаку в большом доме и ёж", " "),
        ("devanagari", "बिल्ली कुत्ते को देखती है और घर में क्षेत्र", " "),
        ("chinese", "我 爱 北 京 天 安 门 猫 看 狗 的 房 子", ""),
        ("thai", "แมว เห็น สุนัข ใน บ้าน ที่ ดี น้ำ", ""),
        ("emoji", "👍 👍🏽 👩\u200d👩\u200d👧 🇩🇪 ❤️", " "),
    ]
}


def sentences(seed: int, number: int) -> list[str]:
    """Random sentences of 3 to 12 words, in each script in turn."""
    rng = np.random.default_rng(seed)
    scripts = list(SCRIPTS.values())
    drawn = []
    for index in range(number):
        forms, space = scripts[index % len(scripts)]
        drawn.append(space.join(rng.choice(forms, size=int(rng.integers(3, 13)))) + ".")
    return drawn


def write_tokenizer(folder: Path) -> tuple[Path, Path, int]:
    """A sentencepiece model, fairseq's dictionary of it, and the model's number of embeddings."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences(0, 600)),
        model_writer=trained,
        vocab_size=160,
        character_coverage=0.995,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    model, dictionary = folder / "sentencepiece.bpe.model", folder / "dict.txt"
    model.write_bytes(trained.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    pieces = [processor.id_to_piece(i) for i in range(3, len(processor))]
    dictionary.write_text("".join(f"{piece} 1\n" for piece in pieces), encoding="utf-8")
    return model, dictionary, len(processor) + 2


def checkpoint(vocabulary: int, *, layers: int = 2, positions: int = 32, seed: int = 0) -> dict:
    """What a fairseq checkpoint of a small XLM-R holds, with random weights."""
    width, inner = 8, 16
    generator = torch.Generator().manual_seed(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "embed_tokens.weight": (vocabulary, width),
        "embed_positions.weight": (positions + 2, width),
        "layernorm_embedding.weight": (width,),
        "layernorm_embedding.bias": (width,),
    }
    for layer in range(layers):
        maps = {f"self_attn.{name}_proj": (width, width) for name in ("q", "k", "v", "out")}
        maps |= {"fc1": (inner, width), "fc2": (width, inner)}
        norms = {"self_attn_layer_norm": (width,), "final_layer_norm": (width,)}
        unused = {"in_proj": (3 * width, width), "out_proj": (width, width)}
        unused |= {"fc1": (inner, width), "fc2": (width, inner)}
        for name, shape in (maps | norms).items():
            shapes[f"layers.{layer}.{name}.weight"] = shape
            shapes[f"layers.{layer}.{name}.bias"] = shape[:1]
        for name, shape in unused.items():
            shapes[f"layers.{layer}.{name}_weight"] = shape
            shapes[f"layers.{layer}.{name}_bias"] = shape[:1]
    state = {
        f"encoder.sentence_encoder.{name}": torch.randn(shape, generator=generator)
        for name, shape in shapes.items()
    }
    for name, size in {"dense": (width, width), "layer_norm": (width,)}.items():
        state[f"encoder.lm_head.{name}.weight"] = torch.randn(size, generator=generator)
        state[f"encoder.lm_head.{name}.bias"] = torch.randn(width, generator=generator)
    state["encoder.lm_head.bias"] = torch.randn(vocabulary, generator=generator)
    state["encoder.lm_head.weight"] = state["encoder.sentence_encoder.embed_tokens.weight"]
    settings = Namespace(
        encoder_layers=layers,
        encoder_embed_dim=width,
        encoder_ffn_embed_dim=inner,
        encoder_attention_heads=2,
        activation_fn="gelu",
    )
    return {"args": None, "cfg": {"model": settings}, "model": state}


def write_model(folder: Path, *, positions: int = 40, **config: object) -> Path:
    """A model folder with random weights, as transformers writes it; returns the folder."""
    from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM

    torch.manual_seed(0)
    sizes = {
        "vocab_size": write_tokenizer(folder)[2],
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": positions + 2,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
    }
    model = XLMRobertaForMaskedLM(XLMRobertaConfig(**(sizes | config)))
    with torch.no_grad():
        # Far from 0, so that context matters as much as in a trained model; biases and layer
        # norms too, which start at 0 and 1.
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.3)
    model.save_pretrained(folder)
    write_manifest(folder)
    return folder


def word_table(texts: list[list[tuple[str, bool]]]) -> Words:
    """A word table of sentences given as words with whether a space comes before."""
    rows = [(s, w, *word) for s, text in enumerate(texts) for w, word in enumerate(text, start=1)]
    number = len(rows)
    return Words(
        split=np.full(number, "train"),
        sentence=np.array([row[0] for row in rows], np.int32),
        sentence_id=np.array([f"sentence-{row[0]}" for row in rows], object),
        word=np.array([row[1] for row in rows], np.int32),
        form=np.array([row[2] for row in rows], object),
        upos=np.full(number, "X", object),
        head=np.zeros(number, np.int32),
        deprel=np.full(number, "root", object),
        space_before=np.array([row[3] for row in rows], bool),
    )
