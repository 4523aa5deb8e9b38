"""What data there is: datasets.csv, a row a version of a dataset, and datasets.bib, what to cite.

Rows are never deleted, so that what a study of some year read can still be named: a newer version
makes the older `superseded`, a source that is no more makes it `gone`. `url` may have {language}
in it; it is empty where a person has to fetch the file from `page`. The checksum of a file is
known only from others who downloaded it, named in `sha256_from`.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from chronoglot.runtime.errors import UserError, most_alike

_FOLDER = Path(__file__).parent
TABLE = _FOLDER / "datasets.csv"
REFERENCES = _FOLDER / "datasets.bib"

_ENTRY = re.compile(r"^@\w+\{([^\s,]+),\n.*?^\}", re.MULTILINE | re.DOTALL)
_README_LICENCE = re.compile(r"^License:[ \t]*(\S.*)$", re.MULTILINE)


def _keys(value: str) -> list[str]:
    return [key.strip() for key in value.split(";") if key.strip()]


class Dataset(BaseModel):
    """A row of the table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9.-]+$")
    title: str = Field(min_length=1)
    version: str = Field(min_length=1)
    status: Literal["current", "superseded", "gone"]
    page: str = Field(pattern="^https?://")
    url: str = Field(pattern="^(https?://.*)?$")
    size: Annotated[int | None, BeforeValidator(lambda size: size or None)] = Field(gt=0)
    sha256: Annotated[str | None, BeforeValidator(lambda digest: digest or None)] = Field(
        pattern="^[0-9a-f]{64}$"
    )
    sha256_from: str
    licence: str = Field(min_length=1)
    citation: Annotated[list[str], BeforeValidator(_keys)] = Field(min_length=1)

    @model_validator(mode="after")
    def _sum_has_source(self) -> "Dataset":
        if (self.sha256 is None) != (not self.sha256_from):
            raise ValueError("sha256 and sha256_from are given together")
        return self

    def at(self, language: str | None = None) -> str:
        """The URL of its file, or of a language's; where there is none, its page."""
        return self.url.replace("{language}", language or "{language}") or self.page


class Licence(NamedTuple):
    """What a report says of a dataset that was used; `references` are what to cite, BibTeX."""

    dataset: str
    version: str
    licence: str
    page: str
    references: list[str]


def read_datasets(table: Path = TABLE) -> list[Dataset]:
    """The rows of a table of datasets; UserError names the row and the column that are wrong."""
    try:
        with table.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{table}: not a readable table of datasets ({error})") from error
    datasets = []
    for number, row in enumerate(rows, 2):
        try:
            datasets.append(Dataset.model_validate(row))
        except ValidationError as error:
            first = error.errors()[0]
            column = ".".join(map(str, first["loc"])) or "its columns"
            raise UserError(f"{table}, line {number}: {column}: {first['msg']}") from error
    return datasets


@cache
def known_datasets(table: Path | None = None) -> dict[str, Dataset]:
    """All datasets by name; those of a further table are added, or replace those of their name."""
    rows = read_datasets() + (read_datasets(table) if table else [])
    return {dataset.name: dataset for dataset in rows}


def find_dataset(name: str, table: Path | None = None) -> Dataset:
    """The dataset of that name, such as `ud-2.15`; UserError, with the nearest, if none is."""
    known = known_datasets(table)
    if name not in known:
        near = most_alike(name, known)[0]
        raise UserError(f"there is no dataset {name}; the nearest known is {near}")
    return known[name]


def read_references(path: Path = REFERENCES) -> dict[str, str]:
    """BibTeX entries by key."""
    text = path.read_text(encoding="utf-8")
    return {match[1]: match[0] for match in _ENTRY.finditer(text)}


def licences(
    names: Iterable[str], treebanks: Iterable[Path] = (), table: Path | None = None
) -> list[Licence]:
    """What holds for the datasets of these names, each once, and for each of the treebank folders.

    A treebank's licence is the one that its README states, as those of UD releases do. What is
    cited of a further `table` without an entry among the references is given as it stands there.
    """
    references = read_references()
    rows = []
    for name in dict.fromkeys(names):
        dataset = find_dataset(name, table)
        rows.append(
            Licence(
                dataset.title,
                dataset.version,
                dataset.licence,
                dataset.page,
                [references.get(key, key) for key in dataset.citation],
            )
        )
    return rows + list(_treebank_licences(treebanks))


def _treebank_licences(folders: Iterable[Path]) -> Iterator[Licence]:
    for folder in folders:
        text = "".join(
            path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("README*")
        )
        stated = _README_LICENCE.search(text)
        page = f"https://github.com/UniversalDependencies/{folder.name}"
        unstated = "not stated in its README; see its page" if folder.is_dir() else "see its page"
        licence = stated[1].strip() if stated else unstated
        yield Licence(folder.name, "", licence, page, [])
