"""A small network as Adam trains it, and model folders of its states, as a run has them."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from chronoglot.checkpoints.manifest import write_manifest
from safetensors.torch import save_file

Tensors = dict[str, torch.Tensor]


def write(folder: Path, tensors: Tensors, tokenizer: tuple[Path, int]) -> Path:
    """A model folder; `tokenizer` is its file and how many ids it has."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"vocab_size": tokenizer[1]}))
    shutil.copyfile(tokenizer[0], folder / "sentencepiece.bpe.model")
    write_manifest(folder)
    return folder


def train(
    size: int,
    steps: Sequence[int],
    seed: int = 0,
    rate: float = 0.01,
    decay: float = 0.0,
    noise: float = 0.0,
) -> dict[int, Tensors]:
    """Its weights at each of the `steps`, learning which of `size` tokens follows which.

    The learning rate grows for 50 steps; with `decay`, weights decay so and the rate falls to
    nothing at the end. A share of what follows is `noise`, so that there is always more to learn.
    """
    torch.manual_seed(seed)
    width = 16
    network = torch.nn.Sequential(
        torch.nn.Embedding(size, width),
        torch.nn.LayerNorm(width),
        torch.nn.Linear(width, 32),
        torch.nn.GELU(),
        torch.nn.Linear(32, width),
        torch.nn.Linear(width, size),
    )
    for module in (network[2], network[4], network[5]):
        torch.nn.init.normal_(module.weight, std=0.02)
        torch.nn.init.zeros_(module.bias)
    network[4].weight.requires_grad = False  # frozen
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, weight_decay=decay)
    following = torch.randint(size, (size,))
    saved = {}
    for step in range(steps[-1] + 1):
        if step in steps:
            state = {name: tensor.detach().clone() for name, tensor in network.named_parameters()}
            saved[step] = state | {"unused": torch.zeros(1, width), "ids": torch.arange(5)}
        optimizer.param_groups[0]["lr"] = rate * min(1.0, (step + 1) / 50)
        if decay:
            optimizer.param_groups[0]["lr"] *= 1 - step / (steps[-1] + 1)
        ids = torch.randint(size, (64,))
        targets = following[ids]
        if noise:
            targets = torch.where(torch.rand(64) < noise, torch.randint(size, (64,)), targets)
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(network(ids), targets).backward()
        optimizer.step()
    return saved
