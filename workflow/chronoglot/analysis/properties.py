"""Properties of languages and of pairs of languages, with which scores may go along."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sentencepiece import SentencePieceProcessor

from chronoglot.analysis.distances import distances
from chronoglot.data.in_vitro.typology import Typology
from chronoglot.encoding.tokens import SentencePieceTokeniser
from chronoglot.pretraining.tokenizer import paragraphs
from chronoglot.words import read_words

Described = Mapping[str, tuple[str, str, str]]
"""Name, script and family of each language."""

SAMPLE = 10_000_000
"""Characters of a language's text whose subwords are counted for the overlap of vocabularies."""

_CHUNK = 10_000  # paragraphs encoded at once


def language_properties(
    described: Described,
    *,
    counts: Mapping[str, Path],
    words: Mapping[str, Path],
    tokenizer: Path,
) -> pd.DataFrame:
    """One row a language of `described`, in its order.

    `text_characters` and `text_tokens` (with one end mark a paragraph) of its pretraining text are
    those of `counts` (pretraining/bin/{language}/counts.json); `fertility`, subwords per word, is
    that of the training part of its word table in `words`. NaN where a language has no such file.
    """
    tokeniser = SentencePieceTokeniser(tokenizer)
    rows = []
    for language, (name, script, family) in described.items():
        characters, tokens = _sizes(counts[language]) if language in counts else (np.nan, np.nan)
        rows.append(
            {
                "language": language,
                "name": name,
                "script": script,
                "family": family,
                "text_characters": float(characters),
                "text_tokens": float(tokens),
                "fertility": (
                    fertility(words[language], tokeniser) if language in words else np.nan
                ),
            }
        )
    return pd.DataFrame(rows)


def _sizes(counts: Path) -> tuple[int, int]:
    train = json.loads(counts.read_text())["train"]
    return train["characters"], train["tokens"]


def fertility(words: Path, tokeniser: SentencePieceTokeniser) -> float:
    """Subwords per word in the training part of a word table; NaN if that is empty."""
    table = read_words(words)
    lengths = np.diff(tokeniser.tokenise(table).starts)[table.rows("train")]
    return float(lengths.mean()) if len(lengths) else float("nan")


def pair_properties(
    described: Described,
    *,
    texts: Mapping[str, Path],
    tokenizer: Path,
    typologies: Mapping[str, Typology],
) -> pd.DataFrame:
    """One row per ordered pair of different languages of `described`, in its order.

    `vocabulary_overlap` is Σ min(p, q) over subwords, p and q their relative frequencies in the
    two pretraining texts, 1 if these are alike; NaN where a language is not in `texts`
    (data/text/{language}/train.txt), of each of which the first 10 million characters are counted.
    `same_script` is 0 or 1, NaN where a language's script is "", not given. The distances are those
    of `distances`, which reads `typologies`.
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


def _overlaps(texts: list[Path | None], tokenizer: Path) -> NDArray[np.float64]:
    """Overlaps of the vocabularies of texts, NaN where there is none. [texts, texts]."""
    pieces = SentencePieceProcessor(model_file=str(tokenizer))
    nothing = np.full(len(pieces), np.nan)
    frequency = np.stack([subword_frequencies(t, pieces) if t else nothing for t in texts])
    return np.stack([np.minimum(row, frequency).sum(axis=1) for row in frequency])


def subword_frequencies(text: Path, pieces: SentencePieceProcessor) -> NDArray[np.float64]:
    """Relative frequencies of subwords in the text's first `SAMPLE` characters. [vocabulary].

    Unknown ones count as no subword, since two languages do not share them.
    """
    number = np.zeros(len(pieces), dtype=np.int64)
    sample = _first(text, SAMPLE)
    while chunk := list(islice(sample, _CHUNK)):
        ids = np.concatenate([np.asarray(i, np.int64) for i in pieces.encode(chunk, num_threads=1)])
        number += np.bincount(ids, minlength=len(pieces))
    number[pieces.unk_id()] = 0
    return number / max(1, number.sum())


def _first(text: Path, characters: int) -> Iterator[str]:
    """The paragraphs of a text until so many characters are reached."""
    for paragraph in paragraphs(text):
        yield paragraph
        characters -= len(paragraph)
        if characters <= 0:
            return
