"""The masked examples of a run: fairseq's own, bit for bit, in a fifth of the time.

fairseq draws every example twice, once for what the model reads and once for what it is to
predict, each time saving and restoring the state of NumPy's global generator; and it adds up the
probabilities of the whole vocabulary for each example that has a token replaced. For a small model
that is a fifth of a pretraining's time.
"""

from typing import Any

import numpy as np
import torch
from fairseq.data import BaseWrapperDataset, Dictionary, LRUCacheDataset
from fairseq.tasks import multilingual_masked_lm
from torch import Tensor

from chronoglot.runtime.changes.versions import is_checked


def draw_once() -> None:
    """Have fairseq's task take its masks from here, in the version that this was checked with."""
    if is_checked("fairseq"):
        multilingual_masked_lm.MaskTokensDataset = Masks


class Masks(BaseWrapperDataset):
    """Examples as (what is read, what is to be predicted), with padding where nothing is.

    Takes the place of `fairseq.data.MaskTokensDataset`, for the arguments that a recipe gives.
    """

    @classmethod
    def apply_mask(
        cls, examples: BaseWrapperDataset, *arguments: Any, **more: Any
    ) -> tuple["_Side", "_Side"]:
        """The two sides, as datasets."""
        # Both ask for an example, and so do the datasets that count its tokens.
        drawn = LRUCacheDataset(cls(examples, *arguments, **more))
        return _Side(drawn, 0), _Side(drawn, 1)

    def __init__(
        self,
        examples: BaseWrapperDataset,
        vocab: Dictionary,
        *,
        pad_idx: int,
        mask_idx: int,
        seed: int,
        mask_prob: float,
        leave_unmasked_prob: float,
        random_token_prob: float,
        freq_weighted_replacement: bool = False,
        mask_whole_words: None = None,
    ) -> None:
        super().__init__(examples)
        if freq_weighted_replacement or mask_whole_words is not None:
            raise ValueError("a recipe has neither masks of whole words nor weights by frequency")
        self._padding, self._mask, self._seed = pad_idx, mask_idx, seed
        self._share = mask_prob
        self._kept, self._random = leave_unmasked_prob, random_token_prob
        weights = np.ones(len(vocab))
        weights[: vocab.nspecial] = 0
        # As `RandomState.choice` makes it of probabilities, for each of its calls.
        self._cumulated = (weights / weights.sum()).cumsum()
        self._cumulated /= self._cumulated[-1]
        # Its stream is that of NumPy's global generator, and will stay what it is (NEP 19).
        self._generator = np.random.RandomState()
        self._epoch = 0

    @property
    def can_reuse_epoch_itr_across_epochs(self) -> bool:
        """Masks change with the epoch, lengths do not."""
        return True

    def set_epoch(self, epoch: int, **unused: Any) -> None:
        """Draw other masks from here on."""
        super().set_epoch(epoch)
        self._epoch = epoch

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        tokens = self.dataset[index].numpy()
        draw = self._generator
        draw.seed(int(hash((self._seed, self._epoch, index)) % 1e6))
        size = len(tokens)
        masked = np.zeros(size, dtype=bool)
        # The random number rounds up as often as the fraction says; it is drawn first.
        number = int(self._share * size + draw.rand())
        masked[draw.permutation(size)[:number]] = True
        targets = np.where(masked, tokens, self._padding)
        replaced, masked = self._decide(masked)
        read = np.where(masked, self._mask, tokens)
        if number := int(replaced.sum()):
            read[replaced] = self._cumulated.searchsorted(draw.random_sample(number), side="right")
        return torch.from_numpy(read), torch.from_numpy(targets)

    def _decide(self, masked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which of the masked become random tokens, and which the mask or such a token."""
        none, either = np.zeros_like(masked), self._random + self._kept
        if not either:
            return none, masked
        chosen = masked & (self._generator.rand(len(masked)) < either)
        if not self._random:
            return none, masked ^ chosen
        if not self._kept:
            return chosen, masked
        kept = chosen & (self._generator.rand(len(masked)) < self._kept / either)
        return chosen & ~kept, masked ^ kept


class _Side(BaseWrapperDataset):
    """One side of each example."""

    def __init__(self, drawn: LRUCacheDataset, side: int) -> None:
        super().__init__(drawn)
        self._side = side

    def __getitem__(self, index: int) -> Tensor:
        return self.dataset[index][self._side]
