"""XLM-R and its likes as an encoder and as a masked language model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chronoglot.encoding.roberta import Roberta
from chronoglot.encoding.tokens import SentencePieceTokeniser
from chronoglot.errors import UserError


class XLMRoberta(SentencePieceTokeniser):
    """A `chronoglot.encoding.encoder.Encoder`, with `head` a `MaskedLM`; from local files alone."""

    special, lead = 2, 1  # <s> before and </s> after

    def __init__(self, folder: str | Path, device: str = "cpu", *, head: bool = False) -> None:
        """Load the model; raises UserError if it is not whole or the device is not there."""
        folder = Path(folder)
        super().__init__(folder / "sentencepiece.bpe.model")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise UserError(f"encoding.device: {device}, but torch finds no GPU; set it to cpu")
        self._roberta = Roberta(folder, device, head=head)
        config = self._roberta.config
        self.mask = self.largest_id + 1
        if config.vocabulary <= self.mask:
            raise UserError(
                f"{folder}: the tokeniser has ids to {self.mask}, <mask> included, the model only "
                f"{config.vocabulary} embeddings; they belong to different models"
            )
        self._before, self._after = np.array([config.before]), np.array([config.after])
        self.separator = np.repeat(self._after, 2)
        self.name = str(folder)
        self.layers = config.layers
        self.dimension = config.dimension
        self.window = config.positions - (config.padding + 1) - self.special

    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        """See `Encoder`; a text is read as `<s> text </s>`."""
        lengths = [len(text) for text in texts]
        if max(lengths) > self.window:
            raise ValueError(
                f"{self.name} reads {self.window} subwords at once, not {max(lengths)}"
            )
        ids = np.concatenate([part for text in texts for part in (self._before, text, self._after)])
        return self._roberta.states(ids, [length + self.special for length in lengths])

    def logits(self, states: Tensor) -> Tensor:
        """See `MaskedLM`."""
        return self._roberta.logits(states)
