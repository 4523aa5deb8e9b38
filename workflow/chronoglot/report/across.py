"""What the page says of transfer between languages, and of what goes with it."""

import pandas as pd

from chronoglot.analysis.doubts import NOT_ABOVE
from chronoglot.analysis.learning import BEST
from chronoglot.analysis.tidy import in_language, transfer
from chronoglot.figures.correlates import MEASURES, SIGNIFICANT
from chronoglot.figures.languages import Languages
from chronoglot.figures.units import in_task_order, shown, task_title
from chronoglot.report.content import Cells, direction_name
from chronoglot.report.numbers import MISSING, amount, count, percent

STRONGEST = 15
"""Correlations printed."""


def transfer_lines(
    rows: pd.DataFrame, scores: pd.DataFrame, asymmetry: pd.DataFrame, languages: Languages
) -> list[Cells]:
    """One line a task, from the rows of `curve_rows`: means over pairs, and the extreme pairs.

    A pair is learned later than in-language if its corrected learned step comes after that of the
    target's own probe; only pairs without doubt, where both steps are known, are counted. Of
    `scores` the largest share of test items is told whose label the source never showed.
    """
    unseen = transfer(scores).groupby("task")["unseen"].max()
    across, own = transfer(rows), in_language(rows)
    own_steps = own.rename(columns={"learned_step_corrected": "own_step"})
    both = across.merge(
        own_steps[["run", "task", "target", "own_step"]], on=["run", "task", "target"]
    )
    both = both[both["doubt"] == ""].dropna(subset=["learned_step_corrected", "own_step"])
    lines = []
    for task in in_task_order(across["task"]):
        pairs = across[across["task"] == task]
        best = pairs.groupby(["source", "target"])["best"].mean().reset_index()
        compared = both[both["task"] == task]
        lines.append(
            {
                "title": task_title(task),
                "unit": shown(task).unit,
                "pairs": count(len(best)),
                "own": amount(own.loc[own["task"] == task, "best"].mean(), task),
                "across": amount(best["best"].mean(), task),
                "highest": _extreme(best.nlargest(1, "best"), task, languages),
                "lowest": _extreme(best.nsmallest(1, "best"), task, languages),
                "asymmetric": _most_asymmetric(asymmetry, task, languages),
                "later": count((compared["learned_step_corrected"] > compared["own_step"]).sum()),
                "compared": count(len(compared)),
                "unseen": percent(unseen[task]),
                "not_above": count((pairs["doubt"] == NOT_ABOVE).sum()),
            }
        )
    return lines


def _directed(source: str, target: str, languages: Languages) -> str:
    return direction_name(source, target, languages).replace("–", " → ")


def _extreme(pair: pd.DataFrame, task: str, languages: Languages) -> Cells:
    """The one pair given and its score."""
    source, target, best = pair.iloc[0][["source", "target", "best"]]
    return {"pair": _directed(source, target, languages), "score": amount(best, task)}


def _most_asymmetric(asymmetry: pd.DataFrame, task: str, languages: Languages) -> Cells:
    """The pair whose two directions differ most in their best score, the better one first."""
    table = asymmetry[(asymmetry["task"] == task) & (asymmetry["layer"] == BEST)]
    table = table.dropna(subset=["best_ab", "best_ba"])
    if table.empty:
        return {"pair": MISSING, "score": ""}
    table = table.assign(apart=(table["best_ab"] - table["best_ba"]).abs())
    pair = table.nlargest(1, "apart").iloc[0]
    ways = [(pair["best_ab"], pair["a"], pair["b"]), (pair["best_ba"], pair["b"], pair["a"])]
    better, worse = sorted(ways, reverse=True)
    return {
        "pair": _directed(better[1], better[2], languages),
        "score": f"{amount(better[0], task)}, back {amount(worse[0], task)}",
    }


def correlate_lines(correlates: pd.DataFrame) -> Cells:
    """The strongest correlations, and how many tests there were and chance would bring."""
    known = correlates.dropna(subset=["spearman", "p_value"])
    order = known["spearman"].abs().sort_values(ascending=False, kind="stable").index
    return {
        "tests": count(len(known)),
        "significant": count((known["p_value"] < SIGNIFICANT).sum()),
        "by_chance": count(round(SIGNIFICANT * len(known))),
        "rows": [
            {
                "setting": row.setting,
                "task": task_title(row.task),
                "measure": MEASURES.get(row.measure, row.measure),
                "property": row.property.replace("_", " "),
                "rho": f"{row.spearman:+.2f}".replace("-", "−"),
                "p": "< 0.001" if row.p_value < 0.001 else f"{row.p_value:.3f}",
                "n": count(row.n),
            }
            for _, row in known.loc[order[:STRONGEST]].iterrows()
        ],
    }
