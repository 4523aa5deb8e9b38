"""What the encoding needs from a family of models; each way of running them is a module here."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chronoglot.checkpoints.manifest import check_manifest
from chronoglot.encoding.families import read_config, refuse_bf16, refuse_causal
from chronoglot.encoding.tokens import Tokenizer
from chronoglot.runtime.changes.torch import use_onednn
from chronoglot.runtime.errors import UserError

if TYPE_CHECKING:
    from chronoglot.encoding.transformers_model import TransformersModel
    from chronoglot.encoding.xlm_roberta import XLMRoberta


Precision = Literal["fp32", "bf16"]


class Encoder(Tokenizer, Protocol):
    """A frozen model with its tokenizer.

    `name` is for messages; `layers` the transformer blocks, layer 0 not counted; `dimension` the
    length of a vector; `window` the subwords that it reads at once, special ones not counted;
    `special` the special ones that it puts around a text, `lead` of them before it; `separator`
    the ids that it expects between the two sentences of a pair; `causal`: a subword sees those
    before it alone, so that the first of a text knows nothing of the rest.
    """

    name: str
    layers: int
    dimension: int
    window: int
    special: int
    lead: int
    separator: NDArray[np.int64]
    causal: bool

    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        """Hidden states of layers 0 to L, each float32 [sum(len(text) + special), dimension].

        The texts, none longer than the window, lie end to end with their special subwords, in
        the order given: subword j of text i is at offset(i) + lead + j. Texts of one length
        beside each other are read fastest. `chronoglot.encoding.families` says what the layers
        of each family are.
        """
        ...


class MaskedLM(Encoder, Protocol):
    """An encoder with its head."""

    @property
    def mask(self) -> int:
        """The id that stands for a hidden subword."""
        ...

    @property
    def unknown(self) -> int:
        """The id of what the tokenizer does not know."""
        ...

    def logits(self, states: Tensor) -> Tensor:
        """Scores [n, ids of the vocabulary] before the softmax, for states [n, dimension] of L."""
        ...


def load_encoder(folder: str | Path, device: str = "cpu", precision: Precision = "fp32") -> Encoder:
    """The model in a folder in the layout of `transformers`, on a torch device.

    It computes in single precision or in bfloat16; hidden states are float32 in either. Raises
    UserError if the folder is damaged, or its family or the device is not to be had.
    """
    return _load(folder, device, precision, head=False)


def load_masked_lm(
    folder: str | Path, device: str = "cpu", precision: Precision = "fp32"
) -> MaskedLM:
    """`load_encoder` with the masked LM's head; raises UserError if it is not a masked LM."""
    return _load(folder, device, precision, head=True)


def _load(
    folder: str | Path, device: str, precision: Precision, *, head: bool
) -> "XLMRoberta | TransformersModel":
    check_manifest(folder)
    config = read_config(folder)
    if head:
        refuse_causal(folder)
    if precision == "bf16":
        refuse_bf16(folder)
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError(f"encoding.device: {device}, but torch finds no GPU; set it to cpu")
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    use_onednn()
    # Here, because it takes seconds and what is wrong above should be told at once.
    from chronoglot.encoding import xlm_roberta

    if xlm_roberta.reads(Path(folder), config):
        return xlm_roberta.XLMRoberta(folder, device, head=head, dtype=dtype)
    from chronoglot.encoding.transformers_model import TransformersModel

    return TransformersModel(folder, device, head=head, dtype=dtype)
