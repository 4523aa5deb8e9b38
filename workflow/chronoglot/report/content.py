"""What the page says in numbers: the rows of its tables and its opening, ready to be printed."""

from typing import Any

import numpy as np
import pandas as pd

from chronoglot.analysis.doubts import doubt
from chronoglot.analysis.learning import BEST, LOWER_IS_BETTER, best_layers
from chronoglot.analysis.tidy import SERIES, transfer
from chronoglot.figures.languages import Languages, in_language_order
from chronoglot.figures.units import (
    OF_LANGUAGE_PAIRS,
    WITHOUT_LAYERS,
    in_task_order,
    shown,
    task_title,
)
from chronoglot.report.numbers import MISSING, amount, count, enumerate_words, percent

Cells = dict[str, Any]
"""What the template prints, by name."""


def name(code: str, languages: Languages) -> str:
    """The language's name, or its code where it has no other."""
    return languages[code][0] if code in languages else code


def direction_name(source: str, target: str, languages: Languages) -> str:
    """The language, or both with a dash between."""
    codes = [source] if source == target else [source, target]
    return "–".join(name(code, languages) for code in codes)


def _short_name(source: str, target: str, languages: Languages) -> str:
    """The language's name; of a pair the codes."""
    return name(target, languages) if source == target else f"{source}–{target}"


def curve_rows(scores: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """Summary of the best layers, with the layer, items and doubt of each best score.

    Added columns: `best_layer`, `test_items`, `gain` (best over step 0; what bits per character
    fell by), `doubt` ("" for none; only accuracies are doubted).
    """
    rows = summary[summary["layer"] == BEST].drop(columns="layer")
    chosen = best_layers(scores)[[*SERIES, "step", "layer", "test_items"]]
    chosen = chosen.rename(columns={"step": "best_step", "layer": "best_layer"})
    rows = rows.merge(chosen, how="left", on=[*SERIES, "best_step"])
    sign = np.where(rows["task"].isin(LOWER_IS_BETTER), -1, 1)
    rows["gain"] = sign * (rows["best"] - rows["step0"])
    rows["doubt"] = [
        "" if task in WITHOUT_LAYERS | OF_LANGUAGE_PAIRS else doubt(best, (step0, majority), items)
        for task, best, step0, majority, items in zip(
            rows["task"],
            rows["best"],
            rows["step0"],
            rows["majority"],
            rows["test_items"],
            strict=True,
        )
    ]
    return rows


def without_transfer(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of one language, or of the two that a task's data is about."""
    return table.drop(transfer(table).index)


def _in_order(rows: pd.DataFrame, languages: Languages) -> pd.DataFrame:
    """The rows by language, or by the two languages of a pair."""
    order = in_language_order([*rows["source"], *rows["target"]], languages)
    places = {code: place for place, code in enumerate(order)}
    return rows.sort_values(
        ["source", "target"], key=lambda codes: codes.map(places), kind="stable"
    )


def task_tables(rows: pd.DataFrame, languages: Languages) -> list[Cells]:
    """One table a task for the page: its title, units, columns and rows of printed cells."""
    tables = []
    for task in in_task_order(rows["task"]):
        lines = [
            {
                "run": row.run,
                "name": direction_name(row.source, row.target, languages),
                "code": row.target if row.source == row.target else f"{row.source}–{row.target}",
                "best": amount(row.best, task),
                "best_step": count(row.best_step),
                "best_layer": count(row.best_layer),
                "final": amount(row.final, task),
                "step0": amount(row.step0, task),
                "majority": amount(row.majority, task),
                "gain": amount(row.gain, task),
                "learned": count(row.learned_step),
                "learned_corrected": count(row.learned_step_corrected),
                "forgetting": percent(row.forgetting),
                "forgetting_corrected": percent(row.forgetting_corrected),
                "test_items": count(row.test_items),
                "doubt": row.doubt,
            }
            for _, row in _in_order(rows[rows["task"] == task], languages).iterrows()
        ]
        tables.append(
            {
                "task": task,
                "title": task_title(task),
                "unit": shown(task).unit,
                "points": "points" if shown(task).unit == "%" else shown(task).unit,
                "of_pairs": task in OF_LANGUAGE_PAIRS,
                "layers": task not in WITHOUT_LAYERS,
                "probes": task not in WITHOUT_LAYERS | OF_LANGUAGE_PAIRS,
                "rows": lines,
            }
        )
    return tables


def headline(rows: pd.DataFrame, languages: Languages, last_step: int) -> list[Cells]:
    """One line a task: medians over languages, and who learned it first and last.

    Learned step and forgetting are the corrected forms, of the curves without doubt; the median
    learned step is the one by which half of those languages had learned.
    """
    lines = []
    for task in in_task_order(rows["task"]):
        of_task = _in_order(rows[rows["task"] == task], languages)
        sound = of_task[of_task["doubt"] == ""]
        by_curve = sound.groupby(["source", "target"], sort=False)["learned_step_corrected"]
        steps = by_curve.mean().astype(float).dropna().sort_values(kind="stable")
        half = float(np.quantile(steps, 0.5, method="higher")) if len(steps) else float("nan")
        ends = [
            {"name": _short_name(source, target, languages), "step": count(step)}
            for source, target, step in steps.reset_index().itertuples(index=False)
        ]
        nobody = {"name": MISSING, "step": ""}
        lines.append(
            {
                "title": task_title(task),
                "score": shown(task).label,
                "lower": task in LOWER_IS_BETTER,
                "best": amount(of_task["best"].median(), task),
                "gain": amount(of_task["gain"].median(), task),
                "learned": count(half),
                "share": percent(half / last_step) if last_step else MISSING,
                "learners": len(steps),
                "languages": len(of_task[["source", "target"]].drop_duplicates()),
                "of_pairs": task in OF_LANGUAGE_PAIRS,
                "first": ends[0] if ends else nobody,
                "last": ends[-1] if ends else nobody,
                "forgetting": percent(sound["forgetting_corrected"].median()),
            }
        )
    return lines


def opening(scores: pd.DataFrame, languages: Languages, parameters: int | None) -> Cells:
    """What was run, in numbers for the opening paragraph."""
    codes = in_language_order([*scores["source"], *scores["target"]], languages)
    steps = sorted(scores["step"].unique())
    probed = scores[~scores["task"].isin(WITHOUT_LAYERS | OF_LANGUAGE_PAIRS)]
    probes = len(probed.drop_duplicates(["run", "step", "layer", "task", "source"]))
    return {
        "runs": [str(run) for run in sorted(scores["run"].unique())],
        "languages": len(codes),
        "names": enumerate_words(name(code, languages) for code in codes),
        "layers": int(scores["layer"].max()) if scores["layer"].notna().any() else 0,
        "checkpoints": len(steps),
        "last_step": count(steps[-1]),
        "has_step0": steps[0] == 0,
        "tasks": enumerate_words(
            task_title(task).lower() for task in in_task_order(scores["task"])
        ),
        "probes": count(probes) if probes else "",
        "scored": count(len(probed)) if len(probed) > probes else "",
        "parameters": short_parameters(parameters) if parameters else "",
    }


def short_parameters(number: int) -> str:
    """277000000 → "277 million"."""
    return f"{number / 1e6:,.3g} million" if number >= 1e6 else f"{number:,}"
