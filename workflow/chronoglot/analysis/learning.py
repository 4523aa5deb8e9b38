"""When a score is learned and how much of it is forgotten: one curve over steps at a time.

Two forms of each. The plain one, after Blevins et al. (2022, arXiv 2205.11758), looks at the score
itself; the corrected one subtracts a baseline first, the score of the untrained model, since 98 %
of a score that starts at 60 % says little. With s(t) the score at step t, s* the best over the
run, s_T the last, b the baseline and q the share (0.98):

    learned step             first t with s(t) ≥ q · s*             (lower is better: s(t) ≤ s* / q)
    learned step, corrected  first t with s(t) - b ≥ q · (s* - b)   (lower: b - s(t) ≥ q · (b - s*))
    forgetting               (s* - s_T) / s*                        (lower: (s_T - s*) / s*)
    forgetting, corrected    (s* - s_T) / (s* - b)                  (lower: (s_T - s*) / (b - s*))

A score that is NaN counts as not measured: the curve is read without that step. A curve without
any measured step has no learned step and a forgetting of NaN. Of equal best scores the earliest
step is the best one. A curve of one step is learned at that step and forgets nothing. Where the
best score is not better than the baseline, nothing was gained: the corrected learned step is
missing and the corrected forgetting NaN.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chronoglot.analysis.tables import SERIES

LOWER_IS_BETTER = frozenset({"bpc"})
"""Tasks whose score falls as the model learns."""

BEST, LAST = "best", "last"
"""The two series over layers: at each step the layer with the best dev score; the top layer."""


def _measured(steps: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The curve in the order of its steps, without the steps whose score is NaN."""
    step_array, score_array = np.asarray(steps, np.int64), np.asarray(scores, np.float64)
    order = np.argsort(step_array, kind="stable")
    order = order[~np.isnan(score_array[order])]
    return step_array[order], score_array[order]


def learned_step(
    steps: ArrayLike,
    scores: ArrayLike,
    share: float = 0.98,
    lower_is_better: bool = False,
    baseline: float | None = None,
) -> int | None:
    """First step whose score reaches `share` of the best over the run; None where there is none.

    `steps` and `scores` [checkpoints] in any order, scores not negative. With a `baseline` it is
    subtracted first (the corrected form).
    """
    steps, scores = _measured(steps, scores)
    if not len(steps):
        return None
    best = scores.min() if lower_is_better else scores.max()
    if baseline is None:
        reached = scores <= best / share if lower_is_better else scores >= share * best
    else:
        sign = -1 if lower_is_better else 1
        if not sign * (best - baseline) > 0:
            return None
        reached = sign * (scores - baseline) >= share * sign * (best - baseline)
    return int(steps[reached.argmax()])


def forgetting(
    steps: ArrayLike,
    scores: ArrayLike,
    lower_is_better: bool = False,
    baseline: float | None = None,
) -> float:
    """Share of the best score (with a `baseline`: of the gain) that the last step has lost.

    `steps` and `scores` [checkpoints] in any order, scores not negative. 0 means that nothing is
    forgotten; NaN that there was nothing to forget.
    """
    steps, scores = _measured(steps, scores)
    if not len(steps):
        return float("nan")
    best = scores.min() if lower_is_better else scores.max()
    sign = -1 if lower_is_better else 1
    gained = best if baseline is None else sign * (best - baseline)
    lost = sign * (best - scores[-1])
    return float(lost / gained) if gained > 0 else float("nan")


def best_layers(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of the layer with the best dev score, one per (run, task, source, target, step).

    The layer is chosen on dev and its `score`, on test, is reported; of equal layers the lowest
    is taken. Tuples without a dev score are left out.
    """
    sign = np.where(scores["task"].isin(LOWER_IS_BETTER), -1.0, 1.0)
    ranked = scores.assign(_rank=sign * scores["score_dev"]).dropna(subset="_rank")
    ranked = ranked.sort_values(["_rank", "layer"], ascending=[False, True], kind="stable")
    best = ranked.drop_duplicates([*SERIES, "step"]).drop(columns="_rank")
    return best.sort_values([*SERIES, "step"], ignore_index=True)


def _last_layers(scores: pd.DataFrame) -> pd.DataFrame:
    return scores[scores["layer"] == scores.groupby(SERIES)["layer"].transform("max")]


def _summary_row(task: str, series: pd.DataFrame, share: float) -> dict[str, object]:
    """The numbers of one curve; `series` is in the order of its steps."""
    steps, scores = series["step"].to_numpy(), series["score"].to_numpy(np.float64)
    lower = task in LOWER_IS_BETTER
    untrained = scores[steps == 0]
    step0 = float(untrained[0]) if len(untrained) else float("nan")
    known_steps, known = _measured(steps, scores)
    best = (known.argmin() if lower else known.argmax()) if len(known) else None
    return {
        "best": float("nan") if best is None else float(known[best]),
        "best_step": None if best is None else int(known_steps[best]),
        "final": float("nan") if best is None else float(known[-1]),
        "learned_step": learned_step(steps, scores, share, lower),
        "learned_step_corrected": learned_step(steps, scores, share, lower, step0),
        "forgetting": forgetting(steps, scores, lower),
        "forgetting_corrected": forgetting(steps, scores, lower, step0),
        "majority": float(series["majority"].iloc[0]),
        "step0": step0,
    }


def summarise(scores: pd.DataFrame, share: float = 0.98) -> pd.DataFrame:
    """Best, final, learned step and forgetting of every curve in the table of scores.

    One row per (run, task, source, target, layer); `layer` is a string: "0" to the top layer,
    "best" (at each step the layer with the best dev score) and "last" (the top layer). The
    corrected forms subtract the series' own score at step 0 (`step0`, NaN if it was not measured).
    Columns: see the module's docstring for the formulas.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], not {share}")
    beyond = int(scores["layer"].max()) + 1
    curves = pd.concat(
        [
            scores.assign(_order=scores["layer"], layer=scores["layer"].astype(str)),
            best_layers(scores).assign(_order=beyond, layer=BEST),
            _last_layers(scores).assign(_order=beyond + 1, layer=LAST),
        ]
    ).sort_values([*SERIES, "_order", "step"], ignore_index=True)
    rows = [
        dict(zip([*SERIES, "layer"], [*key[:-2], key[-1]], strict=True))
        | _summary_row(str(key[1]), series, share)
        for key, series in curves.groupby([*SERIES, "_order", "layer"])
    ]
    whole_numbers = ["best_step", "learned_step", "learned_step_corrected"]  # some are missing
    return pd.DataFrame(rows).astype(dict.fromkeys(whole_numbers, "Int64"))
