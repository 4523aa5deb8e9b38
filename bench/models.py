"""Loading models the way that each side does."""

from pathlib import Path
from typing import Any

from chronoglot.encoding.encoder import Encoder, load_encoder

from bench.benchmark import Absent


def encoder(model: Path, device: str, precision: str) -> Encoder:
    """The project's own; raises Absent if it does not compute in the precision."""
    check(precision)
    return load_encoder(model, device)


def check(precision: str) -> None:
    """Raise Absent unless the project encodes in the precision."""
    if precision != "fp32":
        raise Absent(f"it encodes in fp32, not in {precision}")


def transformer(model: Path, device: str, precision: str, *, head: bool = False) -> tuple[Any, Any]:
    """The model and the tokeniser of `transformers`; with `head` that of the masked LM."""
    import torch
    from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

    kind = AutoModelForMaskedLM if head else AutoModel
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    network = kind.from_pretrained(str(model), dtype=dtype).to(device).eval()
    return network, AutoTokenizer.from_pretrained(str(model))
