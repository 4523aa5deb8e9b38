"""XLM-R, RoBERTa and their likes as encoders and as masked language models."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from chronoglot.encoding.fast_tokens import load_tokenizer
from chronoglot.encoding.roberta import Roberta, is_plain
from chronoglot.encoding.tokens import Subwords
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import Words


def reads(folder: Path, config: Mapping[str, object]) -> bool:
    """Whether a folder with this `config.json` holds what `XLMRoberta` implements."""
    family = config.get("model_type") in ("xlm-roberta", "roberta")
    return family and is_plain(config) and (folder / "model.safetensors").is_file()


class XLMRoberta:
    """A `chronoglot.encoding.encoder.Encoder`, with `head` a `MaskedLM`; from local files alone."""

    causal = False

    def __init__(
        self,
        folder: str | Path,
        device: str = "cpu",
        *,
        head: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Load the model; raises UserError if it is not whole."""
        folder = Path(folder)
        self._tokenizer = load_tokenizer(folder)
        self._roberta = Roberta(folder, device, head=head, dtype=dtype)
        config = self._roberta.config
        tokenizer = self._tokenizer
        if config.vocabulary <= tokenizer.largest_id:
            raise UserError(
                f"{folder}: the tokenizer has ids to {tokenizer.largest_id}, <mask> included, the "
                f"model only {config.vocabulary} embeddings; they belong to different models"
            )
        self.lead, self.special = (
            len(tokenizer.before),
            len(tokenizer.before) + len(tokenizer.after),
        )
        self.separator = tokenizer.separator
        self.name = str(folder)
        self.layers = config.layers
        self.dimension = config.dimension
        self.window = config.positions - (config.padding + 1) - self.special

    @property
    def mask(self) -> int:
        """See `MaskedLM`."""
        return self._tokenizer.mask

    @property
    def unknown(self) -> int:
        """See `MaskedLM`."""
        return self._tokenizer.unknown

    def tokenize(self, words: Words) -> Subwords:
        """See `Tokenizer`."""
        return self._tokenizer.tokenize(words)

    def text_ids(self, text: str) -> NDArray[np.int64]:
        """See `Tokenizer`."""
        return self._tokenizer.text_ids(text)

    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        """See `Encoder`; a text is read as `<s> text </s>`."""
        lengths = [len(text) for text in texts]
        if max(lengths) > self.window:
            raise ValueError(
                f"{self.name} reads {self.window} subwords at once, not {max(lengths)}"
            )
        before, after = self._tokenizer.before, self._tokenizer.after
        ids = np.concatenate([part for text in texts for part in (before, text, after)])
        return self._roberta.states(ids, [length + self.special for length in lengths])

    def logits(self, states: Tensor) -> Tensor:
        """See `MaskedLM`."""
        return self._roberta.logits(states)
