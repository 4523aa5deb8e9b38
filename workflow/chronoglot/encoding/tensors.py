"""The tensors of a model's file: each is used, or is known to be needed by no layer.

What is left over would change the hidden states if it were computed: an adapter within a block, a
bias that the configuration does not speak of, embeddings of distances.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from chronoglot.runtime.errors import UserError, listed

_MAP = r"\.(weight|bias)"
_NORM = r"LayerNorm\.(weight|bias|gamma|beta)"
_BERT = (
    r"embeddings\.(word|position|token_type)_embeddings\.weight",
    rf"embeddings\.{_NORM}",
    rf"B\.(attention\.self\.(query|key|value)|(attention\.output|intermediate|output)\.dense){_MAP}",
    rf"B\.(attention\.output|output)\.{_NORM}",
)
_DEBERTA = (
    *_BERT[:2],
    rf"B\.(attention\.output|intermediate|output)\.dense{_MAP}",
    _BERT[3],
    r"embeddings\.embed_proj\.weight",
    r"encoder\.rel_embeddings\.weight",
)
# Names without the model's prefix, B standing for a block; where a bias is there only if the
# configuration says so, its key stands in front of it.
_USED: dict[str, tuple[str, ...]] = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "deberta": (
        *_DEBERTA,
        rf"B\.attention\.self\.((in_proj|pos_proj|pos_q_proj){_MAP}|q_bias|v_bias)",
        r"B\.attention\.self\.head_(logits|weights)_proj\.weight",
    ),
    "deberta-v2": (
        *_DEBERTA,
        rf"B\.attention\.self\.(query|key|value|pos_key|pos_query)_proj{_MAP}",
        rf"encoder\.conv\.conv{_MAP}",
        rf"encoder\.(conv\.)?{_NORM}",
    ),
    "modernbert": (
        r"embeddings\.tok_embeddings\.weight",
        r"(embeddings\.norm|B\.(attn|mlp)_norm|final_norm)\.(weight|norm_bias:bias)",
        r"B\.attn\.(Wqkv|Wo)\.(weight|attention_bias:bias)",
        r"B\.mlp\.(Wi|Wo)\.(weight|mlp_bias:bias)",
    ),
    "gpt_neox": (
        r"embed_in\.weight",
        rf"(B\.(input|post_attention)_layernorm|final_layer_norm){_MAP}",
        r"B\.attention\.(query_key_value|dense)\.(weight|attention_bias:bias)",
        rf"B\.mlp\.dense_(h_to_4h|4h_to_h){_MAP}",
    ),
    "llama": (
        r"embed_tokens\.weight",
        r"(B\.(input|post_attention)_layernorm|norm)\.weight",
        r"B\.self_attn\.(q|k|v|o)_proj\.(weight|attention_bias:bias)",
        r"B\.mlp\.(gate|up|down)_proj\.(weight|mlp_bias:bias)",
    ),
    "bloom": (
        r"word_embeddings\.weight",
        rf"(word_embeddings_layernorm|B\.(input|post_attention)_layernorm|ln_f){_MAP}",
        rf"B\.self_attention\.(query_key_value|dense){_MAP}",
        rf"B\.mlp\.dense_(h_to_4h|4h_to_h){_MAP}",
    ),
}
# Those that are there where the configuration says nothing.
_DEFAULTS = {("gpt_neox", "attention_bias"): True}
_BLOCK = r"(encoder\.layer|layers|h)\.\d+"
_NUMBER = re.compile(r"(?:encoder\.layer|layers|h)\.(\d+)\.")
_CONDITION = re.compile(r"(\w+):bias")
_PREFIX = re.compile(r"(bert|roberta|deberta|model|gpt_neox|transformer)\.")
_MASKED_HEAD = re.compile(r"(lm_head|cls\.predictions|lm_predictions|mask_predictions|head)\..*")
# Heads, and buffers that older releases stored and that are computed anew.
_UNNEEDED = re.compile(
    r"(pooler|cls|lm_head|classifier|qa_outputs|lm_predictions|mask_predictions|score|embed_out|head"
    r"|decoder|logits_proj|sequence_summary)\..*"
    r"|embeddings\.(position_ids|token_type_ids)"
    rf"|({_BLOCK}\.(self_attn|attention|attn)\.)?(rotary_emb|local_rotary_emb)\..*inv_freq"
    r"|layers\.\d+\.attention\.(bias|masked_bias)"
    r"|(lm_head\.)?bias"
)


def is_unneeded(name: str) -> bool:
    """Whether a tensor of this name, with or without the model's prefix, is needed by no layer."""
    return _UNNEEDED.fullmatch(_bare(name)) is not None


def left_over(names: Iterable[str], config: Mapping[str, object]) -> list[str]:
    """Those of the tensors' names that a model of this configuration neither uses nor can miss."""
    family = str(config["model_type"])

    def bias(condition: re.Match[str]) -> str:
        there = config.get(condition[1], _DEFAULTS.get((family, condition[1]), False))
        return "bias" if there else "(?!)"

    patterns = (_CONDITION.sub(bias, pattern) for pattern in _USED[family])
    used = re.compile("|".join(pattern.replace("B\\.", rf"{_BLOCK}\.") for pattern in patterns))
    layers = config.get("num_hidden_layers", config.get("n_layer"))

    def beyond(name: str) -> bool:
        block = _NUMBER.match(_bare(name))
        return block is not None and isinstance(layers, int) and int(block[1]) >= layers

    return [
        name
        for name in names
        if beyond(name) or not (used.fullmatch(_bare(name)) or is_unneeded(name))
    ]


def refuse_headless(folder: str | Path) -> None:
    """Raise UserError if a model folder has no head that gives masked tokens their scores."""
    names = [name for _, found in _names(folder) for name in found]
    if not any(_MASKED_HEAD.fullmatch(_bare(name)) for name in names):
        raise UserError(
            f"{folder}: the model was saved without the head that scores masked tokens, which bits "
            "per character need; save it with its head, or leave bpc out of tasks"
        )


def _names(folder: str | Path) -> Iterator[tuple[Path, list[str]]]:
    """Each file of a model folder's weights, and the names of its tensors."""
    from safetensors import SafetensorError, safe_open

    for path in sorted(Path(folder).glob("*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                yield path, list(file.keys())
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path}: not a readable file of weights ({error})") from error


def check_tensors(folder: str | Path, config: Mapping[str, object]) -> None:
    """Raise UserError, naming them, if a model folder's safetensors hold more than is computed."""
    for path, names in _names(folder):
        if unused := left_over(names, config):
            raise UserError(
                f"{path}: holds what config.json leaves no place for: {listed(unused)}; the "
                "model is another than its configuration says, and so would its layers be"
            )


def _bare(name: str) -> str:
    return _PREFIX.sub("", name, count=1) if _PREFIX.match(name) else name
