"""What `config.json` says of a model's computation is followed, all of it, or the model is refused.

`transformers` takes any key, whether its code reads it or not; and what older releases, forks and
other families computed differently, today's computes as if nothing had been said. So a key is

- honoured: what runs the family here reads it;
- bound: one value is what is computed, another would not be;
- harmless: of training, of heads, of generating text;
- or unknown, and then refused if its name speaks of the computation and its value is not nothing.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from chronoglot.errors import UserError

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
    "modernbert": f"{_SIZES} {_ROPE} attention_bias decoder_bias global_attn_every_n_layers "
    "global_rope_theta head_dim hidden_activation layer_types local_attention local_rope_theta "
    "max_position_embeddings mlp_bias norm_bias norm_eps sliding_window classifier_activation",
    "gpt_neox": f"{_SIZES} {_ROPE} attention_bias head_dim hidden_act layer_norm_eps "
    "max_position_embeddings partial_rotary_factor rotary_emb_base rotary_pct "
    "use_parallel_residual",
    "llama": f"{_SIZES} {_ROPE} attention_bias head_dim hidden_act max_position_embeddings "
    "mlp_bias num_key_value_heads partial_rotary_factor rms_norm_eps",
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
_ABSOLUTE: dict[str, tuple[object, ...]] = {
    "position_embedding_type": ("absolute", None),
    "is_decoder": (False, None),
}
_BOUND: dict[str, dict[str, tuple[object, ...]]] = {
    "bert": _ABSOLUTE,
    "roberta": _ABSOLUTE,
    "xlm-roberta": _ABSOLUTE,
    "bloom": {"n_inner": (None,), "skip_bias_add_qkv": (False, None)},
    "modernbert": {"causal_mask": (False, None), "is_causal": (False, None)},
}
# Of the same value or none to the hidden states, though their names speak of the computation.
_HARMLESS = re.compile(
    r"_.*|.*(dropout|dropout_prob|token_id|token_ids|_labels?|label2id|id2label|initiali[sz].*|init_.*)"
    r"|(output|return|pooler|classifier|summary|tie|use_bfloat|sparse_pred)_?.*"
    r"|.*_fusion|attention_softmax_in_fp32|attn_implementation|bias_dropout_fusion|bos_.*|eos_.*"
    r"|chunk_size_feed_forward|deterministic_flash_attn|encoder_no_repeat_ngram_size"
    r"|gradient_checkpointing|is_decoder|masked_softmax_fusion|offset_alibi|padding_idx"
    r"|position_embedding_type|pretraining_tp|repad_logits_with_grad|skip_bias_add|slow_but_exact"
    r"|bad_words_ids|layer_norm_eps|num_beams?|num_beam_groups|scale_(attn|loss).*_training"
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
    for key, value in config.items():
        if key in bound:
            if value not in bound[key]:
                raise UserError(
                    f"{path}: {key} is {value!r}, which is not computed here, only "
                    f"{bound[key][0]!r}; leave the model out"
                )
        elif key == "auto_map":
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


def _is_nothing(key: str, value: object) -> bool:
    """Whether a value says that what its key speaks of is not there, or is a factor of 1."""
    return not value or (("scal" in key or "multiplier" in key) and value == 1)
