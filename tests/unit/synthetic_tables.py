"""Made-up tables of scores and losses with the shape of an experiment's, for figures and report."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

MAJORITY = {"pos": 0.22, "arc_prediction": 0.5, "arc_classification": 0.17}
CEILING = {"pos": 0.95, "arc_prediction": 0.86, "arc_classification": 0.9}
MIDDLE = {"pos": 0.3, "arc_prediction": 0.55, "arc_classification": 0.45}


def made_up_scores(
    languages: Sequence[str],
    steps: Sequence[int],
    layers: int,
    tasks: Sequence[str] = tuple(MAJORITY),
    seed: int = 0,
) -> pd.DataFrame:
    """Sigmoids in the logarithm of the step, later for later tasks and languages, with noise."""
    random = np.random.default_rng(seed)
    time = np.log1p(steps) / np.log1p(max(*steps, 1))
    rows = []
    for task in tasks:
        for number, language in enumerate(languages):
            late = number / len(languages)
            ceiling = CEILING[task] - 0.18 * late + random.normal(0, 0.01)
            untrained = MAJORITY[task] + 0.35 * (ceiling - MAJORITY[task])
            for layer in range(layers + 1):
                height = 1 - 0.5 * abs(layer / layers - 0.65) ** 1.5 - 0.25 * (layer == 0)
                rise = 1 / (1 + np.exp(-16 * (time - MIDDLE[task] - 0.3 * late)))
                fall = 0.12 * np.maximum(0, time - 0.85) * (layer / layers) / 0.15
                score = untrained + (ceiling * height - untrained) * (rise - fall)
                noise = random.normal(0, 0.006, (2, len(steps)))
                test, dev = np.clip(score + noise, 0, 1)
                rows += [
                    {
                        "run": "made-up",
                        "step": step,
                        "layer": layer,
                        "task": task,
                        "source": language,
                        "target": language,
                        "score": test[index],
                        "score_dev": dev[index],
                        "majority": MAJORITY[task] + 0.06 * late * (task != "arc_prediction"),
                        "step0": test[0] if steps[0] == 0 else np.nan,
                        "train_items": 2000,
                        "test_items": 800 + 10 * number,
                        "regularisation": 0.01,
                    }
                    for index, step in enumerate(steps)
                ]
    return pd.DataFrame(rows)


def made_up_losses(languages: Sequence[str], steps: Sequence[int], seed: int = 0) -> pd.DataFrame:
    """Losses that fall from the uniform guess, train oftener than valid."""
    random = np.random.default_rng(seed)
    often = np.unique(np.linspace(steps[1] / 5, steps[-1], 300).astype(int))

    def falling(at: np.ndarray, floor: float) -> np.ndarray:
        fallen = floor + (12.5 - floor) / (1 + (at / steps[-1] * 60) ** 0.7)
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
