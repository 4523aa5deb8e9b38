"""The report: complete, self-contained, safe against hostile names, honest about weak results."""

import base64
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import yaml
from chronoglot.analysis.learning import summarise
from chronoglot.figures.catalogue import Tables, placed
from chronoglot.report.numbers import amount, count, duration, enumerate_words, percent
from chronoglot.report.page import write_report
from chronoglot.report.timing import read_timings, rule_of
from chronoglot.report.versions import versions
from chronoglot.runtime.errors import UserError
from synthetic_tables import (
    made_up_alignment,
    made_up_bpc,
    made_up_scores,
    made_up_transfer,
    write_tables,
)

STEPS = [0, 10, 100, 1000]
EVIL = '<script>alert("x")</script> & <b>co</b>'
LANGUAGES = {
    "de": ("German", "Latin", "Germanic"),
    "fi": ("Finnish", "Latin", "Uralic"),
    "ev": (EVIL, "Latin", "none"),
}
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Page(HTMLParser):
    """Elements, links, text and table rows of a page; fails on elements that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.text: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("src", "href", "srcset")]
        self.ids += [value or "" for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        if "tr" in self.open and ("td" in self.open or "th" in self.open):
            self.rows[-1][-1] += data

    @property
    def all_text(self) -> str:
        return " ".join(" ".join(self.text).split())


Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(scores: pd.DataFrame | None = None, **changed: Any) -> str:
        if scores is None:
            scores = made_up_scores(list(LANGUAGES), STEPS, layers=2)
        figures = []
        for name in ("curves", "layers_by_language_pos", "losses", "correlates", "new_figure"):
            figures.append(tmp_path / f"{name}.png")
            matplotlib.image.imsave(figures[-1], np.random.default_rng(0).random((8, 9, 3)))
        benchmark = tmp_path / "results/x/benchmarks/probe/step-0/de.tsv"
        benchmark.parent.mkdir(parents=True, exist_ok=True)
        benchmark.write_text("s\th:m:s\tmax_rss\n90.5\t0:01:30\t-\n")
        tables = Tables(write_tables(tmp_path / "tables", scores, summarise(scores)))
        arguments: dict[str, Any] = {
            "title": "A made-up run",
            "tables": tables,
            "figures": figures,
            "settings": {"seed": 7, "words": {"pooling": "mean"}, "name": EVIL},
            "versions": {"torch": "2.13.0"},
            "benchmarks": [benchmark],
            "languages": LANGUAGES,
        }
        write_report(tmp_path / "report.html", **(arguments | changed))
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return write


def test_page_is_self_contained(write: Write) -> None:
    html = write()
    page = Page(html)
    assert all(link.startswith(("data:image/png;base64,", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.elements)
    style = html[html.index("<style>") : html.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_pictures_are_those_of_the_files(write: Write, tmp_path: Path) -> None:
    pictures = [link for link in Page(write()).links if link.startswith("data:")]
    found = sorted(base64.b64decode(picture.split(",")[1]) for picture in pictures)
    assert found == sorted(path.read_bytes() for path in tmp_path.glob("*.png"))


def test_every_language_has_its_row_in_every_task(write: Write) -> None:
    scores = made_up_scores(list(LANGUAGES), STEPS, layers=2)
    summary = summarise(scores)
    rows = Page(write(scores)).rows
    for code, (name, _, _) in LANGUAGES.items():
        for task in ("pos", "arc_prediction", "arc_classification"):
            chosen = (summary["target"] == code) & (summary["task"] == task)
            numbers = summary[chosen & (summary["layer"] == "best")].iloc[0]
            matching = [
                row
                for row in rows
                if row[0].startswith(f"{name}{code}")
                and row[1] == f"{100 * numbers['best']:.1f}"
                and row[2] == f"{numbers['best_step']:,}"
            ]
            assert len(matching) == 1
            cells = matching[0]
            assert cells[4:7] == [
                f"{100 * numbers[key]:.1f}" for key in ("final", "step0", "majority")
            ]
            assert cells[8:10] == [
                f"{numbers[key]:,}" for key in ("learned_step", "learned_step_corrected")
            ]
            assert cells[10:12] == [
                f"{100 * numbers[key]:.1f}" for key in ("forgetting", "forgetting_corrected")
            ]


def test_best_layer_is_that_of_the_best_step(write: Write) -> None:
    scores = made_up_scores(["de"], STEPS, layers=2, tasks=["pos"])
    scores["score_dev"] = np.where(scores["layer"] == np.where(scores["step"] == 100, 2, 1), 1, 0)
    scores["score"] = np.where(scores["step"] == 100, 0.9, 0.2)
    rows = Page(write(scores)).rows
    (row,) = [row for row in rows if row[0].startswith("Germande")]
    assert row[1:4] == ["90.0", "100", "2"]


def test_hostile_names_are_text(write: Write) -> None:
    html = write(title=EVIL, versions={EVIL: EVIL})
    assert "<script" not in html
    assert "<b>co" not in html
    page = Page(html)
    assert page.all_text.count('<script>alert("x")</script>') >= 8


def test_opening_says_what_was_run(write: Write) -> None:
    text = Page(write(parameters=1_230_000)).all_text
    for words in (
        "3 languages (German, Finnish and <script>",
        "4 checkpoints",
        "to step 1,000",
        "2 layers and 1.23 million parameters",
        "part of speech, arc prediction and arc classification",
        "108 probes",
    ):
        assert words in text


def test_settings_are_printed_as_yaml(write: Write) -> None:
    page = Page(write())
    (settings,) = [text for text in page.text if text.startswith("seed: 7")]
    assert yaml.safe_load(settings) == {"seed": 7, "words": {"pooling": "mean"}, "name": EVIL}


def test_time_and_versions_are_printed(write: Write) -> None:
    rows = Page(write()).rows
    assert ["probe", "1", "2 min", "2 min"] in rows
    assert ["torch", "2.13.0"] in rows


def test_the_share_that_makes_a_score_learned_is_printed(write: Write) -> None:
    assert "reaches 95 % of the best score" in Page(write(share=0.95)).all_text


def test_weak_curves_are_marked_and_left_out_of_the_headline(write: Write) -> None:
    scores = made_up_scores(list(LANGUAGES), STEPS, layers=2, tasks=["pos"])
    flat = scores["target"] == "de"
    slight = scores["target"] == "fi"
    scores["score"] = scores["score"].mask(flat, 0.5).mask(slight, 0.5 + (scores["step"] > 0) / 1e3)
    page = Page(write(scores))
    rows = {row[0].split()[0]: row for row in page.rows}
    assert rows["Germande"][0].endswith("not above its baseline")
    assert rows["Germande"][9] == rows["Germande"][11] == "–"
    assert rows["Finnishfi"][0].endswith("gain within sampling error")
    assert "Of 3 curves, 1 is not above its baseline" in page.all_text
    (headline,) = [row for row in page.rows if row[0] == "Part of speech"]
    assert headline[6] == "1 of 3"
    assert headline[7].startswith("<script>")


def test_sound_results_have_no_warning(write: Write) -> None:
    text = Page(write()).all_text
    assert "They are marked in the tables" not in text


def test_transfer_does_not_enter_the_in_language_tables(write: Write) -> None:
    scores = made_up_scores(["de", "fi"], STEPS, layers=2, tasks=["pos"])
    transfer = made_up_scores(["de"], STEPS, layers=2, tasks=["pos"], seed=3).assign(target="fi")
    rows = Page(write(pd.concat([scores, transfer]))).rows
    assert sum(row[0].startswith("Finnishfi") for row in rows) == 1


def test_several_runs_are_told_apart(write: Write) -> None:
    scores = made_up_scores(["de"], STEPS, layers=1, tasks=["pos"])
    page = Page(write(pd.concat([scores, scores.assign(run="second seed")])))
    assert [row[1] for row in page.rows if row[0].startswith("Germande")] == [
        "made-up",
        "second seed",
    ]


def test_the_same_inputs_give_the_same_bytes(write: Write) -> None:
    assert write() == write()


def test_a_new_figure_is_shown_with_its_name() -> None:
    assert placed("new_figure") == ("more", "New figure.")
    section, caption = placed("layers_by_language_arc_prediction")
    assert section == "languages"
    assert "Arc prediction" in caption
    assert {placed(name)[0] for name in ("curves", "curves_by_language")} == {"curves"}


def row_of(page: Page, *start: str) -> list[str]:
    """The one table row whose first cells begin so."""
    (row,) = [
        row
        for row in page.rows
        if len(row) >= len(start)
        and all(cell.startswith(begin) for cell, begin in zip(row, start, strict=False))
    ]
    return row


def test_bits_are_in_bits_without_layer_majority_or_doubt(write: Write) -> None:
    scores = made_up_bpc(["de", "fi"], STEPS)
    scores["score"] = scores["target"].map({"de": 2.0, "fi": 3.0}) + (scores["step"] == 0)
    scores["step0"] = scores["target"].map({"de": 3.0, "fi": 4.0})
    page = Page(write(scores))
    assert row_of(page, "Germande")[1:6] == ["2.00", "10", "2.00", "3.00", "1.00"]
    assert row_of(page, "Bits per character")[1:4] == [
        "bits per character (lower is better)",
        *("2.50", "1.00"),
    ]
    text = page.all_text
    assert "probes in all" not in text
    assert "layers" not in text[: text.index("At a glance")]
    assert "not above" not in text[: text.index("How to read")].replace("not above its b", "", 0)
    for section in ("Across languages", "Word alignment", "Learned and forgotten"):
        assert section not in page.text


def test_alignment_is_shown_by_pair_and_never_doubted(write: Write) -> None:
    pairs = [("de", "fi"), ("de", "ev")]
    scores = made_up_alignment(pairs, STEPS, layers=1)
    scores["score"] = 0.5
    scores["step0"] = 0.5
    page = Page(write(scores))
    assert row_of(page, "German–Finnish")[1:4] == ["50.0", "0", "0"]
    assert row_of(page, "Word alignment")[1] == "F1 (%)"
    assert "Across languages" not in page.text
    assert "They are marked in the tables" not in page.all_text


def test_transfer_has_its_means_and_extreme_pairs(write: Write) -> None:
    codes = list(LANGUAGES)
    scores = pd.concat(
        [
            made_up_scores(codes, STEPS, 1, ["pos"]),
            made_up_transfer(codes, codes, STEPS, 1, ["pos"]),
        ]
    )
    across = scores["source"] != scores["target"]
    trained = scores["step"] > 0
    pair = scores["source"] + scores["target"]
    learned = {"defi": 0.9, "fide": 0.6, "evde": 0.5, "deev": 0.52, "fiev": 0.7, "evfi": 0.71}
    scores["score"] = np.where(across, pair.map(learned), 0.95).astype(float)
    scores["score"] = scores["score"].where(trained, 0.3)
    late = (pair == "defi") & (scores["step"] < 1000)
    scores["score"] = scores["score"].mask(late, 0.3)
    scores["step0"] = 0.3
    scores["unseen"] = scores["unseen"].mask(pair == "evfi", 0.125)
    page = Page(write(scores))
    (row,) = [row for row in page.rows if row[0] == "Part of speech" and " → " in row[4]]
    assert row[1:4] == ["6", "95.0", f"{100 * sum(learned.values()) / 6:.1f}"]
    assert row[4] == "German → Finnish 90.0"
    assert row[5] == f"{EVIL} → German 50.0"
    assert row[6] == "German → Finnish 90.0, back 60.0"
    assert row[7:] == ["1 of 6", "0", "12.5"]
    # Transfer is no part of the in-language tables.
    assert row_of(page, "Germande")[1] == "95.0"


def test_strongest_correlates_come_first_with_their_number_of_tests(
    write: Write, tmp_path: Path
) -> None:
    write()
    folder = (tmp_path / "tables").rename(tmp_path / "other")
    correlates = Tables(folder).correlates.assign(spearman=0.1, p_value=0.5, n=3)
    correlates.loc[7, ["spearman", "p_value"]] = -0.8, 0.0001
    correlates.loc[9, "spearman"] = np.nan
    correlates.to_parquet(folder / "correlates.parquet")
    page = Page(write(tables=Tables(folder)))
    (first, *_) = [row for row in page.rows if row[0] == "in-language"]
    assert first[4:] == ["−0.80", "< 0.001", "3"]
    assert f"of {len(correlates) - 1} correlations" in page.all_text
    assert "Of all, 1 have p below 0.05" in page.all_text


def test_timings_sum_the_jobs_of_a_rule(tmp_path: Path) -> None:
    files = []
    for name, row in {
        "probe/a.tsv": "1.5\t0:00:01\t120.5",
        "probe/deep/b.tsv": "2.5\t0:00:02\tNA",
        "pretrain.tsv": "3600\t1:00:00\t900",
    }.items():
        files.append(tmp_path / "benchmarks" / name)
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_text(f"s\th:m:s\tmax_rss\n{row}\n")
    pretrain, probe = read_timings(files)
    assert (pretrain.rule, pretrain.jobs, pretrain.seconds) == ("pretrain", 1, 3600)
    assert (probe.rule, probe.jobs, probe.seconds, probe.longest) == ("probe", 2, 4, 2.5)


def test_a_benchmark_elsewhere_has_no_rule() -> None:
    assert rule_of(Path("results/benchmarks/x/benchmarks/probe/y.tsv")) == "probe"
    with pytest.raises(UserError, match="benchmarks/"):
        rule_of(Path("results/probe.tsv"))


def test_versions_name_what_is_installed_and_no_place() -> None:
    found = versions()
    assert found["numpy"] == np.__version__
    assert {"chronoglot", "Python", "torch", "snakemake"} <= set(found)
    assert not any("/" in value for value in found.values())


def test_numbers_as_printed() -> None:
    assert [percent(0.87349), percent(float("nan"))] == ["87.3", "–"]
    assert [amount(0.5, "pos"), amount(1.234, "bpc"), amount(0.5, "alignment")] == [
        *("50.0", "1.23", "50.0"),
    ]
    assert percent(-1e-9) == "0.0"
    assert [count(1_500_000), count(None)] == ["1,500,000", "–"]
    assert [duration(seconds) for seconds in (2.34, 42.4, 59.7, 3599, 5025)] == [
        *("2.3 s", "42 s", "1 min", "1 h 0 min", "1 h 24 min"),
    ]
    assert [enumerate_words(words) for words in (["a"], ["a", "b"], "abc")] == [
        *("a", "a and b", "a, b and c"),
    ]


def test_licences_are_listed_and_each_reference_once(write: Write) -> None:
    def row(name: str, licence: str, *references: str) -> dict[str, object]:
        page = f"https://{name}.org"
        return {
            "dataset": name,
            "version": "1.0",
            "licence": licence,
            "page": page,
            "references": list(references),
        }

    rows = [row("one", "MIT", "@misc{one}", "@misc{both}"), row("two", EVIL, "@misc{both}")]
    page = Page(write(licences=rows))
    assert ["one", "1.0", "MIT", "https://one.org"] in page.rows
    assert ["two", "1.0", EVIL, "https://two.org"] in page.rows
    assert page.all_text.count("@misc{one}") == page.all_text.count("@misc{both}") == 1
    assert "What to cite" not in Page(write()).all_text


def test_a_drawn_step_0_is_told(write: Write) -> None:
    assert "drawn here at random" in Page(write(step0_drawn=True)).all_text
    assert "drawn here at random" not in Page(write()).all_text
