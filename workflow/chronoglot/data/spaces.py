"""Where running text has spaces, told from tokens alone.

Tokenized sentences do not say it, yet the encoder should read text as it was in pretraining: no
lone "▁" before a full stop, none between two Chinese words.
"""

from collections.abc import Sequence

import numpy as np
import regex
from numpy.typing import NDArray

# Chinese and Japanese have no spaces, not even beside figures and Latin names.
_EAST_ASIAN = regex.compile(
    r"[\p{Han}\p{Block=Hiragana}\p{Block=Katakana}"
    r"\p{Block=CJK_Symbols_And_Punctuation}\p{Block=Halfwidth_And_Fullwidth_Forms}]"
)
_SOUTH_EAST_ASIAN = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
_OPENING = regex.compile(r"[\p{Ps}¿¡]+")
_CLOSING = regex.compile(r"[\p{Pe}\p{Terminal_Punctuation}…%]+")
_QUOTE = regex.compile(r"[«»“”„‟\"]|``|''")  # «, » and “ open in some languages, close in others
_CLITIC = regex.compile(r"['’](s|m|d|ll|re|ve)?|n['’]t", regex.IGNORECASE)
_ELIDED = regex.compile(r"(\p{L}|\p{L}.*[^sS])['’]")  # l', qu', dell', but not the boys'


def spaces(tokens: Sequence[str]) -> NDArray[np.bool_]:
    """Whether there is a space before each token of a sentence; the first counts as having one.

    None before closing and after opening punctuation (quotation marks open and close in turn),
    none before `'s`, `n't` and the like or a lone apostrophe, none after an elided `l'`, none
    beside Han and kana, and none between two characters of the Thai, Lao, Khmer or Burmese script;
    a space everywhere else, also around a hyphen, which could be a dash.
    """
    before = np.ones(len(tokens), dtype=bool)
    quoted = False
    joined = False  # the token before ends in what no space follows
    for place, token in enumerate(tokens):
        is_quote = _QUOTE.fullmatch(token) is not None
        closes = (is_quote and quoted) or _CLOSING.fullmatch(token) or _CLITIC.fullmatch(token)
        before[place] = place == 0 or not (
            joined or closes or _unspaced(tokens[place - 1][-1], token[0])
        )
        joined = bool(
            (is_quote and not quoted) or _OPENING.fullmatch(token) or _ELIDED.fullmatch(token)
        )
        quoted ^= is_quote
    return before


def _unspaced(left: str, right: str) -> bool:
    """Whether the two characters' scripts are written without a space between them."""
    return bool(
        _EAST_ASIAN.match(left)
        or _EAST_ASIAN.match(right)
        or (_SOUTH_EAST_ASIAN.match(left) and _SOUTH_EAST_ASIAN.match(right))
    )
