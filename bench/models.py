"""Loading models as others do."""

from pathlib import Path
from typing import Any


def transformer(model: Path, device: str, precision: str, *, head: bool = False) -> tuple[Any, Any]:
    """The model and the tokenizer of `transformers`; with `head` that of the masked LM."""
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

    kind = AutoModelForMaskedLM if head else AutoModel
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    network = kind.from_pretrained(str(model), dtype=dtype).to(device).eval()
    return network, AutoTokenizer.from_pretrained(str(model))
