"""Words → subwords: each word on its own, as the model met it in pretraining."""

import re
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, chain
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor, sentencepiece_model_pb2

from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import Words

_SPACE = "▁"
UNKNOWN = 3


@dataclass(frozen=True)
class Subwords:
    """The subwords of a word table, in its order.

    `ids` [subwords]: the model's ids; `starts` [words + 1]: the first subword of each word, closed
    by the number of subwords.
    """

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]


class Tokenizer(Protocol):
    """What turns words into at least one subword each, and running text into any number."""

    @property
    def unknown(self) -> int:
        """The id of what it does not know; raises UserError if it knows everything."""
        ...

    def tokenize(self, words: Words) -> Subwords: ...

    def text_ids(self, text: str) -> NDArray[np.int64]:
        """The ids of running text as pretraining read it, without special ones."""
        ...


class SentencePieceTokenizer:
    """XLM-R's tokenizer, with fairseq's ids.

    A word is preceded by "▁" only where the text has a space before it: so no piece crosses a
    word, and text without spaces (Chinese, Japanese, Thai) or before punctuation is read as it was
    in pretraining. A word of which nothing is left after normalisation (such as a lone zero-width
    character) is `<unk>`.
    """

    unknown = UNKNOWN
    # `<s>` before a text and `</s>` after it; `</s></s>` between the two of a pair.
    before, after, separator = np.array([0]), np.array([2]), np.array([2, 2])

    def __init__(self, model: str | Path) -> None:
        try:
            proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
            self._trained = Path(model).read_bytes()
            proto.ParseFromString(self._trained)
            # Spaces are given word by word, not put before every text and taken away elsewhere.
            proto.normalizer_spec.add_dummy_prefix = False
            proto.normalizer_spec.remove_extra_whitespaces = False
            self._processor = SentencePieceProcessor(model_proto=proto.SerializeToString())
        except Exception as error:  # protobuf's DecodeError, or sentencepiece's RuntimeError
            raise UserError(f"{model}: not a readable sentencepiece model ({error})") from error
        self.mask = self.largest_id = self._processor.get_piece_size() + 1
        self._known: dict[tuple[str, bool], tuple[list[int], bool]] = {}

    def tokenize(self, words: Words) -> Subwords:
        """The subwords of every word; words seen before are looked up."""
        pieces = []
        space_after = False
        for form, space_before in zip(words.form, words.space_before.tolist(), strict=True):
            ids, space_after = self._word(form, space_before or space_after)
            pieces.append(ids)
        starts = np.fromiter(accumulate(map(len, pieces), initial=0), np.int64, len(pieces) + 1)
        ids_of_all = np.fromiter(chain.from_iterable(pieces), np.int64, starts[-1])
        return Subwords(ids_of_all, starts)

    def text_ids(self, text: str) -> NDArray[np.int64]:
        """The subwords of running text, as pretraining tokenized a paragraph."""
        return np.array(_fairseq_ids(self._plain.encode(text)), np.int64)

    @cached_property
    def _plain(self) -> SentencePieceProcessor:
        """The model as it was trained, which puts a space before every text."""
        return SentencePieceProcessor(model_proto=self._trained)

    def _word(self, form: str, space_before: bool) -> tuple[list[int], bool]:
        key = (form, space_before)
        if key not in self._known:
            self._known[key] = self._encode(*key)
        return self._known[key]

    def _encode(self, form: str, space_before: bool) -> tuple[list[int], bool]:
        """A word's ids, and whether it leaves a space for the word after it."""
        text = self._processor.normalize(_SPACE + form if space_before else form)
        # Normalisation makes spaces too (of a zero-width non-joiner, or of a lone accent), which
        # pretraining merged with their neighbours.
        text = re.sub(f"{_SPACE}+", _SPACE, text)
        word = text.removesuffix(_SPACE)
        return _fairseq_ids(self._processor.encode(word)) or [UNKNOWN], word != text


def _fairseq_ids(pieces: list[int]) -> list[int]:
    """Sentencepiece's ids + 1, but for <unk>, which is its 0."""
    return [piece + 1 if piece else UNKNOWN for piece in pieces]
