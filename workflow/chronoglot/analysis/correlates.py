"""What goes along with being learned early, well or for good: rank correlations with properties.

In-language, an observation is a language; in transfer it is an ordered pair of languages, source
and target. Pairs that share a language are not independent, so a p-value that permutes pairs would
be far too small: here whole languages are permuted, rows and columns of the property's matrix
together (Mantel 1967; Krackhardt 1988, "Predicting with networks"). Languages change places only
with those that have the same part in the observations (source and target, or one of the two).
"""

from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from chronoglot.analysis.learning import BEST
from chronoglot.analysis.tidy import in_language, transfer

Floats = NDArray[np.float64]
Places = NDArray[np.intp]

MEASURES = (
    "learned_step_corrected",
    "learned_step",
    "best",
    "forgetting_corrected",
    "forgetting",
)
OF_LANGUAGES = ("text_characters", "text_tokens", "train_items", "fertility")
OF_LANGUAGE_PAIRS = ("vocabulary_overlap", "same_script", "syntactic", "genetic", "geographic")

FEWEST = 4
"""Languages below which nothing is correlated: three have but six orders."""

_BLOCK = 1_000_000  # permuted observations in memory at once
_ROUNDING = 1e-9  # correlations nearer than this are equal


def correlates(
    summary: pd.DataFrame,
    scores: pd.DataFrame,
    languages: pd.DataFrame,
    language_pairs: pd.DataFrame,
    *,
    permutations: int = 9_999,
    seed: int,
) -> pd.DataFrame:
    """Spearman's correlation of measures of the best layer with properties, and its p-value.

    One row per (run, task, setting, measure, property): setting is "in-language" or "transfer",
    where a property of one language is named `source …` or `target …`; `train_items` are those of
    the probe, which has them of its source alone. The p-value is two-sided, (1 + permutations at
    least as strong) ÷ (1 + permutations), not corrected for the number of rows; `n` is the number
    of observations. Measures are taken as they are, so what goes along with low bits per character
    has a negative correlation. A row is left out where fewer than four languages are observed,
    where measure or property is constant, and where a property is known of some pairs of the
    languages only. Alignment, which no probe learns, is left out. Deterministic in `seed`.
    """
    codes = pd.Index(languages["language"])
    place = {code: number for number, code in enumerate(codes)}
    chosen = summary[summary["layer"] == BEST]
    rows = []
    for (run, task), series in chosen.groupby(["run", "task"]):
        of_task = scores[(scores["run"] == run) & (scores["task"] == task)]
        train_items = of_task.groupby("source")["train_items"].max().reindex(codes)
        described = languages.set_index("language").assign(train_items=train_items)
        for setting, observed, properties in (
            ("in-language", in_language(series), _of_one_language(described)),
            ("transfer", transfer(series), _of_two_languages(described, language_pairs)),
        ):
            source, target = (
                np.array([place[code] for code in observed[end]], dtype=np.intp)
                for end in ("source", "target")
            )
            for measure, (name, matrix) in product(MEASURES, properties.items()):
                values = _floats(observed[measure])
                found = mantel(source, target, values, matrix, permutations, seed)
                if found is not None:
                    rows.append((run, task, setting, measure, name, *found))
    columns = ["run", "task", "setting", "measure", "property", "spearman", "p_value", "n"]
    kinds = {"spearman": float, "p_value": float, "n": int}
    return pd.DataFrame(rows, columns=columns).astype(kinds)


def _floats(column: pd.Series) -> Floats:
    return column.to_numpy(np.float64, na_value=np.nan)


def _of_one_language(described: pd.DataFrame) -> dict[str, Floats]:
    """Matrices of properties, from which in-language observations take the diagonal."""
    return {
        name: np.repeat(_floats(described[name])[:, None], len(described), axis=1)
        for name in OF_LANGUAGES
    }


def _of_two_languages(described: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, Floats]:
    """Matrices of properties of pairs, a row a source and a column a target."""
    of_source = _of_one_language(described)
    codes = described.index
    matrices = {
        name: pairs.pivot(index="source", columns="target", values=name).reindex(
            index=codes, columns=codes
        )
        for name in OF_LANGUAGE_PAIRS
    }
    return (
        {f"source {name}": matrix for name, matrix in of_source.items()}
        | {f"target {name}": of_source[name].T for name in OF_LANGUAGES if name != "train_items"}
        | {name: matrix.to_numpy(np.float64) for name, matrix in matrices.items()}
    )


def mantel(
    source: Places, target: Places, values: Floats, matrix: Floats, permutations: int, seed: int
) -> tuple[float, float, int] | None:
    """Spearman's correlation of observed pairs with a property, its p-value and their number.

    `source`, `target` [pairs] are rows and columns of the property's `matrix` [languages,
    languages], `values` [pairs] the measure; NaN is unknown. In-language, source is target. None
    where nothing can be said: see `correlates`.
    """
    known = ~np.isnan(values) & ~np.isnan(matrix[source, target])
    source, target, values = source[known], target[known], values[known]
    if len(np.union1d(source, target)) < FEWEST:
        return None
    property_ranks = _ranks_of_pairs(source, target, matrix)
    if property_ranks is None or np.ptp(values) == 0 or np.ptp(matrix[source, target]) == 0:
        return None
    value_ranks = rankdata(values)
    observed = _correlations(property_ranks[source, target][None], value_ranks)[0]
    random = np.random.default_rng(seed)
    stronger = 0
    for start in range(0, permutations, block := max(1, _BLOCK // len(values))):
        other = _relabelled(source, target, len(matrix), min(block, permutations - start), random)
        pairs = other.take(source, axis=1) * len(matrix) + other.take(target, axis=1)
        chance = _correlations(property_ranks.take(pairs), value_ranks)
        stronger += int((abs(chance) >= abs(observed) - _ROUNDING).sum())
    spearman = float(spearmanr(values, matrix[source, target]).statistic)
    return spearman, (1 + stronger) / (1 + permutations), len(values)


def _ranks_of_pairs(source: Places, target: Places, matrix: Floats) -> Floats | None:
    """Ranks of a property over all pairs that a relabelling may lead to; None if one is unknown.

    If all these pairs are observed, correlations of their ranks are Spearman's; if some are not,
    the p-value is that of a statistic close to it, the same for every relabelling.
    """
    sources, targets = np.unique(source), np.unique(target)
    rows, columns = (axis.ravel() for axis in np.meshgrid(sources, targets, indexing="ij"))
    pairs = (rows == columns) == (source[0] == target[0])
    rows, columns = rows[pairs], columns[pairs]
    if np.isnan(matrix[rows, columns]).any():
        return None
    ranks = np.full(matrix.shape, np.nan)
    ranks[rows, columns] = rankdata(matrix[rows, columns])
    return ranks


def _relabelled(
    source: Places, target: Places, languages: int, number: int, random: np.random.Generator
) -> Places:
    """Permutations of the languages among those that have the same part. [number, languages]."""
    every = np.arange(languages)
    part = 2 * np.isin(every, source) + np.isin(every, target)
    relabelled = np.tile(every, (number, 1))
    for members in (np.flatnonzero(part == which) for which in (1, 2, 3)):
        relabelled[:, members] = random.permuted(relabelled[:, members], axis=1)
    return relabelled


def _correlations(rows: Floats, values: Floats) -> Floats:
    """Pearson's correlation of each row with `values`; 0 where a row is constant."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    values = values - values.mean()
    size = np.linalg.norm(rows, axis=1) * np.linalg.norm(values)
    return np.divide(rows @ values, size, out=np.zeros(len(rows)), where=size > 0)
