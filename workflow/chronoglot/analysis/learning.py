"""When a score is learned and how much of it is forgotten, curve by curve over steps.

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

In-language curves and those of transfer are read alike.
"""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from chronoglot.analysis.tidy import SERIES

LOWER_IS_BETTER = frozenset({"bpc"})
"""Tasks whose score falls as the model learns."""

BEST, LAST = "best", "last"
"""The two series over layers: at each step the layer with the best dev score; the top layer."""

MEASURES = [
    "best",
    "best_step",
    "final",
    "learned_step",
    "learned_step_corrected",
    "forgetting",
    "forgetting_corrected",
    "majority",
    "step0",
]
"""What the summary holds of a curve."""

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def _best(scores: Floats, lower: Bools) -> Floats:
    """The best score of each curve, NaN where none was measured. `scores` [curves, steps]."""
    sign = np.where(lower, -1, 1)
    return sign * np.fmax.reduce(sign[:, None] * scores, axis=1)  # fmax passes NaN over


def _final(scores: Floats) -> Floats:
    """The last score of each curve that was measured."""
    last = scores.shape[1] - 1 - np.argmax(~np.isnan(scores[:, ::-1]), axis=1)
    return scores[np.arange(len(scores)), last]


def _learned(
    scores: Floats, share: float, lower: Bools, baseline: Floats | None
) -> NDArray[np.intp]:
    """The column at which each curve of `scores` [curves, steps] is learned, -1 where none is."""
    best = _best(scores, lower)[:, None]
    lower = lower[:, None]
    if baseline is None:
        reached = np.where(lower, scores <= best / share, scores >= share * best)
    else:
        sign, start = np.where(lower, -1, 1), baseline[:, None]
        gained = sign * (best - start)
        reached = (gained > 0) & (sign * (scores - start) >= share * gained)
    return np.where(reached.any(axis=1), reached.argmax(axis=1), -1)


def _forgotten(scores: Floats, lower: Bools, baseline: Floats | None) -> Floats:
    """The forgetting of each curve of `scores` [curves, steps]."""
    sign, best = np.where(lower, -1, 1), _best(scores, lower)
    gained = best if baseline is None else sign * (best - baseline)
    lost = sign * (best - _final(scores))
    return np.divide(lost, gained, out=np.full(len(scores), np.nan), where=gained > 0)


def _one(steps: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    """One curve in the order of its steps. [steps], [1, steps]."""
    step_array, score_array = np.asarray(steps, np.int64), np.asarray(scores, np.float64)
    order = np.argsort(step_array, kind="stable")
    return step_array[order], score_array[None, order]


def _as_array(baseline: float | None) -> Floats | None:
    return None if baseline is None else np.array([baseline])


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
    steps, curve = _one(steps, scores)
    if not len(steps):
        return None
    column = _learned(curve, share, np.array([lower_is_better]), _as_array(baseline))[0]
    return int(steps[column]) if column >= 0 else None


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
    steps, curve = _one(steps, scores)
    if not len(steps):
        return float("nan")
    return float(_forgotten(curve, np.array([lower_is_better]), _as_array(baseline))[0])


def best_layers(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of the layer with the best dev score, one per (run, task, source, target, step).

    The layer is chosen on dev and its `score`, on test, is reported; of equal layers the lowest
    is taken. Where there is no dev score (alignment) the layer is chosen by the score itself,
    which is then, as the best of several, a little optimistic. A task without layers (bpc) has one
    row, its own. Tuples that were not scored are left out.
    """
    sign = np.where(scores["task"].isin(LOWER_IS_BETTER), -1.0, 1.0)
    rank = sign * scores["score_dev"].astype(float).fillna(scores["score"])
    ranked = scores.assign(_rank=rank).dropna(subset="_rank")
    ranked = ranked.sort_values(["_rank", "layer"], ascending=[False, True])
    best = ranked.drop_duplicates([*SERIES, "step"]).drop(columns="_rank")
    return best.sort_values([*SERIES, "step"], ignore_index=True)


def last_layers(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows of the top layer; tasks without layers have none."""
    layered = scores.dropna(subset="layer")
    return layered[layered["layer"] == layered.groupby(SERIES)["layer"].transform("max")]


def _missing_where(missing: Bools, steps: NDArray[np.int64]) -> pd.arrays.IntegerArray:
    return pd.arrays.IntegerArray(np.where(missing, 0, steps), missing)


def summarise(scores: pd.DataFrame, share: float = 0.98) -> pd.DataFrame:
    """Best, final, learned step and forgetting of every curve in the table of scores.

    One row per (run, task, source, target, layer); `layer` is a string: "0" to the top layer,
    "best" (see `best_layers`; the only one of a task without layers) and "last" (the top layer).
    The corrected forms subtract the series' own score at step 0 (`step0`, NaN if it was not
    measured). Columns: see the module's docstring for the formulas.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], not {share}")
    beyond = int(scores["layer"].fillna(-1).max()) + 1
    series = pd.concat(
        [
            scores.dropna(subset="layer").assign(_order=lambda rows: rows["layer"].astype(int)),
            best_layers(scores).assign(_order=beyond),
            last_layers(scores).assign(_order=beyond + 1),
        ],
        ignore_index=True,
    )
    key = [*SERIES, "_order"]
    curves = series.pivot(index=key, columns="step", values="score")  # NaN: not measured
    steps, values = curves.columns.to_numpy(), curves.to_numpy(np.float64)
    lower = curves.index.get_level_values("task").isin(LOWER_IS_BETTER)
    nowhere = np.full(len(curves), np.nan)
    step0 = curves[0].to_numpy(np.float64) if 0 in curves else nowhere
    best = _best(values, lower)
    best_column = np.argmax(values == best[:, None], axis=1)
    summary = curves.index.to_frame(index=False)
    names = {beyond: BEST, beyond + 1: LAST}
    summary["layer"] = [names.get(order, str(order)) for order in summary.pop("_order")]
    summary["best"] = best
    summary["best_step"] = _missing_where(np.isnan(best), steps[best_column])
    summary["final"] = _final(values)
    for suffix, baseline in (("", None), ("_corrected", step0)):
        column = _learned(values, share, lower, baseline)
        summary[f"learned_step{suffix}"] = _missing_where(column < 0, steps[column])
        summary[f"forgetting{suffix}"] = _forgotten(values, lower, baseline)
    summary["majority"] = series.groupby(key)["majority"].first().to_numpy(np.float64)
    summary["step0"] = step0
    return summary[[*SERIES, "layer", *MEASURES]]
