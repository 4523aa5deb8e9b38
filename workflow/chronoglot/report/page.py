"""Write the report: one HTML file with everything inside, no script and no link out."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from chronoglot.analysis.doubts import NOT_ABOVE, WITHIN_ERROR
from chronoglot.analysis.tidy import transfer
from chronoglot.figures.catalogue import Tables, placed
from chronoglot.figures.languages import Languages, in_language_order
from chronoglot.report.across import correlate_lines, transfer_lines
from chronoglot.report.content import (
    Cells,
    curve_rows,
    headline,
    name,
    opening,
    task_tables,
    without_transfer,
)
from chronoglot.report.numbers import count, duration
from chronoglot.report.timing import read_timings
from chronoglot.runtime.files import whole

_FOLDER = Path(__file__).parent
_ZOOM = 0.6  # CSS pixels a pixel of a figure: its text is then as large as the page's small print


def _figures(paths: Sequence[Path]) -> dict[str, list[Cells]]:
    """Section → its figures, each with its picture as a data URI, width and caption."""
    sections: dict[str, list[Cells]] = defaultdict(list)
    for path in paths:
        section, caption = placed(path.stem)
        picture = path.read_bytes()
        uri = f"data:image/png;base64,{b64encode(picture).decode('ascii')}"
        width = round(_ZOOM * int.from_bytes(picture[16:20], "big"))  # from the PNG's header
        sections[section].append({"uri": uri, "width": width, "caption": caption})
    return sections


def _language_rows(scores: pd.DataFrame, languages: Languages) -> list[tuple[str, ...]]:
    codes = in_language_order([*scores["source"], *scores["target"]], languages)
    return [
        (code, name(code, languages), *(languages[code][1:] if code in languages else ("", "")))
        for code in codes
    ]


def _final_losses(losses: pd.DataFrame) -> dict[str, str]:
    """Held-out loss of each language at the last checkpoint, as printed."""
    valid = losses[losses["split"] == "valid"]
    final = valid[valid["step"] == valid["step"].max()].groupby("language")["loss"].mean()
    return {str(code): f"{loss:.2f}" for code, loss in final.items()}


def write_report(
    output: Path,
    *,
    title: str,
    tables: Tables,
    figures: Sequence[Path],
    settings: Mapping[str, object],
    versions: Mapping[str, str],
    benchmarks: Sequence[Path],
    languages: Languages,
    parameters: int | None = None,
    licences: Sequence[Mapping[str, Any]] = (),
    step0_drawn: bool = False,
    left_out: Mapping[str, str] | None = None,
    share: float = 0.98,
) -> None:
    """Write the page of one experiment.

    `figures` are PNG files, shown in the given order within their section; of the `tables` those
    of losses and correlates are read only where their figure is among them. `settings` are plain
    values, printed as YAML; `benchmarks` Snakemake's TSV files; `parameters` the model's number of
    parameters, if known; `licences` what holds for the data (rows of
    `chronoglot.data.fetch.datasets.Licence`); `step0_drawn`: the run is from elsewhere and has no
    step 0, so that an untrained model was drawn; `left_out` the checkpoints that were not
    complete, step → why; `share` the one that makes a score learned. The
    same inputs give the same bytes: the page holds no date.
    """
    scores = tables.scores
    rows = curve_rows(scores, tables.summary)
    own = without_transfer(rows)
    drawn = {path.stem for path in figures}
    crossed = len(transfer(rows)) > 0
    timings = read_timings(benchmarks)
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"count": count, "duration": duration}
    page = environment.get_template("report.html.jinja").render(
        title=title,
        css=Markup((_FOLDER / "report.css").read_text(encoding="utf-8")),
        opening=opening(scores, languages, parameters),
        headline=headline(own, languages, int(scores["step"].max())),
        tables=task_tables(own, languages),
        across=transfer_lines(rows, scores, tables.asymmetry, languages) if crossed else [],
        correlates=correlate_lines(tables.correlates) if "correlates" in drawn else None,
        curves=len(own),
        not_above=int((own["doubt"] == NOT_ABOVE).sum()),
        within_error=int((own["doubt"] == WITHIN_ERROR).sum()),
        figures=_figures(figures),
        languages=_language_rows(scores, languages),
        final_losses=_final_losses(tables.losses) if "losses" in drawn else {},
        settings=yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True),
        versions=versions,
        timings=timings,
        licences=licences,
        step0_drawn=step0_drawn,
        left_out=left_out or {},
        share=f"{100 * share:g}",
        total_seconds=sum(timing.seconds for timing in timings),
        total_jobs=sum(timing.jobs for timing in timings),
    )
    with whole(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
