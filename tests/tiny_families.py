"""Made for tests of checkpoints and encoding: a model of every family, random weights."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.encoding.families import FAMILIES

POSITIONS = 48

# Family: its tokenizer, and what its configuration says beside the sizes.
MODELS: dict[str, tuple[str, dict]] = {
    "bert": ("wordpiece", {"type_vocab_size": 2}),
    "roberta": ("roberta", {"pad_token_id": 1, "max_position_embeddings": POSITIONS + 2}),
    "xlm-roberta": ("roberta", {"pad_token_id": 1, "max_position_embeddings": POSITIONS + 2}),
    "deberta": (
        "roberta",
        {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "pad_token_id": 1},
    ),
    "deberta-v2": (
        "unigram",
        {
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 8,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "position_biased_input": False,
            "conv_kernel_size": 3,
            "conv_act": "gelu",
        },
    ),
    "modernbert": (
        "wordpiece",
        {"global_attn_every_n_layers": 2, "local_attention": 6, "pad_token_id": 0},
    ),
    "gpt_neox": ("bytes", {}),
    "llama": ("llama", {"num_key_value_heads": 1}),
    "bloom": ("bytes", {"seq_length": POSITIONS}),
}


def write_model(
    folder: Path, tokenizer: Path, family: str, *, head: bool, **config: object
) -> Path:
    """A folder with random weights, as `save_pretrained` leaves it, and its tokenizer."""
    from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM

    kind = AutoModel
    if head:
        kind = AutoModelForCausalLM if FAMILIES[family].causal else AutoModelForMaskedLM
    sizes = {
        "vocab_size": 520,
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "max_position_embeddings": POSITIONS,
        "pad_token_id": 0,
    }
    # They are those of a tokenizer of 100,000 subwords, and larger than the vocabulary here.
    special = dict.fromkeys(("bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id"), 2)
    torch.manual_seed(0)
    model = kind.from_config(
        AutoConfig.for_model(family, **(sizes | special | MODELS[family][1] | config))
    )
    with torch.no_grad():
        for weight in model.parameters():  # far from 0 and 1, as trained ones are
            weight.add_(torch.randn_like(weight), alpha=0.3)
    model.save_pretrained(folder)
    shutil.copy(tokenizer / "tokenizer.json", folder)
    write_manifest(folder)
    return folder


def write_families(folder: Path, tokenizers: Mapping[str, Path]) -> dict[str, Path]:
    """A model of each family with its head, and its tokenizer of those in these folders."""
    return {
        family: write_model(folder / family, tokenizers[kind], family, head=True)
        for family, (kind, _) in MODELS.items()
    }
