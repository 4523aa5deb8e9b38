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
    `special` the special ones that it puts around a text, `lead` of them before it.
    """

    name: str
    layers: int
    dimension: int
    window: int
    special: int
    lead: int

    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        """Hidden states of layers 0 to L, each float32 [texts, longest, dimension].

        Subword j of text i, special ones not counted, is at [i, lead + j].
        """
        ...


def load_encoder(folder: str | Path, device: str = "cpu") -> Encoder:
    """The model in a folder that `transformers` reads, on a device of torch.

    Raises UserError if the folder is damaged, or its family or the device is not to be had.
    """
    check_manifest(folder)
    path = Path(folder) / "config.json"
    family = json.loads(path.read_text(encoding="utf-8")).get("model_type")
    if family != "xlm-roberta":
        raise UserError(f"{path}: models of type {family!r} cannot be read, only 'xlm-roberta'")
    # Here, because it takes seconds and what is wrong above should be told at once.
    from chronoglot.encoding.xlm_roberta import XLMRobertaEncoder

    return XLMRobertaEncoder(folder, device)
