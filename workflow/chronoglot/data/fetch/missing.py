"""Which files have to be brought where none can be fetched."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from chronoglot.data.fetch.datasets import Dataset


class Needed(NamedTuple):
    """A file of a dataset, of a language where it has one a language, and where it belongs."""

    dataset: Dataset
    path: Path
    language: str | None = None


def missing_files(needed: Iterable[Needed]) -> list[Needed]:
    """Those of the files that are not there, each path once."""
    files = {file.path: file for file in needed}
    return [file for path, file in files.items() if not path.exists()]


def bring(missing: Iterable[Needed]) -> str:
    """What to bring, from where and to where: a line a file."""
    lines = []
    for dataset, path, language in missing:
        size = f" ({dataset.size / 1e6:,.0f} MB)" if dataset.size else ""
        how = "" if dataset.url else ", by hand from this page"
        lines.append(f"  {path}{size} ← {dataset.at(language)}{how}")
    files = "1 file is" if len(lines) == 1 else f"{len(lines)} files are"
    return "\n".join([f"{files} not here; bring from a machine that can reach the source:", *lines])
