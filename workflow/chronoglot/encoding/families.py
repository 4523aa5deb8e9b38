"""The families of models that can be encoded, by the `model_type` of their `config.json`.

No heavy import here: what cannot be read is told at once.

What `transformers` calls hidden states, and this project layers 0 to L, in each family:

| family               | layer 0                           | 1 to L − 1      | L            |
|----------------------|-----------------------------------|-----------------|--------------|
| BERT, RoBERTa, XLM-R | words, positions, types; a norm   | a norm          | a norm       |
| DeBERTa 1, 2, 3      | words (1: and positions); a norm  | a norm          | a norm       |
| ModernBERT           | words; a norm                     | residual stream | + final norm |
| GPT-NeoX, Llama      | words                             | residual stream | + final norm |
| BLOOM                | words; a norm                     | residual stream | + final norm |

A residual stream is not normalised and grows from block to block; the final norm is applied to the
last alone. So layers of the lower three differ in scale. Where positions come in with attention
alone (ModernBERT, the decoders, DeBERTa as its configuration says), layer 0 knows nothing of them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chronoglot.encoding.config_keys import check_config
from chronoglot.runtime.errors import UserError


@dataclass(frozen=True)
class Family:
    """`causal`: each subword sees itself and those before it alone, and none can be masked.

    `bf16`: `transformers` computes it in bfloat16 too.
    """

    causal: bool = False
    bf16: bool = True


FAMILIES: dict[str, Family] = {
    "bert": Family(),
    "roberta": Family(),
    "xlm-roberta": Family(),
    "deberta": Family(bf16=False),
    "deberta-v2": Family(),  # and DeBERTa 3
    "modernbert": Family(),
    "gpt_neox": Family(causal=True),
    "llama": Family(causal=True),
    "bloom": Family(causal=True),
}


def read_config(folder: str | Path) -> dict[str, object]:
    """The content of `config.json`; raises UserError unless such a model can be encoded."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable model configuration ({error})") from error
    family = config.get("model_type") if isinstance(config, Mapping) else None
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise UserError(f"{path}: models of type {family!r} cannot be encoded, only {known}")
    if config.get("is_encoder_decoder"):
        raise UserError(f"{path}: an encoder-decoder cannot be encoded; give an encoder")
    check_config(config, path)
    return dict(config)


def refuse_causal(folder: str | Path) -> None:
    """Raise UserError if the model was not pretrained to fill in what is masked."""
    family = read_config(folder)["model_type"]
    if FAMILIES[str(family)].causal:
        raise UserError(
            f"{folder}: models of type {family!r} read from left to right, so the bits per "
            "character of masked text are not defined for them; leave bpc out of tasks"
        )


def refuse_bf16(folder: str | Path) -> None:
    """Raise UserError if the model cannot compute in bfloat16."""
    family = read_config(folder)["model_type"]
    if not FAMILIES[str(family)].bf16:
        raise UserError(
            f"encoding.precision: models of type {family!r} cannot compute in bf16; set it to fp32"
        )


def refuse_first(folder: str | Path) -> None:
    """Raise UserError if the first subword of a text knows nothing of the rest."""
    family = read_config(folder)["model_type"]
    if FAMILIES[str(family)].causal:
        raise UserError(
            f"{folder}: models of type {family!r} read from left to right, so that the vector of "
            "a pair's first token says nothing of the pair; set encoding.pair_pooling to mean"
        )
