"""The figures: that they show the data, at any number of languages, in the same bytes each time."""

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from chronoglot.analysis.learning import summarise
from chronoglot.figures.catalogue import Tables, draw, figure_names, figure_tables, placed
from chronoglot.figures.languages import families, in_language_order
from chronoglot.figures.steps import StepAxis, short_number
from chronoglot.figures.style import spread
from chronoglot.figures.units import in_task_order, shown
from chronoglot.runtime.errors import UserError
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from synthetic_tables import (
    made_up_alignment,
    made_up_bpc,
    made_up_scores,
    made_up_transfer,
    write_tables,
)

STEPS = [0, 10, 100, 1000, 5000]
PROBES = ["pos", "arc_prediction", "arc_classification"]
TASKS = ["bpc", *PROBES, "xnli", "alignment"]
TRANSFER = [*PROBES, "xnli"]
LANGUAGES = {
    "de": ("German", "Latin", "Germanic"),
    "fi": ("Finnish", "Latin", "Uralic"),
    "x": ("Price in $ or $", "Latin", "none"),
}
SIX = {
    **LANGUAGES,
    "en": ("English", "Latin", "Germanic"),
    "ru": ("Russian", "Cyrillic", "Slavic"),
    "cs": ("Czech", "Latin", "Slavic"),
}


def write(folder: Path, scores: pd.DataFrame) -> Tables:
    return Tables(write_tables(folder, scores, summarise(scores)))


def study(codes: list[str], steps: list[int] = STEPS, layers: int = 2, seed: int = 0) -> Any:
    """Scores of all tasks; xnli has one source and not all targets."""
    source, some = codes[:1], codes[: max(2, len(codes) - 1)]
    return pd.concat(
        [
            made_up_bpc(codes, steps, seed),
            made_up_scores(codes, steps, layers, seed=seed),
            made_up_scores(source, steps, layers, ["xnli"], seed),
            made_up_transfer(codes, codes, steps, layers, seed=seed),
            made_up_transfer(source, some, steps, layers, ["xnli"], seed),
            made_up_alignment([(codes[0], code) for code in codes[1:]], steps, layers, seed),
        ],
        ignore_index=True,
    )


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Tables:
    scores = study(list(LANGUAGES))
    chosen = scores["task"].isin(["bpc", "pos", "arc_prediction", "alignment"])
    return write(tmp_path_factory.mktemp("few"), scores[chosen])


ALL = figure_names(TASKS, TRANSFER)
EACH = figure_names(["bpc", "pos", "alignment"], ["pos"])


def test_names_follow_the_tasks() -> None:
    assert len(set(ALL)) == len(ALL)
    assert {f"layers_by_language_{task}" for task in TRANSFER} < set(ALL)
    assert {f"transfer_{task}" for task in TRANSFER} < set(ALL)
    assert not {"transfer_bpc", "layers_by_language_alignment", "transfer_alignment"} & set(ALL)
    assert figure_names(["bpc"], []) == [
        *("curves", "curves_by_language", "learned", "correlates", "losses"),
    ]
    assert not {"asymmetry", "layers_across", "alignment"} & set(figure_names(PROBES, []))
    assert "learned" not in figure_names(["alignment"], [])


def test_every_figure_names_its_tables_section_and_caption() -> None:
    for name in ALL:
        assert set(figure_tables(name)) <= {
            *("scores", "summary", "losses", "movement", "asymmetry", "best_sources"),
            "correlates",
        }
        section, caption = placed(name)
        assert section != "more"
        assert caption.endswith(".")
        assert "{" not in caption
    assert figure_tables("transfer_layers_pos") == ["summary"]
    assert figure_tables("transfer_pos") == ["summary", "best_sources"]
    assert "Arc prediction" in placed("transfer_curves_arc_prediction")[1]


def test_names_are_known_without_pandas_and_matplotlib() -> None:
    script = (
        "import sys; from chronoglot.figures.catalogue import figure_names;"
        "figure_names(['pos'], ['pos']);"
        "assert not {'pandas', 'matplotlib', 'numpy', 'pyarrow'} & set(sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


@pytest.mark.parametrize("figure", EACH)
def test_figure_is_drawn_from_its_tables_alone(figure: str, few: Tables, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    for name in figure_tables(figure):
        (own / f"{name}.parquet").symlink_to(few.folder / f"{name}.parquet")
    draw(figure, Tables(own), LANGUAGES, tmp_path / "a.png")
    assert imread(tmp_path / "a.png")[..., :3].std() > 0.03
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "a.png", "own"]


def test_bytes_depend_neither_on_the_hash_seed_nor_on_user_settings(
    few: Tables, tmp_path: Path
) -> None:
    script = (
        "import sys; from pathlib import Path;"
        "from chronoglot.figures.catalogue import Tables, draw;"
        "[draw(name, Tables(Path(sys.argv[1])), {}, Path(sys.argv[2]) / f'{name}.png')"
        " for name in ('last_layer', 'transfer_pos')]"
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
        command = [sys.executable, "-c", script, str(few.folder), str(folder)]
        subprocess.run(command, env=environment, check=True)
        parts = [path.read_bytes() for path in sorted(folder.glob("*.p[nd]*"))]
        found.append([hashlib.sha256(part).hexdigest() for part in parts])
    assert len(found[0]) == 4
    assert found[0] == found[1]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("task", ["pos", "bpc", "alignment"])
def test_one_task_one_step_one_layer(task: str, tmp_path: Path) -> None:
    scores = {
        "pos": made_up_scores(["de"], [0], layers=0, tasks=["pos"]),
        "bpc": made_up_bpc(["de"], [0]),
        "alignment": made_up_alignment([("de", "fi")], [700], layers=0),
    }[task]
    tables = write(tmp_path / "tables", scores)
    for figure in figure_names([task], []):
        draw(figure, tables, LANGUAGES, tmp_path / f"{figure}.png")
        assert (tmp_path / f"{figure}.pdf").exists()


@pytest.mark.filterwarnings("error")
def test_two_steps_without_the_untrained_model(tmp_path: Path) -> None:
    scores = study(["de", "fi"], [700, 1_500_000], layers=1)
    tables = write(tmp_path / "tables", scores[scores["task"].isin(["bpc", "pos"])])
    for figure in ("curves", "layers", "movement", "asymmetry"):
        draw(figure, tables, LANGUAGES, tmp_path / f"{figure}.png")


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_six_languages_and_all_tasks(tmp_path: Path) -> None:
    tables = write(tmp_path / "tables", study(list(SIX)))
    for figure in ALL:
        draw(figure, tables, SIX, tmp_path / f"{figure}.png")
        assert imread(tmp_path / f"{figure}.png")[..., :3].std() > 0.03


@pytest.mark.slow
@pytest.mark.filterwarnings("error")
def test_44_languages_39_steps_13_layers_18_by_18_pairs(tmp_path: Path) -> None:
    codes = [f"l{number:02}" for number in range(44)]
    steps = [0, *range(5_000, 50_001, 5_000), *range(100_000, 1_500_000, 50_000)]
    languages = {code: (code, "Latin", f"family {int(code[1:]) // 4}") for code in codes}
    scores = pd.concat(
        [
            made_up_scores(codes, steps, 12, ["pos"]),
            made_up_transfer(codes[:18], codes[:18], steps, 12, ["pos"]),
            made_up_alignment([(codes[0], code) for code in codes[1:19]], steps, 12),
        ]
    )
    tables = write(tmp_path / "tables", scores)
    for figure in figure_names(["pos", "alignment"], ["pos"]):
        draw(figure, tables, languages, tmp_path / f"{figure}.png")
        assert imread(tmp_path / f"{figure}.png")[..., :3].std() > 0.03


@pytest.mark.filterwarnings("error")
def test_a_language_that_learned_nothing_and_one_without_scores(tmp_path: Path) -> None:
    scores = study(list(LANGUAGES))
    scores = scores[(scores["target"] != "x") | (scores["task"] != "arc_prediction")]
    flat = (scores["target"] == "fi") & (scores["task"] == "arc_prediction")
    scores = scores.assign(
        score=scores["score"].where(~flat, 0.5), score_dev=scores["score_dev"].where(~flat, 0.5)
    )
    tables = write(tmp_path / "tables", scores)
    for figure in ("learned", "transfer_arc_prediction"):
        draw(figure, tables, LANGUAGES, tmp_path / f"{figure}.png")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("figure", ["asymmetry", "transfer_xnli"])
def test_one_source_alone(figure: str, tmp_path: Path) -> None:
    scores = made_up_transfer(["de"], list(LANGUAGES), STEPS, 1, ["xnli"])
    tables = write(tmp_path / "tables", scores)
    draw(figure, tables, LANGUAGES, tmp_path / "figure.png")


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


def curve(axes: Axes, number: int = 0) -> Any:
    """The heights of a panel's full curves."""
    curves = [line for line in axes.lines if np.size(line.get_xdata()) == len(STEPS)]
    return np.asarray(curves[number].get_ydata())


def test_lines_of_the_curves_are_the_best_layers_scores(
    few: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, summary = few.scores, few.summary
    axes = panels_drawn("curves", monkeypatch, few, tmp_path / "f.png")
    assert [panel.get_title(loc="left") for panel in axes] == [
        *("Bits per character", "Part of speech", "Arc prediction"),
    ]
    assert [panel.get_ylabel() for panel in axes[:3]] == [
        *("bits per character", "accuracy of the best layer (%)", ""),
    ]
    own = scores[scores["source"] == scores["target"]]
    for number, code in enumerate(["de", "fi", "x"]):
        rows = own[(own["task"] == "pos") & (own["target"] == code)]
        best = rows.loc[rows.groupby("step")["score_dev"].idxmax(), "score"]
        np.testing.assert_allclose(curve(axes[1], number), 100 * best)
        bits = own[(own["task"] == "bpc") & (own["target"] == code)]
        np.testing.assert_allclose(curve(axes[0], number), bits["score"])
    # The full circles: the corrected learned steps of the summary.
    chosen = summary[(summary["layer"] == "best") & (summary["task"] == "pos")]
    chosen = chosen[chosen["source"] == chosen["target"]]
    learned = chosen.set_index("target")["learned_step_corrected"].reindex(list(LANGUAGES))
    marks = [
        np.asarray(line.get_xdata())[0]
        for line in axes[1].lines
        if line.get_marker() == "o" and line.get_markeredgecolor() == "white"
    ]
    np.testing.assert_allclose(10 ** np.array(marks), learned.astype(float))


@pytest.mark.parametrize("figure", ["layers", "layers_across"])
def test_heat_map_cells_are_means_over_languages(
    figure: str, few: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = few.scores[few.scores["task"] == "pos"]
    across = scores["source"] != scores["target"]
    scores = scores[across if figure == "layers_across" else ~across]
    panel = panels_drawn(figure, monkeypatch, few, tmp_path / "f.png")[0]
    cells = np.hstack(
        [np.reshape(np.asarray(mesh.get_array()), (3, -1)) for mesh in panel.collections]
    )
    expected = [
        [
            100 * scores[(scores["layer"] == layer) & (scores["step"] == step)]["score"].mean()
            for step in STEPS
        ]
        for layer in range(3)
    ]
    np.testing.assert_allclose(cells, expected)


def cells_of(axes: Axes) -> Any:
    """The numbers that a matrix's colours stand for."""
    return np.ma.filled(np.ma.asarray(axes.collections[0].get_array()), np.nan)


def test_matrices_have_the_source_in_rows_and_the_target_in_columns(
    few: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = few.summary[(few.summary["task"] == "pos") & (few.summary["layer"] == "best")]
    score, step, lost = panels_drawn("transfer_pos", monkeypatch, few, tmp_path / "f.png")[:3]
    for axes in (score, step):
        assert [label.get_text() for label in axes.get_xticklabels()] == list(LANGUAGES)
    for axes, column in (
        (score, "best"),
        (step, "learned_step_corrected"),
        (lost, "forgetting_corrected"),
    ):
        expected = summary.pivot(index="source", columns="target", values=column)
        numbers = expected.loc[list(LANGUAGES), list(LANGUAGES)].to_numpy(float)
        np.testing.assert_allclose(
            cells_of(axes), np.log10(numbers) if axes is step else 100 * numbers
        )
    # A dot in the row of each target's best source.
    (dots,) = [line for line in score.lines if line.get_marker() == "o"]
    codes = np.array(list(LANGUAGES))
    places = np.asarray(dots.get_xydata()).astype(int)
    across = summary[summary["source"] != summary["target"]]
    best = across.loc[across.groupby("target")["best"].idxmax()].set_index("target")["source"]
    assert dict(zip(codes[places[:, 0]], codes[places[:, 1]], strict=True)) == best.to_dict()


def test_a_target_that_is_no_source_has_no_row_and_a_missing_cell_no_colour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = pd.concat(
        [
            made_up_scores(list(LANGUAGES), STEPS, 1, ["pos"]),
            made_up_transfer(["de", "fi"], list(LANGUAGES), STEPS, 1, ["pos"]),
        ]
    )
    scores = scores[(scores["source"] != "fi") | (scores["target"] != "x")]
    tables = write(tmp_path / "tables", scores)
    axes = panels_drawn("transfer_pos", monkeypatch, tables, tmp_path / "f.png")[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["de", "fi"]
    assert np.isnan(cells_of(axes)).tolist() == [[False, False, False], [False, False, True]]


def test_points_of_asymmetry_are_both_directions(
    few: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = few.asymmetry
    pairs = pairs[(pairs["task"] == "pos") & (pairs["layer"] == "best")]
    axes = panels_drawn("asymmetry", monkeypatch, few, tmp_path / "f.png")
    points = np.asarray(axes[0].collections[0].get_offsets())
    expected = 100 * pairs[["best_ab", "best_ba"]].to_numpy(float)
    np.testing.assert_allclose(sorted(points.tolist()), sorted(expected.tolist()))
    named = {text.get_text() for text in axes[0].texts}
    farthest = (pairs["best_ab"] - pairs["best_ba"]).abs().argmax()
    assert f"{pairs['a'].iloc[farthest]}–{pairs['b'].iloc[farthest]}" in named


def test_strong_correlations_are_starred_where_p_is_small(
    tmp_path: Path, few: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    correlates = few.correlates.assign(spearman=0.5, p_value=0.2)
    chosen = correlates["property"].eq("fertility") & correlates["task"].eq("pos")
    correlates.loc[chosen & correlates["measure"].eq("best"), ["spearman", "p_value"]] = -0.7, 0.01
    correlates.to_parquet(tmp_path / "correlates.parquet")
    axes = panels_drawn("correlates", monkeypatch, Tables(tmp_path), tmp_path / "f.png")[0]
    starred = [text.get_text() for text in axes.texts if "*" in text.get_text()]
    assert starred == ["−0.70*"]


def test_languages_learned_early_are_on_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = made_up_scores(list(LANGUAGES), STEPS, layers=2)
    summary = summarise(scores)
    late_steps = summary["target"].map({"de": 1000, "fi": 10})
    summary["learned_step_corrected"] = late_steps.astype("Int64")
    tables = Tables(write_tables(tmp_path / "tables", scores, summary))
    axes = panels_drawn("learned", monkeypatch, tables, tmp_path / "f.png")
    from_top = [label.get_text() for label in axes[0].get_yticklabels()][::-1]
    assert from_top == ["Finnish", "German", r"Price in \$ or \$"]


def test_an_unknown_figure_is_refused(few: Tables, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="layers_by_night"):
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
    # By family, then script, then code.
    order = in_language_order(SIX, SIX)
    assert order == ["de", "en", "ru", "cs", "fi", "x"]
    assert families(order, SIX) == [
        *(("Germanic", 0, 2), ("Slavic", 2, 4), ("Uralic", 4, 5), ("none", 5, 6)),
    ]


def test_units() -> None:
    assert [shown(task).label for task in ("bpc", "pos", "alignment", "new_task")] == [
        *("bits per character", "accuracy (%)", "F1 (%)", "accuracy (%)"),
    ]
    assert [shown(task).factor for task in ("bpc", "xnli")] == [1, 100]
