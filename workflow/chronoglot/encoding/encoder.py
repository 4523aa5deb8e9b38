"""What the encoding needs from a family of models; each family is one module beside this one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from chronoglot.checkpoints.manifest import check_manifest
from chronoglot.encoding.tokens import Tokeniser
from chronoglot.errors import UserError


class Encoder(Tokeniser, Protocol):
    """A frozen model with its tokeniser.

    `name` is for messages; `layers` the transformer blocks, layer 0 not counted; `dimension` the
    length of a vector; `window` the subwords that it reads at once, special ones not counted;
    `special` the special ones that it puts around a text, `lead` of them before it; `separator`
    the ids that it expects between the two sentences of a pair.
    """

    name: str
    layers: int
    dimension: int
    window: int
    special: int
    lead: int
    separator: NDArray[np.int64]

    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        """Hidden states of layers 0 to L, each float32 [sum(len(text) + special), dimension].

        The texts, none longer than the window, lie end to end with their special subwords, in
        the order given: subword j of text i is at offset(i) + lead + j. Texts of one length
        beside each other are read fastest.
        """
        ...


class MaskedLM(Encoder, Protocol):
    """An encoder with its head; `mask` is the id that stands for a hidden subword."""

    mask: int

    def logits(self, states: Tensor) -> Tensor:
        """Scores [n, ids of the vocabulary] before the softmax, for states [n, dimension] of L."""
        ...


def load_encoder(folder: str | Path, device: str = "cpu") -> Encoder:
    """The model in a folder of safetensors in the layout of `transformers`, on a torch device.

    Raises UserError if the folder is damaged, or its family or the device is not to be had.
    """
    _check(folder)
    # Here, because it takes seconds and what is wrong above should be told at once.
    from chronoglot.encoding.xlm_roberta import XLMRoberta

    return XLMRoberta(folder, device)


def load_masked_lm(folder: str | Path, device: str = "cpu") -> MaskedLM:
    """`load_encoder` with the masked LM's head."""
    _check(folder)
    from chronoglot.encoding.xlm_roberta import XLMRoberta

    return XLMRoberta(folder, device, head=True)


def _check(folder: str | Path) -> None:
    check_manifest(folder)
    path = Path(folder) / "config.json"
    family = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    if family != "xlm-roberta":
        raise UserError(f"{path}: models of type {family!r} cannot be read, only 'xlm-roberta'")
