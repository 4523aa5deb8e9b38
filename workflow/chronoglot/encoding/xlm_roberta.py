"""XLM-R and its likes as an encoder."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaModel
from transformers.utils import logging

from chronoglot.encoding.tokens import SentencePieceTokeniser
from chronoglot.errors import UserError


class XLMRobertaEncoder(SentencePieceTokeniser):
    """A `chronoglot.encoding.encoder.Encoder`; weights from local safetensors alone."""

    special, lead = 2, 1  # <s> before and </s> after

    def __init__(self, folder: str | Path, device: str = "cpu") -> None:
        """Load the model; raises UserError if a weight is missing or the device is not there."""
        super().__init__(Path(folder) / "sentencepiece.bpe.model")
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise UserError(f"encoding.device: {device}, but torch finds no GPU; set it to cpu")
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # it lists the masked LM's head, which is not wanted here
        model: XLMRobertaModel
        loading: dict
        model, loading = XLMRobertaModel.from_pretrained(  # type: ignore[misc]
            folder,
            local_files_only=True,
            use_safetensors=True,
            add_pooling_layer=False,
            attn_implementation="sdpa",
            dtype=torch.float32,
            output_loading_info=True,
        )
        # transformers would draw a missing weight at random and go on.
        if missing := sorted(loading["missing_keys"]):
            raise UserError(f"{folder}: the model has no weights for {', '.join(missing[:5])}")
        self._model = model.eval().to(device)
        config: Any = model.config
        if config.vocab_size <= self.largest_id:
            raise UserError(
                f"{folder}: the tokeniser has ids to {self.largest_id}, the model only "
                f"{config.vocab_size} embeddings; they belong to different models"
            )
        self._before, self._padding, self._after = (
            config.bos_token_id,
            config.pad_token_id,
            config.eos_token_id,
        )
        self.name = str(folder)
        self.layers = config.num_hidden_layers
        self.dimension = config.hidden_size
        # Positions count from the padding's id + 1.
        self.window = config.max_position_embeddings - (self._padding + 1) - self.special

    @torch.inference_mode()
    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        """See `Encoder`; a text is read as `<s> text </s>`."""
        lengths = torch.tensor([len(text) for text in texts])
        ids = torch.full((len(texts), int(lengths.max()) + self.special), self._padding)
        ids[:, 0] = self._before
        for row, text in zip(ids, texts, strict=True):
            row[1 : len(text) + 1] = torch.from_numpy(text)
            row[len(text) + 1] = self._after
        mask = torch.arange(ids.shape[1]) < lengths[:, None] + self.special
        device = self._model.device
        return self._model(
            ids.to(device), attention_mask=mask.to(device), output_hidden_states=True
        ).hidden_states
