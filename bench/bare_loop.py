"""A masked language model trained by a bare loop of torch, equal to fairseq's run.

The same weights at the start, the same batches with the same masks, the same optimiser: so the
same losses, but for the last bits of a float.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from chronoglot.pretraining.recipe import Recipe
from torch import Tensor
from torch.nn.functional import (
    cross_entropy,
    gelu,
    layer_norm,
    linear,
    scaled_dot_product_attention,
)

_BODY = "encoder.sentence_encoder."
_PADDING = 1


class Batch(NamedTuple):
    """One update: its tokens and what they were, [examples, tokens], and its learning rate."""

    tokens: Tensor
    targets: Tensor
    rate: float


class BareLoop:
    """Trains on from the weights of a fairseq checkpoint of step 0; without dropout."""

    def __init__(self, state: Mapping[str, Tensor], recipe: Recipe) -> None:
        self._recipe = recipe
        self._weights = {
            name: weight.to(recipe.device).requires_grad_()
            for name, weight in _merged(state, recipe.layers).items()
        }
        self._optimizer = torch.optim.AdamW(
            self._weights.values(),
            lr=recipe.learning_rate,
            betas=recipe.adam_betas,
            eps=recipe.adam_epsilon,
            weight_decay=recipe.weight_decay,
            fused=True,
        )

    def train(self, batches: Sequence[Batch]) -> float:
        """Make an update a batch; returns the mean loss of a masked token, in nats."""
        total, masked = 0.0, 0
        half = self._recipe.precision == "bf16"
        for tokens, targets, rate in batches:
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            self._optimizer.zero_grad()
            device = self._recipe.device
            with torch.autocast(device, torch.bfloat16, enabled=half):
                loss, count = self._loss(tokens.to(device), targets.to(device))
            (loss / count).backward()
            self._optimizer.step()
            total += loss.item()
            masked += count
        return total / masked

    def _loss(self, tokens: Tensor, targets: Tensor) -> tuple[Tensor, int]:
        read = tokens != _PADDING
        positions = read.cumsum(dim=1) * read + _PADDING
        words = self._weights["embed_tokens.weight"]
        state = words[tokens] + self._weights["embed_positions.weight"][positions]
        state = self._normalise(state, "layernorm_embedding") * read[:, :, None]
        for layer in range(self._recipe.layers):
            state = self._block(state, f"layers.{layer}", read[:, None, None, :])
        masked = targets != _PADDING
        features = gelu(self._affine(state[masked], "lm_head.dense"))
        features = self._normalise(features, "lm_head.layer_norm")
        scores = linear(features, words, self._weights["lm_head.bias"])
        return cross_entropy(scores.float(), targets[masked], reduction="sum"), int(masked.sum())

    def _block(self, state: Tensor, name: str, read: Tensor) -> Tensor:
        examples, length, width = state.shape
        queries, keys, values = (
            self._affine(state, f"{name}.self_attn.projections")
            .view(examples, length, 3, self._recipe.heads, -1)
            .permute(2, 0, 3, 1, 4)
        )
        mixed = scaled_dot_product_attention(queries, keys, values, attn_mask=read)
        mixed = mixed.transpose(1, 2).reshape(examples, length, width)
        state = state + self._affine(mixed, f"{name}.self_attn.out_proj")
        state = self._normalise(state, f"{name}.self_attn_layer_norm")
        inner = gelu(self._affine(state, f"{name}.fc1"))
        return self._normalise(
            state + self._affine(inner, f"{name}.fc2"), f"{name}.final_layer_norm"
        )

    def _affine(self, state: Tensor, name: str) -> Tensor:
        return linear(state, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normalise(self, state: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return layer_norm(state, bias.shape, weight, bias)


def _merged(state: Mapping[str, Tensor], layers: int) -> dict[str, Tensor]:
    """fairseq's weights, with the projections to queries, keys and values of a layer in one."""
    weights: dict[str, Any] = {
        name.removeprefix(_BODY).removeprefix("encoder."): weight.float().clone()
        for name, weight in state.items()
        if name.startswith("encoder.") and name != "encoder.lm_head.weight"
    }
    for layer in range(layers):
        attention = f"layers.{layer}.self_attn"
        for kind in ("weight", "bias"):
            parts = [weights.pop(f"{attention}.{name}_proj.{kind}") for name in "qkv"]
            weights[f"{attention}.projections.{kind}"] = torch.cat(parts)
    return weights
