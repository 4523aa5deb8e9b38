"""The names that fairseq has given to RoBERTa's tensors, brought to those of fairseq 0.12.

What fairseq itself does when it loads an older checkpoint, without fairseq:

| older                                           | 0.12                                       |
|-------------------------------------------------|--------------------------------------------|
| `decoder.…`                                     | `encoder.…`                                |
| `….emb_layer_norm.…`                            | `….layernorm_embedding.…`                  |
| `….layer_norms.0.…`, `….layer_norms.1.…`        | `….self_attn_layer_norm.…`, `….final_…`    |
| `….self_attn.in_proj_weight`, `…in_proj_bias`   | `….self_attn.{q,k,v}_proj`, a third each   |
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor

from chronoglot.runtime.errors import UserError

_RENAMED = (
    (re.compile(r"^decoder\."), "encoder."),
    (re.compile(r"\.emb_layer_norm\."), ".layernorm_embedding."),
    (re.compile(r"(\.layers\.\d+)\.layer_norms\.0\."), r"\1.self_attn_layer_norm."),
    (re.compile(r"(\.layers\.\d+)\.layer_norms\.1\."), r"\1.final_layer_norm."),
)
_FUSED = re.compile(r"(.*\.self_attn)\.in_proj_(weight|bias)")
# Not weights of the model: counters, copies that fairseq keeps for a fused kernel and refreshes
# when it loads, and the heads of tasks that it was fine-tuned on.
_UNUSED = re.compile(
    r"classification_heads\..*"
    r"|encoder\.sentence_encoder\.(version|embed_positions\._float_tensor"
    r"|layers\.\d+\.(in_proj|out_proj|fc1|fc2)_(weight|bias))"
)


def modernise(state: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """The model's weights under fairseq 0.12's names; `path` is for messages.

    Raises UserError if two tensors come to the same name.
    """
    modern: dict[str, Tensor] = {}
    for old, tensor in state.items():
        name = old
        for pattern, new in _RENAMED:
            name = pattern.sub(new, name)
        if _UNUSED.fullmatch(name):
            continue
        for part, value in _parts(name, tensor):
            if part in modern:
                raise UserError(f"{path}: tensor {part} is there twice, once as {old}")
            modern[part] = value
    return modern


def _parts(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """The tensor itself, or the maps to queries, keys and values that it holds in one."""
    fused = _FUSED.fullmatch(name)
    if not fused:
        yield name, tensor
        return
    for letter, third in zip("qkv", tensor.chunk(3), strict=True):
        yield f"{fused[1]}.{letter}_proj.{fused[2]}", third
