"""RoBERTa's forward pass, which XLM-R shares (Liu et al. 2019; Conneau et al. 2020).

Written out here for two reasons: `transformers` takes seconds to import, in each of thousands of
jobs; and texts laid end to end need no padding and no mask, which makes encoding one and a half
times as fast. It computes what `transformers` does, but for the last bits of a float.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, pad, scaled_dot_product_attention

from chronoglot.encoding.tensors import is_unneeded
from chronoglot.runtime.changes.torch import GRID
from chronoglot.runtime.errors import UserError, listed

# What the forward pass takes for granted: setting → the only value it may have.
_REQUIRED = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "tie_word_embeddings": True,
}
# The head's own copy of what it shares → what that is. Where a file holds one, it is used, as
# `transformers` does: a head that was untied in training is another than the embeddings.
_TIED = {
    "lm_head.decoder.weight": "embeddings.word_embeddings.weight",
    "lm_head.decoder.bias": "lm_head.bias",
}
# Subwords that go through the feed-forward map at once: its wide middle then stays in the cache.
_ROWS = 1024


@dataclass(frozen=True)
class RobertaConfig:
    """What `config.json` says; `inner` is the width of the feed-forward map's middle."""

    vocabulary: int
    dimension: int
    layers: int
    heads: int
    inner: int
    positions: int
    types: int
    epsilon: float
    padding: int


def is_plain(content: Mapping[str, object]) -> bool:
    """Whether what `config.json` says is of the kind implemented here."""
    return all(content.get(name, value) == value for name, value in _REQUIRED.items())


def read_config(path: Path) -> RobertaConfig:
    """Raises UserError if a number is missing, or the model is of a kind not implemented here."""
    content = json.loads(path.read_text(encoding="utf-8"))
    for name, value in _REQUIRED.items():
        if content.get(name, value) != value:
            raise UserError(f"{path}: {name} is {content[name]!r}; only {value!r} can be encoded")
    names = {
        "vocabulary": "vocab_size",
        "dimension": "hidden_size",
        "layers": "num_hidden_layers",
        "heads": "num_attention_heads",
        "inner": "intermediate_size",
        "positions": "max_position_embeddings",
        "types": "type_vocab_size",
        "epsilon": "layer_norm_eps",
    }
    if missing := [name for name in names.values() if name not in content]:
        raise UserError(f"{path}: does not say {', '.join(missing)}")
    config = RobertaConfig(
        **{field: content[name] for field, name in names.items()},
        padding=content.get("pad_token_id", 1),
    )
    if config.padding is None:
        raise UserError(f"{path}: pad_token_id is null, and positions are counted from it")
    if config.dimension % config.heads:
        raise UserError(f"{path}: {config.heads} heads do not divide hidden_size evenly")
    return config


class _Affine(NamedTuple):
    """A linear map, or the scale and shift of a layer norm."""

    weight: Tensor
    bias: Tensor


class _Block(NamedTuple):
    """One transformer block; `projections` are those to queries, keys and values, in one."""

    projections: _Affine
    attended: _Affine
    attended_norm: _Affine
    inner: _Affine
    outer: _Affine
    outer_norm: _Affine


class _Run(NamedTuple):
    """Texts of one length that lie beside each other, from `start` to `stop`."""

    start: int
    stop: int
    length: int


class Roberta:
    """A frozen model, from `config.json` and `model.safetensors` of a folder.

    It computes in `dtype`. With `head`, the masked LM's head too. Raises UserError if weights are
    missing, are of a shape that the configuration does not give, or would be left over.
    """

    def __init__(
        self,
        folder: Path,
        device: str = "cpu",
        *,
        head: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.config = config = read_config(folder / "config.json")
        weights = _read_weights(folder / "model.safetensors", _shapes(config, head), device, dtype)

        def affine(*names: str) -> _Affine:
            return _Affine(
                *(torch.cat([weights[f"{n}.{kind}"] for n in names]) for kind in _Affine._fields)
            )

        def block(prefix: str) -> _Block:
            attention = f"{prefix}.attention"
            return _Block(
                affine(*(f"{attention}.self.{name}" for name in ("query", "key", "value"))),
                affine(f"{attention}.output.dense"),
                affine(f"{attention}.output.LayerNorm"),
                affine(f"{prefix}.intermediate.dense"),
                affine(f"{prefix}.output.dense"),
                affine(f"{prefix}.output.LayerNorm"),
            )

        self._words = weights["embeddings.word_embeddings.weight"]
        # Positions count from the padding's id + 1; all subwords are of type 0.
        self._positions = (
            weights["embeddings.position_embeddings.weight"][config.padding + 1 :]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = affine("embeddings.LayerNorm")
        self._blocks = [block(f"encoder.layer.{n}") for n in range(config.layers)]
        if head:
            self._head = affine("lm_head.dense"), affine("lm_head.layer_norm")
            self._head_bias = weights.get("lm_head.decoder.bias", weights["lm_head.bias"])
            output = weights.get("lm_head.decoder.weight", self._words)
            # Mostly a copy, of which the memory is better free.
            self._output = self._words if torch.equal(output, self._words) else output

    @torch.inference_mode()
    def states(self, ids: NDArray[np.int64], lengths: Sequence[int]) -> list[Tensor]:
        """Hidden states of layers 0 to L, each float32 [sum(lengths), dimension].

        `ids` are texts laid end to end, special subwords included, of `lengths`. Texts of one
        length beside each other are attended to at once: sort by length for speed.
        """
        device = self._words.device
        # Rows of nothing at the end: for some numbers of rows products are faster.
        rows, nothing = len(ids), np.zeros(-len(ids) % GRID, np.int64)
        ids = np.concatenate([ids, nothing])
        places = np.concatenate([*(np.arange(length) for length in lengths), nothing])
        runs = _runs(lengths)
        state = self._normalise(
            self._words[torch.from_numpy(ids).to(device)]
            + self._positions[torch.from_numpy(places).to(device)],
            self._norm,
        )
        states = [state]
        for block in self._blocks:
            mixed = self._attend(linear(state, *block.projections), runs)
            pieces = zip(mixed.split(_ROWS), state.split(_ROWS), strict=True)
            state = torch.cat([self._feed(block, *piece) for piece in pieces])
            states.append(state)
        return [state[:rows].float() for state in states]

    @torch.inference_mode()
    def logits(self, states: Tensor) -> Tensor:
        """The masked LM's scores [n, vocabulary] for hidden states [n, dimension] of layer L."""
        dense, norm = self._head
        rows = len(states)
        states = pad(states.to(self._words.dtype), (0, 0, 0, -rows % GRID))
        features = self._normalise(gelu(linear(states, *dense)), norm)
        return linear(features, self._output, self._head_bias)[:rows].float()

    def _attend(self, projected: Tensor, runs: Sequence[_Run]) -> Tensor:
        """Each text's attention over itself, [tokens, dimension]; run by run no mask is needed."""
        heads = self.config.heads
        mixed = projected.new_empty(len(projected), self.config.dimension)
        mixed[runs[-1].stop :] = 0  # the rows of nothing
        for start, stop, length in runs:
            queries, keys, values = (
                projected[start:stop].view(-1, length, 3, heads, mixed.shape[1] // heads)
            ).permute(2, 0, 3, 1, 4)
            attended = scaled_dot_product_attention(queries, keys, values)
            mixed[start:stop] = attended.transpose(1, 2).reshape(stop - start, -1)
        return mixed

    def _feed(self, block: _Block, mixed: Tensor, state: Tensor) -> Tensor:
        """What a block does after attention, row by row."""
        state = self._normalise(linear(mixed, *block.attended) + state, block.attended_norm)
        inner = gelu(linear(state, *block.inner))
        return self._normalise(linear(inner, *block.outer) + state, block.outer_norm)

    def _normalise(self, state: Tensor, norm: _Affine) -> Tensor:
        return layer_norm(state, norm.bias.shape, *norm, self.config.epsilon)


def _runs(lengths: Sequence[int]) -> list[_Run]:
    runs, start = [], 0
    for length, texts in groupby(lengths):
        stop = start + sum(texts)
        runs.append(_Run(start, stop, length))
        start = stop
    return runs


def _shapes(config: RobertaConfig, head: bool) -> dict[str, tuple[int, ...]]:
    """The shape of every weight, by its name without the prefix of the masked LM's encoder."""
    width, inner = config.dimension, config.inner
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config.vocabulary, width),
        "embeddings.position_embeddings.weight": (config.positions, width),
        "embeddings.token_type_embeddings.weight": (config.types, width),
    }

    def add(name: str, *shape: int) -> None:
        shapes[f"{name}.weight"] = shape
        shapes[f"{name}.bias"] = shape[:1]

    add("embeddings.LayerNorm", width)
    for layer in (f"encoder.layer.{n}" for n in range(config.layers)):
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            add(f"{layer}.attention.{name}", width, width)
        add(f"{layer}.attention.output.LayerNorm", width)
        add(f"{layer}.intermediate.dense", inner, width)
        add(f"{layer}.output.dense", width, inner)
        add(f"{layer}.output.LayerNorm", width)
    if head:
        add("lm_head.dense", width, width)
        add("lm_head.layer_norm", width)
        shapes["lm_head.bias"] = (config.vocabulary,)
    return shapes


def _read_weights(
    path: Path, shapes: Mapping[str, tuple[int, ...]], device: str, dtype: torch.dtype
) -> dict[str, Tensor]:
    """The weights in `dtype`, checked against what the configuration needs."""
    try:
        with safe_open(path, framework="pt", device=device) as file:
            stored = {name.removeprefix("roberta."): name for name in file.keys()}  # noqa: SIM118
            if missing := sorted(shapes.keys() - stored):
                raise UserError(f"{path}: the model has no weights for {listed(missing)}")
            # Blocks that are not run would make of the last layer another one.
            if unused := sorted({n for n in stored if not is_unneeded(n)} - shapes.keys()):
                raise UserError(f"{path}: config.json leaves no place for {listed(unused)}")
            tied = {n: shapes.get(of) for n, of in _TIED.items() if n in stored}
            if "lm_head.bias" in shapes:
                shapes = {**shapes, **{n: shape for n, shape in tied.items() if shape}}
            for name, shape in shapes.items():
                found = tuple(file.get_slice(stored[name]).get_shape())
                if found != shape:
                    raise UserError(f"{path}: {name} has shape {found}, not config.json's {shape}")
            return {name: file.get_tensor(stored[name]).to(dtype) for name in shapes}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: not a readable file of weights ({error})") from error
