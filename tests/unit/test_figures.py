"""The figures: that they show the data, at any number of languages, in the same bytes each time."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chronoglot.analysis.learning import summarise
from chronoglot.figures.catalogue import Tables, draw, figure_names
from chronoglot.figures.steps import StepAxis, short_number
from chronoglot.figures.style import in_language_order, in_task_order, spread
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from synthetic_tables import made_up_losses, made_up_scores

STEPS = [0, 10, 100, 1000, 5000]
TASKS = ["pos", "arc_prediction", "arc_classification"]
LANGUAGES = {
    "de": ("German", "Latin", "Germanic"),
    "fi": ("Finnish", "Latin", "Uralic"),
    "x": ("Price in $ or $", "Latin", "none"),
}


def tables(codes: list[str], steps: list[int] = STEPS, seed: int = 0) -> Tables:
    scores = made_up_scores(codes, steps, layers=2, seed=seed)
    losses_steps = steps if len(steps) > 1 else [*steps, steps[-1] + 100]
    return Tables(scores, summarise(scores), made_up_losses(codes, losses_steps))


@pytest.fixture(scope="module")
def few() -> Tables:
    return tables(list(LANGUAGES))


def test_every_task_has_its_heat_maps() -> None:
    names = figure_names(TASKS)
    assert {f"layers_by_language_{task}" for task in TASKS} < set(names)
    assert {"curves", "curves_by_language", "learned", "layers", "losses"} < set(names)
    assert len(set(names)) == len(names) == 8


@pytest.mark.parametrize("figure", figure_names(["pos"]))
def test_figure_is_drawn_and_the_same_bytes_again(figure: str, few: Tables, tmp_path: Path) -> None:
    draw(figure, few, LANGUAGES, tmp_path / "a.png")
    draw(figure, few, LANGUAGES, tmp_path / "b.png")
    assert imread(tmp_path / "a.png")[..., :3].std() > 0.03
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    for ending in ("png", "pdf"):
        first, second = ((tmp_path / f"{name}.{ending}").read_bytes() for name in "ab")
        assert first == second
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "b.pdf", "b.png"]


@pytest.mark.parametrize("figure", ["learned", "layers"])
def test_figure_shows_the_scores(figure: str, few: Tables, tmp_path: Path) -> None:
    draw(figure, few, LANGUAGES, tmp_path / "a.png")
    draw(figure, tables(list(LANGUAGES), seed=1), LANGUAGES, tmp_path / "b.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_bytes_depend_neither_on_the_hash_seed_nor_on_user_settings(tmp_path: Path) -> None:
    script = (
        "import sys; from synthetic_tables import *; from chronoglot.figures.curves import *;"
        "from chronoglot.analysis.learning import summarise;"
        "scores = made_up_scores(['de', 'fi'], [0, 10, 100], 2);"
        "curves_by_task(scores, summarise(scores), {}, sys.argv[1])"
    )
    found = []
    for seed, settings in (("1", ""), ("2", "font.size: 30\nsavefig.dpi: 20\n")):
        folder = tmp_path / seed
        folder.mkdir()
        (folder / "matplotlibrc").write_text(settings)
        environment = os.environ | {
            "PYTHONHASHSEED": seed,
            "MATPLOTLIBRC": str(folder),
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        subprocess.run(
            [sys.executable, "-c", script, folder / "f.png"], env=environment, check=True
        )
        parts = [(folder / f"f.{ending}").read_bytes() for ending in ("png", "pdf")]
        found.append([hashlib.sha256(part).hexdigest() for part in parts])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("figure", "number"),
    [*((figure, 13) for figure in figure_names(["pos"])), ("curves", 1), ("learned", 1)],
)
@pytest.mark.filterwarnings("error")
def test_any_number_of_languages(figure: str, number: int, tmp_path: Path) -> None:
    codes = [f"l{index}" for index in range(number)]
    draw(figure, tables(codes), {}, tmp_path / "figure.png")
    assert imread(tmp_path / "figure.png")[..., :3].std() > 0.03


@pytest.mark.parametrize("figure", figure_names(["pos"]))
@pytest.mark.parametrize("steps", [[0], [700, 1_500_000]])
@pytest.mark.filterwarnings("error")
def test_any_steps(figure: str, steps: list[int], tmp_path: Path) -> None:
    draw(figure, tables(["de", "fi"], steps), LANGUAGES, tmp_path / "figure.png")
    assert (tmp_path / "figure.pdf").exists()


@pytest.mark.filterwarnings("error")
def test_a_language_that_learned_nothing_and_one_without_scores(tmp_path: Path) -> None:
    made_up = tables(list(LANGUAGES))
    scores = made_up.scores
    scores = scores[(scores["target"] != "x") | (scores["task"] == "pos")]
    flat = (scores["target"] == "fi") & (scores["task"] == "arc_prediction")
    scores = scores.assign(
        score=scores["score"].where(~flat, 0.5), score_dev=scores["score_dev"].where(~flat, 0.5)
    )
    for figure in ("curves", "curves_by_language", "learned"):
        draw(
            figure,
            Tables(scores, summarise(scores), made_up.losses),
            LANGUAGES,
            tmp_path / f"{figure}.png",
        )


def panels_drawn(
    figure: str, monkeypatch: pytest.MonkeyPatch, given: Tables, path: Path
) -> list[Axes]:
    """The panels of a figure, caught as it is saved."""
    caught: list[Figure] = []
    save: Any = Figure.savefig

    def catch(self: Figure, *rest: Any, **options: Any) -> None:
        caught.append(self)
        save(self, *rest, **options)

    monkeypatch.setattr(Figure, "savefig", catch)
    draw(figure, given, LANGUAGES, path)
    return caught[0].axes


def test_lines_of_the_curves_are_the_best_layers_scores(
    few: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, summary = few.scores, few.summary
    axes = panels_drawn("curves", monkeypatch, few, tmp_path / "f.png")
    assert [panel.get_title(loc="left") for panel in axes] == [
        "Part of speech",
        "Arc prediction",
        "Arc classification",
    ]
    lines = [
        np.asarray(line.get_ydata())
        for line in axes[0].lines
        if np.size(line.get_xdata()) == len(STEPS)
    ]
    for code, line in zip(LANGUAGES, lines, strict=True):
        rows = scores[(scores["task"] == "pos") & (scores["target"] == code)]
        best = rows.loc[rows.groupby("step")["score_dev"].idxmax(), "score"]
        np.testing.assert_allclose(line, 100 * best)
    # The full circles: the corrected learned steps of the summary.
    chosen = summary[(summary["layer"] == "best") & (summary["task"] == "pos")]
    learned = chosen.set_index("target")["learned_step_corrected"].reindex(list(LANGUAGES))
    marks = [
        np.asarray(line.get_xdata())[0]
        for line in axes[0].lines
        if line.get_marker() == "o" and line.get_markeredgecolor() == "white"
    ]
    np.testing.assert_allclose(10 ** np.array(marks), learned.astype(float))


def test_heat_map_cells_are_means_over_languages(
    few: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = few.scores
    panel = panels_drawn("layers", monkeypatch, few, tmp_path / "f.png")[0]
    cells = np.hstack(
        [np.reshape(np.asarray(mesh.get_array()), (3, -1)) for mesh in panel.collections]
    )
    scores = scores[scores["task"] == "pos"]
    expected = [
        [
            100 * scores[(scores["layer"] == layer) & (scores["step"] == step)]["score"].mean()
            for step in STEPS
        ]
        for layer in range(3)
    ]
    np.testing.assert_allclose(cells, expected)


def test_languages_learned_early_are_on_top(
    few: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = few.summary.copy()
    late_steps = summary["target"].map({"de": 1000, "fi": 10})
    summary["learned_step_corrected"] = late_steps.astype("Int64")
    late = Tables(few.scores, summary, few.losses)
    axes = panels_drawn("learned", monkeypatch, late, tmp_path / "f.png")
    from_top = [label.get_text() for label in axes[0].get_yticklabels()][::-1]
    assert from_top == ["Finnish", "German", r"Price in \$ or \$"]


def test_an_unknown_figure_is_refused(few: Tables, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="layers_by_night"):
        draw("layers_by_night", few, LANGUAGES, tmp_path / "figure.png")


@given(st.sets(st.integers(0, 2_000_000), min_size=1, max_size=40))
def test_step_axis_keeps_the_order_and_sets_step_0_apart(steps: set[int]) -> None:
    axis = StepAxis(steps)
    ordered = sorted(steps)
    places = axis.places(ordered)
    assert all(left < right for left, right in pairwise(places))
    if ordered[0] == 0 and len(ordered) > 1:
        assert places[0] == axis.zero < places[1] - 0.1 * axis.span
    positive = [step for step in ordered if step > 0]
    if positive:
        edges = axis.edges(positive)
        assert len(edges) == len(positive) + 1
        assert all(left < right for left, right in pairwise(edges))
        inner = axis.places(positive)
        assert (edges[:-1] < inner).all()
        assert (inner < edges[1:]).all()
        assert axis.zero + axis.margin < edges[0]
        assert all(axis.first <= tick <= axis.last for tick in axis.ticks(3))


def test_ticks_are_round_steps() -> None:
    assert StepAxis([0, 10, 5000]).ticks(3) == [10, 100, 1000]
    assert StepAxis([5000, 1_500_000]).ticks(2) == [10_000, 100_000, 1_000_000]
    assert [short_number(step) for step in (50, 1000, 2500, 1_500_000)] == [
        "50",
        "1k",
        "2.5k",
        "1.5M",
    ]


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=12),
    st.floats(0.1, 8),
)
def test_labels_are_moved_apart_in_order_and_no_more_than_needed(
    positions: list[float], gap: float
) -> None:
    spaced = spread(positions, gap, 0, 100)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(spaced[order]) >= gap - 1e-9).all()
    assert spaced.min() >= -1e-9
    assert spaced.max() <= 100 + 1e-9
    if (np.diff(np.sort(positions)) >= gap).all():
        np.testing.assert_allclose(spaced, positions, atol=1e-9)


def test_display_orders() -> None:
    assert in_task_order(["new_task", "arc_prediction", "bpc", "pos"]) == [
        "bpc",
        "pos",
        "arc_prediction",
        "new_task",
    ]
    assert in_language_order(["zz", "fi", "aa", "de", "fi"], LANGUAGES) == ["de", "fi", "aa", "zz"]
