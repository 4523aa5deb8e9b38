"""Any family that `transformers` implements, as an encoder and as a masked language model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModel, AutoModelForMaskedLM, PretrainedConfig
from transformers.utils import logging

from chronoglot.encoding.families import FAMILIES
from chronoglot.encoding.fast_tokens import FastTokenizer
from chronoglot.encoding.tensors import is_unneeded
from chronoglot.runtime.errors import UserError, listed

# Hidden states of layer L → scores, by family; `model` is that of AutoModelForMaskedLM.
_HEADS: dict[str, Callable] = {
    "bert": lambda model, states: model.cls(states),
    "roberta": lambda model, states: model.lm_head(states),
    "xlm-roberta": lambda model, states: model.lm_head(states),
    "deberta": lambda model, states: _deberta_head(model, states),
    "deberta-v2": lambda model, states: _deberta_head(model, states),
    "modernbert": lambda model, states: model.decoder(model.head(states)),
}
# What BLOOM was pretrained with; its configuration, which knows no positions, does not say.
_BLOOM_POSITIONS = 2048


class TransformersModel(FastTokenizer):
    """A `chronoglot.encoding.encoder.Encoder`, with `head` a `MaskedLM`; from local files alone.

    It computes in `dtype`, whatever precision the weights have. They are safetensors, or else a
    `pytorch_model.bin` of which nothing but tensors is read; code beside them is never run.
    """

    def __init__(
        self,
        folder: str | Path,
        device: str = "cpu",
        *,
        head: bool = False,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Load the model; raises UserError if it is not whole or does not fit its tokenizer."""
        super().__init__(folder)
        kind = AutoModelForMaskedLM if head else AutoModel
        logging.disable_progress_bar()
        logging.set_verbosity_error()  # what it would warn of is checked below
        try:
            model, found = kind.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                ignore_mismatched_sizes=True,  # to name them below
                dtype=dtype,
                output_loading_info=True,
            )
        except Exception as error:  # of many kinds, none of them promised
            raise UserError(f"{folder}: transformers cannot load it ({error})") from error
        config = model.config
        _check_weights(found, str(folder))
        self._model = model.to(device).eval()
        self._body = self._model.base_model if head else self._model
        embeddings = self._body.get_input_embeddings().num_embeddings
        if embeddings <= self.largest_id:
            raise UserError(
                f"{folder}: the tokenizer has ids to {self.largest_id}, the model only "
                f"{embeddings} embeddings; they belong to different models"
            )
        # Of what is put after a text nothing is seen, so any embedding will do where none is named.
        padding = config.pad_token_id
        self._padding = padding if padding is not None and 0 <= padding < embeddings else 0
        self._types = self.second_type and getattr(config, "type_vocab_size", 0) > 1
        self._family = config.model_type
        self.causal = FAMILIES[self._family].causal
        self.layers = config.num_hidden_layers
        self.dimension = config.hidden_size
        self.lead, self.special = len(self.before), len(self.before) + len(self.after)
        self.window = _positions(config) - self.special

    @torch.inference_mode()
    def hidden_states(self, texts: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
        """See `Encoder`. Padding is at the end, where every family numbers positions rightly."""
        if max(map(len, texts)) > self.window:
            raise ValueError(
                f"{self.name} reads {self.window} subwords at once, not {max(map(len, texts))}"
            )
        device = self._body.device
        rows = [np.concatenate([self.before, text, self.after]) for text in texts]
        ids = pad_sequence(
            [torch.from_numpy(row) for row in rows], batch_first=True, padding_value=self._padding
        ).to(device)
        lengths = torch.tensor([len(row) for row in rows], device=device)
        read = torch.arange(ids.shape[1], device=device) < lengths[:, None]
        inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": read.long()}
        if self._types:
            types = [torch.from_numpy(self._type(text)) for text in texts]
            inputs["token_type_ids"] = pad_sequence(types, batch_first=True).to(device)
        if self.causal:
            inputs["use_cache"] = False
        states = self._body(**inputs, output_hidden_states=True).hidden_states
        if len(states) != self.layers + 1:
            raise AssertionError(f"{self.name}: {len(states)} layers, not {self.layers + 1}")
        return [state[read].float() for state in states]

    @torch.inference_mode()
    def logits(self, states: Tensor) -> Tensor:
        """See `MaskedLM`."""
        return _HEADS[self._family](self._model, states.to(self._model.dtype)).float()

    def _type(self, text: NDArray[np.int64]) -> NDArray[np.int64]:
        """0 to the end of the first separator, which no sentence contains, and 1 from there on."""
        width = len(self.separator)
        starts = [n for n in np.flatnonzero(text == self.separator[0]) if n + width <= len(text)]
        second = next(
            (n + width for n in starts if np.array_equal(text[n : n + width], self.separator)),
            len(text) + len(self.after),
        )
        types = np.zeros(len(text) + self.special, np.int64)
        types[self.lead + second :] = 1
        return types


def _deberta_head(model: Any, states: Tensor) -> Tensor:
    if model.legacy:
        return model.cls(states)
    return model.lm_predictions(states, model.deberta.embeddings.word_embeddings)


def _check_weights(found: dict, folder: str) -> None:
    """Refuse what `transformers` only warns of: random weights, and weights that are not used."""
    # BERT's pooler is used by no task.
    if missing := sorted(name for name in found["missing_keys"] if "pooler." not in name):
        raise UserError(f"{folder}: the model has no weights for {listed(missing)}")
    if unequal := sorted(str(entry[0]) for entry in found["mismatched_keys"]):
        raise UserError(f"{folder}: config.json gives another shape to {listed(unequal)}")
    unused = sorted(name for name in found["unexpected_keys"] if not is_unneeded(name))
    if unused:
        raise UserError(f"{folder}: config.json leaves no place for {listed(unused)}")


def _positions(config: PretrainedConfig) -> int:
    """How many subwords the model reads at once."""
    if config.model_type == "bloom":
        return int(getattr(config, "seq_length", _BLOOM_POSITIONS))
    positions = int(config.max_position_embeddings)
    if config.model_type in ("roberta", "xlm-roberta"):
        positions -= int(config.pad_token_id) + 1  # they count from the padding's id + 1
    return positions
