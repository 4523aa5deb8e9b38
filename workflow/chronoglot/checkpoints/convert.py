"""fairseq checkpoint → folder that `transformers` reads as XLMRobertaForMaskedLM.

Neither library is imported: the two differ in names alone, and importing them would cost more
than the conversion.

| fairseq (`encoder.sentence_encoder.`)        | transformers (`roberta.`)                      |
|----------------------------------------------|------------------------------------------------|
| `embed_tokens`, `embed_positions`            | `embeddings.word_embeddings`, `….position_…`   |
| `layernorm_embedding`                        | `embeddings.LayerNorm`                         |
| `layers.N.self_attn.{q,k,v,out}_proj`        | `encoder.layer.N.attention.{self.…, output.…}` |
| `layers.N.fc1`, `fc2`                        | `encoder.layer.N.intermediate`, `output`       |
| `encoder.lm_head.`                           | `lm_head.`, its weights tied to the embeddings |
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from chronoglot.checkpoints.load import load_fairseq
from chronoglot.checkpoints.manifest import write_manifest
from chronoglot.checkpoints.size import refuse_other_layers
from chronoglot.checkpoints.spellings import modernise
from chronoglot.checkpoints.vocabulary import check_vocabulary
from chronoglot.checkpoints.weights import write_weights
from chronoglot.runtime.errors import UserError, listed
from chronoglot.runtime.files import whole_folder

_BODY = "encoder.sentence_encoder."
_TIED = "encoder.lm_head.weight"  # the embeddings once more
_LAYER = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
# What XLM-R is, and the converted model takes for granted: setting → the only value it may have.
_REQUIRED = {
    "activation_fn": "gelu",
    "encoder_normalize_before": False,
    "layernorm_embedding": True,
    "no_scale_embedding": True,
    "encoder_learned_pos": True,
    "no_token_positional_embeddings": False,
    "untie_weights_roberta": False,
    "adaptive_input": False,
    "encoder_layers_to_keep": None,
    "quant_noise_scalar": 0,
}
# fairseq numbers positions from the padding symbol's id (1) + 1.
_POSITION_OFFSET = 2


def convert(
    checkpoint: Path,
    tokenizer: Path,
    dictionary: Path,
    folder: Path,
    *,
    layers: int | None = None,
) -> None:
    """Write `folder`: a fairseq RoBERTa checkpoint as a `transformers` model with its tokenizer.

    `tokenizer` is the sentencepiece model and `dictionary` fairseq's dictionary of the same
    subwords; `layers` are the blocks that the checkpoint should have, if that is known. The folder
    holds `config.json`, `model.safetensors` (float32, masked LM head included),
    `sentencepiece.bpe.model`, `tokenizer_config.json` and `manifest.json`.

    Raises UserError if the checkpoint is damaged, is of another architecture, has a tensor that
    is unknown, missing or of the wrong shape, or does not fit the tokenizer or `layers`.
    """
    state, settings = load_fairseq(checkpoint)
    state = modernise(state, checkpoint)
    config = _config(state, settings, checkpoint)
    refuse_other_layers(config["num_hidden_layers"], layers, checkpoint)
    tensors = _rename(state, config, checkpoint)
    padding = check_vocabulary(tokenizer, dictionary, config["vocab_size"], checkpoint)
    if padding:
        config["vocab_padding"] = padding
        for name in ("roberta.embeddings.word_embeddings.weight", "lm_head.bias"):
            tensors[name] = tensors[name][mask_first(config["vocab_size"], padding)]
    with whole_folder(folder) as temporary:
        _write_json(config, temporary / "config.json")
        _write_json(_tokenizer_config(config), temporary / "tokenizer_config.json")
        shutil.copyfile(tokenizer, temporary / "sentencepiece.bpe.model")
        write_weights(tensors, temporary / "model.safetensors")
        write_manifest(temporary)


def mask_first(size: int, padding: int) -> Tensor:
    """Where each id of a converted model stands in fairseq's vocabulary, int64 [size].

    `<mask>` comes right after the subwords, as XLM-R's tokenizer takes for granted, and what pads
    the vocabulary behind it.
    """
    mask = torch.tensor([size - 1])
    return torch.cat([torch.arange(size - 1 - padding), mask, torch.arange(size - 1)[-padding:]])


def _config(state: Mapping[str, Tensor], settings: Mapping[str, object], path: Path) -> dict:
    """The content of `config.json`, from the settings and the size of the embeddings."""
    for name, value in _REQUIRED.items():
        if settings.get(name, value) != value:
            raise UserError(f"{path}: {name} is {settings[name]}; only {value} can be converted")
    if f"{_BODY}layer_norm.weight" in state:
        raise UserError(f"{path}: normalises before each block, not after; cannot be converted")

    def number(name: str) -> int:
        value = settings.get(name)
        if not isinstance(value, int):
            raise UserError(f"{path}: its settings do not say {name}, which conversion needs")
        return value

    def rows(name: str) -> int:
        if f"{_BODY}{name}.weight" not in state:
            raise UserError(
                f"{path}: tensor {_BODY}{name}.weight is missing; only RoBERTa and XLM-R can be "
                f"converted, and its architecture is {settings.get('arch', 'not named')}"
            )
        return state[f"{_BODY}{name}.weight"].shape[0]

    return {
        "architectures": ["XLMRobertaForMaskedLM"],
        "model_type": "xlm-roberta",
        "vocab_size": rows("embed_tokens"),
        "hidden_size": number("encoder_embed_dim"),
        "num_hidden_layers": number("encoder_layers"),
        "num_attention_heads": number("encoder_attention_heads"),
        "intermediate_size": number("encoder_ffn_embed_dim"),
        "hidden_act": "gelu",
        "hidden_dropout_prob": settings.get("dropout", 0.1),
        "attention_probs_dropout_prob": settings.get("attention_dropout", 0.1),
        "max_position_embeddings": rows("embed_positions"),
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "bos_token_id": 0,
        "pad_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }


def _rename(state: Mapping[str, Tensor], config: Mapping, path: Path) -> dict[str, Tensor]:
    """The tensors under their new names; every old name is used, or known to be unused."""
    names = _names(config)
    if missing := [name for name in names if name not in state]:
        raise UserError(f"{path}: {_tensors(missing)} missing")
    if unknown := [name for name in state if name not in names and name != _TIED]:
        raise UserError(f"{path}: {_tensors(unknown)} unknown, so conversion would lose something")
    for name, (_, shape) in names.items():
        if tuple(state[name].shape) != shape:
            raise UserError(
                f"{path}: tensor {name} has shape {tuple(state[name].shape)} where the "
                f"checkpoint's settings say {shape}"
            )
    head, embeddings = state.get(_TIED), state[f"{_BODY}embed_tokens.weight"]
    if head is not None and not torch.equal(head, embeddings):
        raise UserError(f"{path}: {_TIED} is not tied to the embeddings")
    tensors = {new: state[old].float().contiguous() for old, (new, _) in names.items()}
    # BERT's second kind of input, which RoBERTa has not.
    tensors["roberta.embeddings.token_type_embeddings.weight"] = torch.zeros(
        1, config["hidden_size"]
    )
    return tensors


def _names(config: Mapping) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Old name → (new name, shape) of every tensor of a model with this configuration."""
    vocabulary, width, inner = (
        config[name] for name in ("vocab_size", "hidden_size", "intermediate_size")
    )
    names: dict[str, tuple[str, tuple[int, ...]]] = {}

    def add(old: str, new: str, rows: int, columns: int | None = None) -> None:
        """A linear map, or with one dimension a layer norm."""
        names[f"{old}.weight"] = (f"{new}.weight", (rows, columns) if columns else (rows,))
        names[f"{old}.bias"] = (f"{new}.bias", (rows,))

    for old, new, rows in (
        ("embed_tokens", "word_embeddings", vocabulary),
        ("embed_positions", "position_embeddings", config["max_position_embeddings"]),
    ):
        names[f"{_BODY}{old}.weight"] = (f"roberta.embeddings.{new}.weight", (rows, width))
    add(f"{_BODY}layernorm_embedding", "roberta.embeddings.LayerNorm", width)
    for layer in range(config["num_hidden_layers"]):
        for old, new in _LAYER.items():
            rows, columns = {"fc1": (inner, width), "fc2": (width, inner)}.get(old, (width, width))
            add(
                f"{_BODY}layers.{layer}.{old}",
                f"roberta.encoder.layer.{layer}.{new}",
                rows,
                None if old.endswith("layer_norm") else columns,
            )
    add("encoder.lm_head.dense", "lm_head.dense", width, width)
    add("encoder.lm_head.layer_norm", "lm_head.layer_norm", width)
    names["encoder.lm_head.bias"] = ("lm_head.bias", (vocabulary,))
    return names


def _tensors(names: list[str]) -> str:
    return f"tensors {listed(names)} are" if len(names) > 1 else f"tensor {listed(names)} is"


def _tokenizer_config(config: Mapping) -> dict:
    return {
        "tokenizer_class": "XLMRobertaTokenizer",
        "model_max_length": config["max_position_embeddings"] - _POSITION_OFFSET,
        "bos_token": "<s>",
        "cls_token": "<s>",
        "eos_token": "</s>",
        "sep_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }


def _write_json(content: Mapping, path: Path) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
