"""Pretraining loss over steps: of training, and of the held-out text of each language."""

from pathlib import Path

import numpy as np
import pandas as pd

from chronoglot.figures.languages import Languages, in_language_order, language_name
from chronoglot.figures.steps import StepAxis
from chronoglot.figures.style import (
    COLOURS,
    FEW,
    GREY,
    INK,
    Look,
    drawing,
    label_ends,
    line_looks,
    panels,
)

_UNIT = "bits per masked token"
_TRAIN: Look = {"color": INK, "linewidth": 0.8, "alpha": 0.8}


def losses(losses: pd.DataFrame, languages: Languages, path: str | Path) -> None:
    """Loss in bits per masked token: training in black, held-out text a line a language.

    More than 12 languages get a panel each, with all others in grey behind.
    """
    by_step = losses.groupby(["split", "language", "step"])["loss"].mean()
    valid = by_step.loc["valid"].unstack("language")
    codes = in_language_order(valid.columns, languages)
    axis = StepAxis(losses["step"])
    train = by_step.loc["train"].groupby("step").mean()
    if len(codes) <= FEW:
        _together(train, valid, codes, axis, languages, path)
    else:
        _apart(train, valid, codes, axis, languages, path)


def _together(
    train: pd.Series,
    valid: pd.DataFrame,
    codes: list[str],
    axis: StepAxis,
    languages: Languages,
    path: str | Path,
) -> None:
    with drawing(path, 6.4, 3.4) as figure:
        axes = figure.subplots()
        axes.plot(axis.places(train.index), train, label="training text, all", **_TRAIN)
        axes.plot([], [], linestyle="none", label="held-out text:")
        for code, look in line_looks(codes).items():
            curve = valid[code].dropna()
            name = f"{language_name(code, languages)} ({code})"
            axes.plot(axis.places(curve.index), curve, label=name, **look)
        axes.set_ylabel(_UNIT)
        axes.grid(axis="y")
        axis.draw(axes)
        figure.legend(loc="outside right center")
        figure.draw_without_rendering()
        ends = {code: float(valid[code].dropna().iloc[-1]) for code in codes}
        label_ends(figure, axes, axis.right, ends, line_looks(codes))


def _apart(
    train: pd.Series,
    valid: pd.DataFrame,
    codes: list[str],
    axis: StepAxis,
    languages: Languages,
    path: str | Path,
) -> None:
    columns = 6
    rows = -(-len(codes) // columns)
    places = axis.places(valid.index)
    # All languages as one line with gaps: much faster than a line each in every panel.
    all_places = np.tile(np.append(places, np.nan), len(codes))
    all_losses = np.vstack([valid[codes], np.full(len(codes), np.nan)]).ravel("F")
    with drawing(path, 1.62 * columns, 0.8 + 1.2 * rows) as figure:
        for axes, code in zip(panels(figure, len(codes), columns), codes, strict=True):
            others = axes.plot(all_places, all_losses, color=GREY, linewidth=0.3, alpha=0.35)
            own = axes.plot(places, valid[code], color=COLOURS[1], zorder=3)
            training = axes.plot(axis.places(train.index), train, **_TRAIN)
            axes.set_title(language_name(code, languages))
            axes.grid(axis="y")
            axis.draw(axes, fewest=2, label="")
        figure.supxlabel("step", size=8)
        figure.supylabel(_UNIT, size=8)
        figure.legend(
            [own[0], others[0], training[0]],
            ["held-out text, this language", "held-out text, the others", "training text, all"],
            loc="outside upper center",
            ncols=3,
        )
