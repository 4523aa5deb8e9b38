"""Made-up tables with the shape of an experiment's, for figures and report."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from chronoglot.analysis.asymmetry import asymmetry
from chronoglot.analysis.movement import movement
from chronoglot.analysis.sources import best_sources
from chronoglot.analysis.tidy import in_language, transfer

MAJORITY = {"pos": 0.22, "arc_prediction": 0.5, "arc_classification": 0.17, "xnli": 1 / 3}
CEILING = {"pos": 0.95, "arc_prediction": 0.86, "arc_classification": 0.9, "xnli": 0.72}
MIDDLE = {"pos": 0.3, "arc_prediction": 0.55, "arc_classification": 0.45, "xnli": 0.7}
TREEBANK_TASKS = ("pos", "arc_prediction", "arc_classification")

Pairs = Sequence[tuple[str, str]]


def _rise(steps: Sequence[int], middle: np.ndarray) -> np.ndarray:
    """Sigmoids in the logarithm of the step, from about 0 to about 1: [middles, steps]."""
    time = np.log1p(steps) / np.log1p(max(*steps, 1))
    return 1 / (1 + np.exp(-16 * (time - np.asarray(middle)[:, None])))


def _table(task: str, pairs: Pairs, steps: Sequence[int], scores: np.ndarray) -> pd.DataFrame:
    """Rows of [pairs, layers, steps] scores, without what only some tasks have."""
    number, layers, moments = scores.shape
    each = layers * moments
    return pd.DataFrame(
        {
            "run": "made-up",
            "step": np.tile(np.asarray(steps, np.int64), number * layers),
            "layer": pd.array(np.tile(np.repeat(np.arange(layers), moments), number), "Int64"),
            "task": task,
            "source": np.repeat([source for source, _ in pairs], each),
            "target": np.repeat([target for _, target in pairs], each),
            "score": scores.ravel(),
            "score_dev": np.nan,
            "majority": np.nan,
            "step0": np.repeat(scores[..., 0], moments) if steps[0] == 0 else np.nan,
            "train_items": np.nan,
            "test_items": np.repeat(800.0 + 10 * np.arange(number), each),
            "unseen": np.nan,
            "regularisation": np.nan,
        }
    )


def _probed(
    task: str,
    pairs: Pairs,
    steps: Sequence[int],
    layers: int,
    late: np.ndarray,
    loss: np.ndarray,
    random: np.random.Generator,
) -> pd.DataFrame:
    """Scores of probes that rise later by `late` and end lower by `loss`, both [pairs]."""
    depth = np.arange(layers + 1) / max(1, layers)
    height = 1 - 0.5 * abs(depth - 0.65) ** 1.5 - 0.25 * (depth == 0)
    ceiling = (CEILING[task] - loss + random.normal(0, 0.01, len(pairs)))[:, None, None]
    untrained = MAJORITY[task] + 0.35 * (ceiling - MAJORITY[task])
    time = np.log1p(steps) / np.log1p(max(*steps, 1))
    fall = 0.12 * np.maximum(0, time - 0.85) * depth[:, None] / 0.15
    rise = _rise(steps, MIDDLE[task] + 0.3 * late)[:, None, :] - fall
    scores = untrained + (ceiling * height[:, None] - untrained) * rise
    noise = random.normal(0, 0.006, (2, *scores.shape))
    test, dev = np.clip(scores + noise, 0, 1)
    table = _table(task, pairs, steps, test)
    common = MAJORITY[task] + 0.06 * np.clip(late, 0, 1) * (task != "arc_prediction")
    return table.assign(
        score_dev=dev.ravel(),
        majority=np.repeat(common, (layers + 1) * len(steps)),
        train_items=2000.0,
        unseen=0.0,
        regularisation=0.01,
    )


def made_up_scores(
    languages: Sequence[str],
    steps: Sequence[int],
    layers: int,
    tasks: Sequence[str] = TREEBANK_TASKS,
    seed: int = 0,
) -> pd.DataFrame:
    """In-language scores of probes: later for later tasks and languages, with noise."""
    random = np.random.default_rng(seed)
    late = np.arange(len(languages)) / len(languages)
    pairs = [(language, language) for language in languages]
    return pd.concat(
        [_probed(task, pairs, steps, layers, late, 0.18 * late, random) for task in tasks],
        ignore_index=True,
    )


def made_up_transfer(
    sources: Sequence[str],
    targets: Sequence[str],
    steps: Sequence[int],
    layers: int,
    tasks: Sequence[str] = TREEBANK_TASKS,
    seed: int = 0,
) -> pd.DataFrame:
    """Scores of probes on other languages: later and lower the farther two stand apart."""
    random = np.random.default_rng(seed)
    pairs = [(source, target) for source in sources for target in targets if source != target]
    order = list(dict.fromkeys([*sources, *targets]))
    places = np.array([[order.index(source), order.index(target)] for source, target in pairs])
    apart = (places[:, 0] - places[:, 1]) / len(order)
    distance = abs(apart) ** 0.5 + 0.15 * (apart > 0) + random.normal(0, 0.08, len(pairs))
    return pd.concat(
        [
            _probed(task, pairs, steps, layers, 0.4 + 0.5 * distance, 0.08 + 0.3 * distance, random)
            for task in tasks
        ],
        ignore_index=True,
    )


def made_up_bpc(languages: Sequence[str], steps: Sequence[int], seed: int = 0) -> pd.DataFrame:
    """Bits per character, which fall; without a layer."""
    random = np.random.default_rng(seed)
    late = np.arange(len(languages)) / len(languages)
    rise = _rise(steps, 0.4 + 0.2 * late)
    bits = (4.5 + late)[:, None] - (2.8 + 0.4 * late)[:, None] * rise
    bits += random.normal(0, 0.01, rise.shape)
    table = _table("bpc", [(code, code) for code in languages], steps, bits[:, None, :])
    return table.assign(layer=pd.array([pd.NA] * len(table), "Int64"))


def made_up_alignment(
    pairs: Pairs, steps: Sequence[int], layers: int, seed: int = 0
) -> pd.DataFrame:
    """F1 of word alignment, without a dev score or a majority."""
    random = np.random.default_rng(seed)
    table = _probed(
        "pos", pairs, steps, layers, np.full(len(pairs), 0.8), np.full(len(pairs), 0.2), random
    )
    missing = dict.fromkeys(("score_dev", "majority", "train_items", "regularisation"), np.nan)
    return table.assign(task="alignment", **missing)


def made_up_losses(languages: Sequence[str], steps: Sequence[int], seed: int = 0) -> pd.DataFrame:
    """Losses that fall from the uniform guess, train oftener than valid."""
    random = np.random.default_rng(seed)
    last = max(*steps, 100)
    often = np.unique(np.linspace(min(last, 50) / 5, last, 300).astype(int))

    def falling(at: np.ndarray, floor: float) -> np.ndarray:
        fallen = floor + (12.5 - floor) / (1 + (at / last * 60) ** 0.7)
        return fallen + random.normal(0, 0.04, len(at))

    parts = [("train", "all", often, 3.4)]
    parts += [
        ("valid", language, np.asarray(steps), 3.1 + 2.2 * number / len(languages))
        for number, language in enumerate(languages)
    ]
    return pd.concat(
        pd.DataFrame(
            {
                "run": "made-up",
                "step": at,
                "split": split,
                "language": language,
                "loss": falling(at, floor),
            }
        )
        for split, language, at, floor in parts
    ).reset_index(drop=True)


def made_up_correlates(
    tasks: Sequence[str], transfer_tasks: Sequence[str], languages: int, seed: int = 0
) -> pd.DataFrame:
    """Rank correlations with properties of languages and of pairs of them."""
    random = np.random.default_rng(seed)
    own = ["text_characters", "text_tokens", "train_items", "fertility"]
    pair = ["vocabulary_overlap", "same_script", "syntactic", "genetic", "geographic"]
    of_pairs = [f"{side} {name}" for side in ("source", "target") for name in own] + pair
    measures = [
        *("learned_step_corrected", "learned_step", "best"),
        *("forgetting_corrected", "forgetting"),
    ]
    rows = [
        ("made-up", task, setting, measure, name, *random.uniform([-0.9, 0], [0.9, 0.3]), count)
        for setting, chosen, names, count in (
            ("in-language", tasks, own, languages),
            ("transfer", transfer_tasks, of_pairs, languages * (languages - 1)),
        )
        for task in chosen
        for measure in measures
        for name in names
    ]
    columns = ["run", "task", "setting", "measure", "property", "spearman", "p_value", "n"]
    return pd.DataFrame(rows, columns=columns)


def write_tables(folder: Path, scores: pd.DataFrame, summary: pd.DataFrame, seed: int = 0) -> Path:
    """Write the tables that figures and report read into a folder; only correlates are made up."""
    own, across = in_language(scores), transfer(scores)
    languages = list(dict.fromkeys([*scores["source"], *scores["target"]]))
    tables = {
        "scores": scores,
        "summary": summary,
        "losses": made_up_losses(languages, sorted(scores["step"].unique()), seed),
        "movement": movement(scores),
        "asymmetry": asymmetry(summary, languages),
        "best_sources": best_sources(summary, languages),
        "correlates": made_up_correlates(
            list(own["task"].unique()), list(across["task"].unique()), len(languages), seed
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    return folder
