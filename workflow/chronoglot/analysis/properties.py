"""Properties of languages and of pairs of languages, with which scores may go along."""

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from chronoglot.analysis.distances import distances
from chronoglot.data.lines import paragraphs
from chronoglot.encoding.tokens import Tokenizer
from chronoglot.runtime.errors import UserError
from chronoglot.settings.in_vitro import Typology
from chronoglot.tables.words import read_words

Described = Mapping[str, tuple[str, str, str]]
"""Name, script and family of each language."""

SAMPLE = 10_000_000
"""Characters of a language's text whose subwords are counted for the overlap of vocabularies."""

_CHUNK = 10_000  # paragraphs encoded at once


def language_properties(
    described: Described,
    *,
    counts: Mapping[str, Path],
    text_tokens: Mapping[str, int],
    words: Mapping[str, Path],
    tokenizer: Tokenizer,
) -> pd.DataFrame:
    """One row a language of `described`, in its order.

    `text_characters` and `text_tokens` (with one end mark a paragraph) of its pretraining text are
    those of `counts` (pretraining/bin/{language}/counts.json); of a model from elsewhere the tokens
    are those given in `text_tokens`. `fertility`, subwords per word, is that of the training part
    of its word table in `words`. NaN where a language has no such file.
    """
    rows = []
    for language, (name, script, family) in described.items():
        characters, tokens = np.nan, float(text_tokens.get(language, np.nan))
        if language in counts:
            characters, tokens = _sizes(counts[language])
        rows.append(
            {
                "language": language,
                "name": name,
                "script": script,
                "family": family,
                "text_characters": float(characters),
                "text_tokens": float(tokens),
                "fertility": (
                    fertility(words[language], tokenizer) if language in words else np.nan
                ),
            }
        )
    return pd.DataFrame(rows)


def _sizes(counts: Path) -> tuple[int, int]:
    train = json.loads(counts.read_text())["train"]
    return train["characters"], train["tokens"]


def fertility(words: Path, tokenizer: Tokenizer) -> float:
    """Subwords per word in the training part of a word table; NaN if that is empty."""
    table = read_words(words)
    lengths = np.diff(tokenizer.tokenize(table).starts)[table.rows("train")]
    return float(lengths.mean()) if len(lengths) else float("nan")


def language_pair_properties(
    described: Described,
    *,
    texts: Mapping[str, Path],
    tokenizer: Tokenizer,
    typologies: Mapping[str, Typology],
) -> pd.DataFrame:
    """One row per ordered pair of different languages of `described`, in its order.

    `vocabulary_overlap` is Σ min(p, q) over subwords, p and q their relative frequencies in the
    two texts, 1 if these are alike; NaN where a language is not in `texts`
    (data/text/{language}/{train,heldout}.txt), of each of which the first 10 million characters
    are counted. `same_script` is 0 or 1, NaN where a language's script is "", not given. The
    distances are those of `distances`, which reads `typologies`.
    """
    languages = list(described)
    scripts = np.array([script for _, script, _ in described.values()])
    named = scripts != ""
    matrices = {
        "vocabulary_overlap": _overlaps([texts.get(language) for language in languages], tokenizer),
        "same_script": np.where(named[:, None] & named, scripts[:, None] == scripts, np.nan),
        **distances(languages, typologies),
    }
    source, target = np.nonzero(~np.eye(len(languages), dtype=bool))
    codes = np.array(languages, dtype=object)
    pairs = {"source": codes[source], "target": codes[target]}
    return pd.DataFrame(pairs | {name: m[source, target] for name, m in matrices.items()})


def _overlaps(texts: list[Path | None], tokenizer: Tokenizer) -> NDArray[np.float64]:
    """Overlaps of the vocabularies of texts, NaN where there is none. [texts, texts]."""
    counted = [subword_counts(text, tokenizer) if text else None for text in texts]
    size = max((len(counts) for counts in counted if counts is not None), default=1)
    frequency = np.full((len(texts), size), np.nan)
    for row, counts in zip(frequency, counted, strict=True):
        if counts is not None:
            row[:] = 0
            row[: len(counts)] = counts / max(1, counts.sum())
    return np.stack([np.minimum(row, frequency).sum(axis=1) for row in frequency])


def subword_counts(text: Path, tokenizer: Tokenizer) -> NDArray[np.int64]:
    """Number of each subword, by its id, in the text's first `SAMPLE` characters.

    Unknown ones count as no subword, since two languages do not share them.
    """
    number = np.zeros(1, dtype=np.int64)
    sample = _first(text, SAMPLE)
    while chunk := list(islice(sample, _CHUNK)):
        ids = np.concatenate([tokenizer.text_ids(paragraph) for paragraph in chunk])
        more = np.bincount(ids, minlength=len(number))
        more[: len(number)] += number
        number = more
    with suppress(UserError, IndexError):  # a tokenizer that knows everything; none is there
        number[tokenizer.unknown] = 0
    return number


def _first(text: Path, characters: int) -> Iterator[str]:
    """The paragraphs of a text until so many characters are reached."""
    for paragraph in paragraphs(text):
        yield paragraph
        characters -= len(paragraph)
        if characters <= 0:
            return
