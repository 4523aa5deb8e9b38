"""Words → subwords with a fast tokenizer: a sentence at once, mapped to its words by offsets."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer
from tokenizers.pre_tokenizers import ByteLevel, PreTokenizer, Split
from tokenizers.pre_tokenizers import Sequence as Steps

from chronoglot.encoding.tokens import SentencePieceTokenizer, Subwords
from chronoglot.runtime.errors import UserError
from chronoglot.tables.words import Words

# A character of no text, which normalisers leave alone; see `_with_marks`.
_MARK = "␞"
_MASKS = ("<mask>", "[MASK]")
_UNKNOWNS = ("<unk>", "[UNK]", "<|endoftext|>")


class FastTokenizer:
    """The tokenizer of a model folder, of any algorithm (BPE of bytes, WordPiece, Unigram).

    A sentence's text, its words with a space where the word table has one, is tokenized in one,
    so that subwords are those that the model met in pretraining. Each is of the word in whose
    characters it lies, the space before a word being the word's; one that crosses words (`can|not`
    as `cannot`) is of the word with most of its characters, the first of equals. Where this would
    leave a word with nothing, the sentence is tokenized again with that word divided from its
    neighbours: `can`, `not`. A word of which normalisation leaves nothing is the unknown subword.

    What a text says is never a special subword, even if it says `</s>`. `before` and `after` are
    the special ones that the tokenizer puts around a text, `separator` those between the two of a
    pair, or where it puts none a line break; `second_type`: the second of a pair is of type 1.
    """

    def __init__(self, folder: str | Path) -> None:
        """Raises UserError if the folder has no fast tokenizer."""
        self.name = str(folder)
        self._tokenizer = tokenizer = _with_marks(_read(Path(folder)))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        tokenizer.encode_special_tokens = True
        self._special = [
            number
            for number, token in tokenizer.get_added_tokens_decoder().items()
            if token.special
        ]
        pair = tokenizer.encode("a", "a")
        ids, places = np.array(pair.ids, np.int64), np.array(pair.sequence_ids)
        first, second = np.flatnonzero(places == 0), np.flatnonzero(places == 1)
        if not (first.size and second.size):
            raise UserError(f"{folder}: its tokenizer reads nothing of the letter a")
        self.before, self.after = ids[: first[0]], ids[second[-1] + 1 :]
        between = ids[first[-1] + 1 : second[0]]
        self.separator = between if between.size else self.text_ids("\n")
        self.second_type = pair.type_ids[second[0]] == 1
        known = [tokenizer.token_to_id(token) for token in _MASKS]
        self.largest_id = max(
            *tokenizer.get_vocab(with_added_tokens=False).values(),
            *ids.tolist(),
            *(number for number in known if number is not None),
        )

    @property
    def mask(self) -> int:
        """The id that stands for a hidden subword; raises UserError if there is none."""
        return self._first(_MASKS)

    @property
    def unknown(self) -> int:
        """The id of what the tokenizer does not know; raises UserError if there is none."""
        # Unigram does not say, and BPE of bytes knows everything.
        own = getattr(self._tokenizer.model, "unk_token", None)
        return self._first([own, *_UNKNOWNS] if own else _UNKNOWNS)

    def text_ids(self, text: str) -> NDArray[np.int64]:
        """The subwords of running text, without special ones."""
        return self._plain(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def tokenize(self, words: Words) -> Subwords:
        """The subwords of every word, sentence by sentence."""
        parts, counts = [np.zeros(0, np.int64)], [np.zeros(1, np.int64)]
        for start, stop in pairwise(words.sentence_starts().tolist()):
            spaces = words.space_before[start:stop].tolist()
            # The text begins with its first word, whatever came before the sentence.
            forms = [
                f" {form}" if space and number else form
                for number, (form, space) in enumerate(
                    zip(words.form[start:stop], spaces, strict=True)
                )
            ]
            ids, owners = self._sentence(forms)
            parts.append(ids)
            counts.append(np.bincount(owners, minlength=stop - start))
        return Subwords(np.concatenate(parts), np.cumsum(np.concatenate(counts)))

    def _sentence(self, forms: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids of a sentence, and of which of its words (with the space before) each is."""
        divided: set[int] = set()
        while True:
            text, word_of = _text(forms, divided)
            encoding = self._tokenizer.encode(text, add_special_tokens=False)
            owners = _owners(encoding.offsets, word_of)
            empty = set(range(len(forms))).difference(owners.tolist())
            if empty <= divided:
                break
            divided |= empty
        ids = self._plain(encoding.ids)
        if empty:
            owners = np.append(owners, sorted(empty))
            ids = np.append(ids, np.full(len(empty), self.unknown))
            order = owners.argsort(kind="stable")
            ids, owners = ids[order], owners[order]
        return ids, owners

    def _plain(self, ids: Sequence[int]) -> NDArray[np.int64]:
        """The ids, special ones become unknown: Unigram finds `</s>` in a text that says so."""
        found = np.array(ids, np.int64)
        special = np.isin(found, self._special)
        if special.any():
            found[special] = self.unknown
        return found

    def _first(self, names: Sequence[str]) -> int:
        for name in names:
            if (number := self._tokenizer.token_to_id(name)) is not None:
                return int(number)
        raise UserError(f"{self.name}: its tokenizer has no {' or '.join(names)}, which is needed")


def load_tokenizer(folder: str | Path) -> SentencePieceTokenizer | FastTokenizer:
    """XLM-R's tokenizer where a model folder has its sentencepiece model, or else the fast one."""
    own = Path(folder) / "sentencepiece.bpe.model"
    return SentencePieceTokenizer(own) if own.exists() else FastTokenizer(folder)


def _read(folder: Path) -> Tokenizer:
    """`tokenizer.json` as it was published, or what `transformers` makes of older files."""
    path = folder / "tokenizer.json"
    try:
        if path.exists():
            return Tokenizer.from_file(str(path))
        from transformers import AutoTokenizer

        loaded = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
        return loaded.backend_tokenizer
    except Exception as error:  # `tokenizers` raises no other; a slow tokenizer has no backend
        raise UserError(f"{folder}: no fast tokenizer can be read from it ({error})") from error


def _with_marks(tokenizer: Tokenizer) -> Tokenizer:
    """The tokenizer, taught to divide a text at marks and to leave them out.

    It is the last step before subwords are looked up, so that a part does not become the
    beginning of a text, with a space before it, as it would if it were tokenized on its own.
    """
    bytes_of_mark = ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str(_MARK)
    marks = Regex(f"{_MARK}|{bytes_of_mark[0][0]}")
    steps: list[PreTokenizer] = [tokenizer.pre_tokenizer] if tokenizer.pre_tokenizer else []
    tokenizer.pre_tokenizer = Steps([*steps, Split(marks, "removed")])
    return tokenizer


def _text(forms: Sequence[str], divided: set[int]) -> tuple[str, NDArray[np.int64]]:
    """A sentence's text with marks at both ends of divided words; the word of each character."""
    marked = [
        _MARK + form if number and not divided.isdisjoint((number - 1, number)) else form
        for number, form in enumerate(forms)
    ]
    return "".join(marked), np.repeat(np.arange(len(marked)), [len(form) for form in marked])


def _owners(offsets: Sequence[tuple[int, int]], word_of: NDArray[np.int64]) -> NDArray[np.int64]:
    """The word of each subword, from the characters that it covers; they never go back."""
    owners = np.empty(len(offsets), np.int64)
    for number, (start, stop) in enumerate(offsets):
        # A subword of no character (the space that a tokenizer puts first) is of what follows.
        start = min(start, len(word_of) - 1)
        first, last = word_of[start], word_of[max(stop - 1, start)]
        owners[number] = (
            first if first == last else first + np.bincount(word_of[start:stop] - first).argmax()
        )
    # So is a space that was trimmed, though it lies behind its character: `¯` is read as ` ̄`.
    return np.minimum.accumulate(owners[::-1])[::-1]
