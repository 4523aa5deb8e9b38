"""The tidy tables of an experiment: each as Parquet for programs and as CSV for people."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

SERIES = ["run", "task", "source", "target"]
"""Columns that name a curve over steps, but for its layer."""


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table from Parquet; raises UserError if the file is damaged."""
    try:
        with Path(path).open("rb") as file:  # of a folder, pandas would read all that lies in it
            return pd.read_parquet(file)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a readable table ({error}); delete it and run again"
        ) from error


def write_table(table: pd.DataFrame, parquet: str | Path, csv: str | Path) -> None:
    """Write a table without its index as Parquet and as CSV."""
    with whole(parquet) as temporary:
        table.to_parquet(temporary, index=False)
    with whole(csv) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_named(table: pd.DataFrame, folder: str | Path, name: str) -> None:
    """Write `{name}.parquet` and `{name}.csv` in a folder."""
    write_table(table, Path(folder) / f"{name}.parquet", Path(folder) / f"{name}.csv")


def in_language(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in which a probe is scored on the language it was trained on."""
    return table[table["source"] == table["target"]]


def transfer(table: pd.DataFrame) -> pd.DataFrame:
    """The rows in which a probe is scored on another language than it was trained on."""
    return table[(table["source"] != table["target"]) & (table["task"] != "alignment")]
