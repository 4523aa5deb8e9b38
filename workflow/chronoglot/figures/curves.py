"""Scores over steps: a panel for each task, and a panel for each language."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from chronoglot.analysis.learning import BEST, best_layers
from chronoglot.analysis.tidy import in_language
from chronoglot.figures.bands import draw_curves, handles_of_curves
from chronoglot.figures.languages import Languages, in_language_order, language_name
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import FEW, INK, Look, drawing, label_ends, line_looks, panels
from chronoglot.figures.units import WITHOUT_LAYERS, in_task_order, shown, task_title

_STEP0_LINE: Look = {"linestyle": ":", "linewidth": 0.9}
_MAJORITY_LINE: Look = {"linestyle": (0, (6, 2, 1, 2)), "linewidth": 0.7}
_STEP0_BAND: Look = {"facecolor": "#E4E4E4", "edgecolor": "#E4E4E4", "linewidth": 0.8}
_MAJORITY_BAND: Look = {
    "facecolor": "none",
    "edgecolor": "#A8A8A8",
    "hatch": "/////",
    "linewidth": 0.8,
}
_PLAIN_MARK: Look = {
    "marker": "o",
    "markersize": 4.2,
    "markerfacecolor": "white",
    "linestyle": "none",
}
_CORRECTED_MARK: Look = {
    "marker": "o",
    "markersize": 4.2,
    "markeredgecolor": "white",
    "markeredgewidth": 0.5,
    "linestyle": "none",
}


def _as_shown(scores: pd.DataFrame) -> pd.DataFrame:
    """In-language curves of the best layer: scores in their units, the mean of several runs."""
    curves = best_layers(in_language(scores))
    means = curves.groupby(["task", "target", "step"])[["score", "majority"]].mean().reset_index()
    factors = means["task"].map(lambda task: shown(task).factor)
    return means.assign(score=factors * means["score"], majority=factors * means["majority"])


def _of_best_layer(task: str) -> str:
    """Axis label: the score, of the best layer where there are layers."""
    label = shown(task)
    return (
        label.label if task in WITHOUT_LAYERS else f"{label.score} of the best layer ({label.unit})"
    )


def _mark_learned(
    axes: Axes, axis: StepAxis, curve: pd.DataFrame, learned: pd.DataFrame, colour: str
) -> None:
    """Open circle: 98 % of the best score; full circle: 98 % of the gain over step 0."""
    height = curve.set_index("step")["score"]
    for column, mark in (
        ("learned_step", _PLAIN_MARK),
        ("learned_step_corrected", _CORRECTED_MARK),
    ):
        steps = learned[column].dropna().astype(int)
        axes.plot(axis.places(steps), height.loc[steps], color=colour, zorder=4, **mark)


def _mark_handles(colour: str) -> list[Line2D]:
    return [
        Line2D([], [], color=colour, label="learned step", **_PLAIN_MARK),
        Line2D([], [], color=colour, label="learned step, corrected for step 0", **_CORRECTED_MARK),
    ]


def _few_languages(
    axes: Axes, axis: StepAxis, curves: pd.DataFrame, learned: pd.DataFrame, codes: list[str]
) -> None:
    """A line a language, with its learned steps."""
    for code, look in line_looks(codes).items():
        curve = curves[curves["target"] == code]
        axes.plot(axis.places(curve["step"]), curve["score"], **look)
        _mark_learned(axes, axis, curve, learned[learned["target"] == code], look["color"])


def _baseline_bands(axes: Axes, curves: pd.DataFrame) -> None:
    """From the lowest to the highest language: the untrained model, and the majority class."""
    untrained = curves.loc[curves["step"] == 0, "score"]
    majority = curves["majority"].dropna()
    for values, look in ((untrained, _STEP0_BAND), (majority, _MAJORITY_BAND)):
        if len(values):
            low, high = values.min(), values.max()
            axes.axhspan(low, high, zorder=0.5, **look)
            # A band without height is not drawn: where all languages agree, this line is.
            axes.axhline(low, color=look["edgecolor"], linewidth=0.8, zorder=0.5)


def curves_by_task(
    scores: pd.DataFrame, summary: pd.DataFrame, languages: Languages, path: str | Path
) -> None:
    """A panel a task: the best layer's score over steps, a line a language, with the baselines.

    Up to 12 languages are told apart and their learned steps marked; of more, each is a thin grey
    line behind the median and the quartiles.
    """
    curves = _as_shown(scores)
    tasks = in_task_order(curves["task"])
    codes = in_language_order(curves["target"], languages)
    learned = in_language(summary[summary["layer"] == BEST])
    axis = StepAxis(curves["step"])
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    with drawing(path, 0.4 + 3.1 * columns, 0.9 + 2.9 * rows) as figure:
        grid = panels(figure, len(tasks), columns, sharey=False)
        for axes, task in zip(grid, tasks, strict=True):
            of_task = curves[curves["task"] == task]
            _baseline_bands(axes, of_task)
            if len(codes) <= FEW:
                _few_languages(axes, axis, of_task, learned[learned["task"] == task], codes)
            else:
                table = of_task.pivot(index="target", columns="step", values="score")
                draw_curves(axes, axis, table)
            axes.set_title(task_title(task))
            axes.grid(axis="y")
            axis.draw(axes)
        labels = [_of_best_layer(task) for task in tasks]
        for number, axes in enumerate(grid):
            if number % columns == 0 or labels[number] != labels[number - 1]:
                axes.set_ylabel(labels[number])
        figure.legend(
            handles=_task_handles(codes, languages),
            loc="outside lower center",
            ncols=min(6, len(codes)) if len(codes) <= FEW else 5,
        )
        if len(codes) <= FEW:
            figure.draw_without_rendering()
            for axes, task in zip(grid, tasks, strict=True):
                last = curves[curves["task"] == task].drop_duplicates("target", keep="last")
                ends = dict(zip(last["target"], last["score"], strict=True))
                label_ends(figure, axes, axis.right, ends, line_looks(codes))


def _task_handles(codes: list[str], languages: Languages) -> list[Line2D | Patch]:
    bands: list[Line2D | Patch] = [
        Patch(label="step 0, untrained (range)", **_STEP0_BAND),
        Patch(label="majority class (range)", **_MAJORITY_BAND),
    ]
    if len(codes) > FEW:
        return [*handles_of_curves("language", "languages"), *bands]
    lines = [
        Line2D([], [], label=f"{language_name(code, languages)} ({code})", **look)
        for code, look in line_looks(codes).items()
    ]
    return [*lines, *_mark_handles(INK), *bands]


def curves_by_language(
    scores: pd.DataFrame, summary: pd.DataFrame, languages: Languages, path: str | Path
) -> None:
    """A panel a language: the best layer's score over steps, a line a task, with its baselines.

    Tasks of one unit share the panels: accuracies, or bits per character if there is nothing else.
    """
    curves = _as_shown(scores)
    tasks = in_task_order(curves["task"])
    tasks = [task for task in tasks if task not in WITHOUT_LAYERS] or tasks
    curves = curves[curves["task"].isin(tasks)]
    codes = in_language_order(curves["target"], languages)
    learned = in_language(summary[summary["layer"] == BEST])
    axis = StepAxis(curves["step"])
    columns = 3 if len(codes) <= 6 else 4 if len(codes) <= FEW else 6
    width, height = (9.7 / columns, 2.0) if len(codes) <= FEW else (1.62, 1.3)
    rows = -(-len(codes) // columns)
    looks = line_looks(tasks)
    with drawing(path, width * columns, 0.7 + height * rows) as figure:
        grid = panels(figure, len(codes), columns)
        for axes, code in zip(grid, codes, strict=True):
            for task in tasks:
                chosen = (curves["target"] == code) & (curves["task"] == task)
                marks = learned[(learned["target"] == code) & (learned["task"] == task)]
                _one_task(axes, axis, curves[chosen], marks, looks[task]["color"])
            axes.set_title(language_name(code, languages))
            axes.grid(axis="y")
            axis.draw(axes, fewest=2, label="")
        figure.supxlabel("step", size=8)
        figure.supylabel(_of_best_layer(tasks[0]), size=8)
        _legend_of_tasks(figure, tasks, looks)


def _one_task(
    axes: Axes, axis: StepAxis, curve: pd.DataFrame, learned: pd.DataFrame, colour: str
) -> None:
    if curve.empty:
        return
    for value in curve.loc[curve["step"] == 0, "score"]:
        axes.axhline(value, color=colour, alpha=0.8, **_STEP0_LINE)
    for value in curve["majority"].dropna().head(1):
        axes.axhline(value, color=colour, alpha=0.6, **_MAJORITY_LINE)
    axes.plot(axis.places(curve["step"]), curve["score"], color=colour)
    _mark_learned(axes, axis, curve, learned, colour)


def _legend_of_tasks(figure: Figure, tasks: list[str], looks: dict[str, Look]) -> None:
    handles = [
        *(Line2D([], [], color=looks[task]["color"], label=task_title(task)) for task in tasks),
        *_mark_handles(INK),
        Line2D([], [], color=INK, label="step 0, untrained", **_STEP0_LINE),
        Line2D([], [], color=INK, label="majority class", **_MAJORITY_LINE),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
