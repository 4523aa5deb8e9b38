"""What the page says in numbers: the rows of its tables and its opening, ready to be printed."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from chronoglot.analysis.doubts import doubt
from chronoglot.analysis.learning import BEST, best_layers
from chronoglot.analysis.tables import SERIES, in_language
from chronoglot.figures.style import Languages, in_language_order, in_task_order, task_title

Cells = dict[str, Any]
"""What the template prints, by name."""

MISSING = "–"


def percent(share: float) -> str:
    """0.8731 → "87.3"; the unit is in the table's head."""
    return MISSING if pd.isna(share) else f"{100 * share:.1f}"


def count(number: float | None) -> str:
    """1500000 → "1,500,000"."""
    return MISSING if pd.isna(number) else f"{int(number):,}"


def duration(seconds: float) -> str:
    """5025 → "1 h 24 min"."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if hours else f"{minutes} min"


def enumerate_words(words: Iterable[str]) -> str:
    """a, b and c."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def name(code: str, languages: Languages) -> str:
    """The language's name, or its code where it has no other."""
    return languages[code][0] if code in languages else code


def curve_rows(scores: pd.DataFrame, summary: pd.DataFrame) -> pd.DataFrame:
    """In-language summary of the best layers, with the layer, items and doubt of each best score.

    Added columns: `best_layer`, `test_items`, `gain` (best over step 0), `doubt` ("" for none).
    """
    rows = in_language(summary[summary["layer"] == BEST]).drop(columns="layer")
    chosen = best_layers(in_language(scores))[[*SERIES, "step", "layer", "test_items"]]
    chosen = chosen.rename(columns={"step": "best_step", "layer": "best_layer"})
    rows = rows.merge(chosen, how="left", on=[*SERIES, "best_step"])
    rows["gain"] = rows["best"] - rows["step0"]
    rows["doubt"] = [
        doubt(best, (step0, majority), items)
        for best, step0, majority, items in zip(
            rows["best"], rows["step0"], rows["majority"], rows["test_items"], strict=True
        )
    ]
    return rows


def task_tables(rows: pd.DataFrame, languages: Languages) -> list[Cells]:
    """One table a task for the page: its title and its rows of printed cells."""
    tables = []
    for task in in_task_order(rows["task"]):
        of_task = rows[rows["task"] == task].set_index("target")
        lines = [
            {
                "run": row.run,
                "name": name(code, languages),
                "code": code,
                "best": percent(row.best),
                "best_step": count(row.best_step),
                "best_layer": count(row.best_layer),
                "final": percent(row.final),
                "step0": percent(row.step0),
                "majority": percent(row.majority),
                "gain": percent(row.gain),
                "learned": count(row.learned_step),
                "learned_corrected": count(row.learned_step_corrected),
                "forgetting": percent(row.forgetting),
                "forgetting_corrected": percent(row.forgetting_corrected),
                "test_items": count(row.test_items),
                "doubt": row.doubt,
            }
            for code in in_language_order(of_task.index, languages)
            for _, row in of_task.loc[[code]].iterrows()
        ]
        tables.append({"task": task, "title": task_title(task), "rows": lines})
    return tables


def headline(rows: pd.DataFrame, languages: Languages, last_step: int) -> list[Cells]:
    """One line a task: medians over languages, and who learned it first and last.

    Learned step and forgetting are the corrected forms, of the curves without doubt; the median
    learned step is the one by which half of those languages had learned.
    """
    lines = []
    for task in in_task_order(rows["task"]):
        of_task = rows[rows["task"] == task]
        sound = of_task[of_task["doubt"] == ""]
        steps = sound.groupby("target")["learned_step_corrected"].mean().astype(float).dropna()
        steps = steps.reindex(in_language_order(steps.index, languages))
        steps = steps.sort_values(kind="stable")
        half = float(np.quantile(steps, 0.5, method="higher")) if len(steps) else float("nan")
        ends = [
            {"name": name(str(code), languages), "step": count(step)}
            for code, step in steps.items()
        ]
        nobody = {"name": MISSING, "step": ""}
        lines.append(
            {
                "title": task_title(task),
                "best": percent(of_task["best"].median()),
                "gain": percent(of_task["gain"].median()),
                "learned": count(half),
                "share": percent(half / last_step) if last_step else MISSING,
                "learners": len(steps),
                "languages": of_task["target"].nunique(),
                "first": ends[0] if ends else nobody,
                "last": ends[-1] if ends else nobody,
                "forgetting": percent(sound["forgetting_corrected"].median()),
            }
        )
    return lines


def opening(scores: pd.DataFrame, languages: Languages, parameters: int | None) -> Cells:
    """What was run, in numbers for the opening paragraph."""
    codes = in_language_order(scores["target"], languages)
    steps = sorted(scores["step"].unique())
    return {
        "runs": [str(run) for run in sorted(scores["run"].unique())],
        "languages": len(codes),
        "names": enumerate_words(name(code, languages) for code in codes),
        "layers": int(scores["layer"].max()),
        "checkpoints": len(steps),
        "last_step": count(steps[-1]),
        "has_step0": steps[0] == 0,
        "tasks": enumerate_words(
            task_title(task).lower() for task in in_task_order(scores["task"])
        ),
        "probes": count(len(scores)),
        "parameters": short_parameters(parameters) if parameters else "",
    }


def short_parameters(number: int) -> str:
    """277000000 → "277 million"."""
    return f"{number / 1e6:,.3g} million" if number >= 1e6 else f"{number:,}"
