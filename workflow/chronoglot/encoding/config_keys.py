"""What `config.json` says of a model's computation is followed, all of it, or the model is refused.

`transformers` takes any key, whether its code reads it or not; and what older releases, forks and
other families computed differently, today's computes as if nothing had been said. So a key is

- honoured: what runs the family here reads it;
- bound: one value is what is computed, another would not be;
- said twice: the same under another name, and refused if it disagrees;
- harmless: of training, of heads, of generating text;
- or unknown, and then refused if its name speaks of the computation and its value is not nothing.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from chronoglot.runtime.errors import UserError

_SIZES = "hidden_size intermediate_size num_attention_heads num_hidden_layers vocab_size"
_BERT = f"{_SIZES} hidden_act layer_norm_eps max_position_embeddings type_vocab_size"
_DEBERTA = (
    f"{_BERT} embedding_size legacy max_relative_positions pos_att_type position_biased_input "
    "relative_attention"
)
_ROPE = "rope_parameters rope_theta rope_scaling"
# What the code that runs a family reads.
_HONOURED = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "deberta": f"{_DEBERTA} talking_head",
    "deberta-v2": f"{_DEBERTA} attention_head_size conv_act conv_groups conv_kernel_size "
    "norm_rel_ebd position_buckets share_att_key",
    "modernbert": f"{_SIZES} rope_parameters rope_scaling attention_bias decoder_bias "
    "global_attn_every_n_layers global_rope_theta hidden_activation layer_norm_eps layer_types "
    "local_attention local_rope_theta max_position_embeddings mlp_bias norm_bias norm_eps "
    "sliding_window classifier_activation",
    "gpt_neox": f"{_SIZES} {_ROPE} attention_bias hidden_act layer_norm_eps "
    "max_position_embeddings partial_rotary_factor rotary_emb_base rotary_pct "
    "use_parallel_residual",
    "llama": f"{_SIZES} {_ROPE} attention_bias head_dim hidden_act max_position_embeddings "
    "mlp_bias num_key_value_heads rms_norm_eps",
    "bloom": f"{_SIZES} apply_residual_connection_post_layernorm layer_norm_epsilon "
    "max_position_embeddings n_embed n_head n_layer seq_length",
}
# Key → the values with which it is computed as it says.
_ANY: dict[str, tuple[object, ...]] = {
    "add_cross_attention": (False, None),
    "is_encoder_decoder": (False, None),
    "pruned_heads": ({}, None),
    "quantization_config": ({}, None),
}
_ENCODER: dict[str, tuple[object, ...]] = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
    "is_causal": (False, None),
}
_DECODER: dict[str, tuple[object, ...]] = {"is_causal": (True, None)}
_ROTARY: dict[str, tuple[object, ...]] = {
    "position_embedding_type": ("rotary", "rope", "absolute", None)
}
_WHOLE: tuple[object, ...] = (1, None)
# A name with dots is of a mapping within.
_BOUND: dict[str, dict[str, tuple[object, ...]]] = {
    "bert": _ENCODER,
    "roberta": _ENCODER,
    "xlm-roberta": _ENCODER,
    "deberta": _ENCODER,
    "deberta-v2": _ENCODER,
    "modernbert": _ENCODER
    | {
        "position_embedding_type": ("rope", "sans_pos", "absolute", None),
        "causal_mask": (False, None),
        "rope_parameters.full_attention.partial_rotary_factor": _WHOLE,
        "rope_parameters.sliding_attention.partial_rotary_factor": _WHOLE,
        "rope_scaling.partial_rotary_factor": _WHOLE,
    },
    "gpt_neox": _DECODER | _ROTARY,
    "llama": _DECODER
    | _ROTARY
    | {
        "partial_rotary_factor": _WHOLE,
        "rope_parameters.partial_rotary_factor": _WHOLE,
        "rope_scaling.partial_rotary_factor": _WHOLE,
    },
    "bloom": _DECODER
    | {
        "position_embedding_type": ("alibi", "absolute", None),
        "alibi": (True, None),
        "n_inner": (None,),
        "skip_bias_add_qkv": (False, None),
    },
}
# Two names of one thing, of which the first is followed wherever it is said: the second has to
# agree. Where a value stands third, it is followed if the first is not said.
_ROPE_TWICE: tuple[tuple[object, ...], ...] = (
    ("rope_parameters.rope_theta", "rope_theta"),
    ("rope_parameters", "rope_scaling"),
)
_TWICE: dict[str, tuple[tuple[object, ...], ...]] = {
    "modernbert": (
        ("norm_eps", "layer_norm_eps"),
        ("rope_parameters.full_attention.rope_theta", "global_rope_theta"),
        ("rope_parameters.sliding_attention.rope_theta", "local_rope_theta"),
        ("rope_parameters", "rope_scaling"),
    ),
    "gpt_neox": (
        *_ROPE_TWICE,
        ("rope_parameters.rope_theta", "rotary_emb_base"),
        ("rotary_emb_base", "rope_theta"),
        ("rope_parameters.partial_rotary_factor", "rotary_pct"),
        ("rotary_pct", "partial_rotary_factor", 0.25),
    ),
    "llama": _ROPE_TWICE,
    "bloom": (
        ("num_hidden_layers", "n_layer"),
        ("num_attention_heads", "n_head"),
        ("hidden_size", "n_embed"),
    ),
}
# Of a rotation's kind, what transformers reads within `rope_parameters` and `rope_scaling`.
_ROPE_OF_ALL = "rope_type type rope_theta partial_rotary_factor"
_ROPE_KEYS = {
    "default": "",
    "linear": "factor",
    "dynamic": "factor",
    "yarn": "factor original_max_position_embeddings attention_factor beta_fast beta_slow mscale "
    "mscale_all_dim truncate",
    "longrope": "short_factor long_factor original_max_position_embeddings attention_factor factor",
    "llama3": "factor original_max_position_embeddings low_freq_factor high_freq_factor",
}
# Of the same value or none to the hidden states, though their names speak of the computation.
_HARMLESS = re.compile(
    r"_.*|.*(dropout|dropout_prob|token_id|token_ids|_labels?|label2id|id2label|initiali[sz].*|init_.*)"
    r"|(output|return|pooler|classifier|summary|tie|use_bfloat|sparse_pred)_?.*"
    r"|.*_fusion|attention_softmax_in_fp32|attn_implementation|bias_dropout_fusion|bos_.*|eos_.*"
    r"|chunk_size_feed_forward|.*(flash|memory_efficient)_att.*|encoder_no_repeat_ngram_size"
    r"|gradient_checkpointing|is_decoder|masked_softmax_fusion|offset_alibi|padding_idx"
    r"|pretraining_tp|repad_logits_with_grad|skip_bias_add|slow_but_exact"
    r"|bad_words_ids|num_beams?|num_beam_groups|scale_(attn|loss).*_training"
)
_SPEAKING = re.compile(
    r"act_fn|activation|adapt|alibi|attend|attention|attn|bias|causal|clip|conv|decoder|embed"
    r"|expert|gate|head|hidden_act|inner|kernel|kv_|layer_types|lora|mask|moe|multiplier|norm"
    r"|parallel|position|prun|quant|relative|residual|rope|rotary|scal|shar|skip|softcap|softmax"
    r"|sparse|ssm|theta|window"
)
# Code of the model's own, which is never run: what it computes is not known.
_OWN_CODE = re.compile(r"AutoModel.*|AutoConfig")


def check_config(config: Mapping[str, object], path: Path) -> None:
    """Raise UserError, naming the key, unless all that is said of the computation is followed.

    `config` is the content of the `config.json` at `path`, of a family that can be encoded.
    """
    family = str(config["model_type"])
    bound = _ANY | _BOUND.get(family, {})
    honoured = set(_HONOURED[family].split())
    for key, values in bound.items():
        if (value := _said(config, key)) not in values and value is not None:
            raise UserError(
                f"{path}: {key} is {value!r}, which is not computed here, only {values[0]!r}; "
                "leave the model out"
            )
    twice = {str(second) for _, second, *_ in _TWICE.get(family, ())}
    for key, value in config.items():
        if key in bound or key in twice:
            continue
        if key == "auto_map":
            if isinstance(value, Mapping) and (own := list(filter(_OWN_CODE.fullmatch, value))):
                raise UserError(
                    f"{path}: auto_map names code of the model's own for {own[0]}, which is not "
                    "run; only models that transformers itself implements can be encoded"
                )
        elif not (
            key in honoured
            or _HARMLESS.fullmatch(key)
            or not _SPEAKING.search(key)
            or _is_nothing(key, value)
        ):
            raise UserError(
                f"{path}: {key} is {value!r}, which models of type {family!r} do not know here; if "
                "it changes nothing in the hidden states, take it out of the file"
            )
    for name in {"rope_parameters", "rope_scaling"} & (honoured | twice):
        _check_rope(name, config.get(name), path)
    for first, one, second, other in _twice(family, config):
        if None not in (one, other) and one != other:
            raise UserError(
                f"{path}: {second} is {other!r}, but {first} says {one!r} of the same; mend the "
                "one that is wrong"
            )


def _check_rope(name: str, rope: object, path: Path) -> None:
    """Raise UserError for a key within a rotation's parameters that its kind does not read."""
    if not isinstance(rope, Mapping):
        return
    kind = str(rope.get("rope_type") or rope.get("type") or "default")
    if rope.get("type") not in (None, kind):
        raise UserError(
            f"{path}: {name}.type is {rope['type']!r}, but {name}.rope_type says {kind!r} of the "
            "same; mend the one that is wrong"
        )
    if kind not in _ROPE_KEYS:
        raise UserError(
            f"{path}: {name}.rope_type is {kind!r}, which is not computed here, only "
            f"{', '.join(_ROPE_KEYS)}; leave the model out"
        )
    known = f"{_ROPE_OF_ALL} {_ROPE_KEYS[kind]}".split()
    for key, value in rope.items():
        if isinstance(value, Mapping):  # of full and of sliding attention each
            _check_rope(f"{name}.{key}", value, path)
        elif key not in known and value and not ("factor" in key and value == 1):
            raise UserError(
                f"{path}: {name}.{key} is {value!r}, which a rotation of kind {kind!r} does not "
                "read here; if it changes nothing, take it out of the file"
            )


def _twice(family: str, config: Mapping[str, object]) -> Iterator[tuple[str, object, str, object]]:
    """What is said twice: two names, each with what it says, None where it says nothing."""
    for first, second, *default in _TWICE.get(family, ()):
        one = _said(config, str(first))
        if one is None and default:
            one = default[0]
        yield str(first), one, str(second), _said(config, str(second))
    if family != "modernbert":
        return
    width, kinds = config.get("local_attention"), config.get("layer_types")
    half = width // 2 if isinstance(width, int) else None
    yield "local_attention", half, "sliding_window", config.get("sliding_window")
    every = config.get("global_attn_every_n_layers")
    if isinstance(every, int) and every and isinstance(kinds, list):
        expected = [
            "sliding_attention" if n % every else "full_attention" for n in range(len(kinds))
        ]
        yield "layer_types", kinds, "global_attn_every_n_layers", expected


def _said(config: Mapping[str, object], name: str) -> object:
    """What a configuration says under a name, whose dots lead into mappings; None: nothing."""
    value: object = config
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _is_nothing(key: str, value: object) -> bool:
    """Whether a value says that what its key speaks of is not there, or is a factor of 1."""
    return not value or (("scal" in key or "multiplier" in key) and value == 1)
