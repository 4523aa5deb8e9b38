"""The gold link table: tokenized sentence pairs and the links between their words."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from chronoglot.tables.parquet import read_table, write_table

_LINKS = pa.list_(pa.list_(pa.int32(), 2))
SCHEMA = pa.schema(
    [
        ("source", pa.list_(pa.string())),
        ("target", pa.list_(pa.string())),
        ("source_space_before", pa.list_(pa.bool_())),
        ("target_space_before", pa.list_(pa.bool_())),
        ("sure", _LINKS),
        ("possible", _LINKS),
        ("source_judged", pa.list_(pa.int32())),
        ("target_judged", pa.list_(pa.int32())),
    ]
)

Link = tuple[int, int]


@dataclass(frozen=True)
class Translation:
    """A sentence, its translation and the gold links between their tokens, counted from 0.

    `…_space_before` says of each token whether running text has a space before it. `possible`
    holds every sure link too; both are sorted. `…_judged` are the tokens that the annotators
    looked at, None if they looked at all: a link with a token that is not judged is neither right
    nor wrong.
    """

    source: tuple[str, ...]
    target: tuple[str, ...]
    source_space_before: tuple[bool, ...]
    target_space_before: tuple[bool, ...]
    sure: tuple[Link, ...]
    possible: tuple[Link, ...]
    source_judged: tuple[int, ...] | None = None
    target_judged: tuple[int, ...] | None = None


@dataclass(frozen=True)
class GoldLinks:
    """Sentence pairs of two languages, in the order of the gold files."""

    translations: tuple[Translation, ...]

    def __len__(self) -> int:
        return len(self.translations)


def read_gold_links(path: str | Path) -> GoldLinks:
    """Read a gold link table; raises UserError if the file is damaged or has other columns."""
    table = read_table(path, SCHEMA, "gold link")
    columns = [[_tuples(row) for row in column.to_pylist()] for column in table.columns]
    return GoldLinks(tuple(Translation(*row) for row in zip(*columns, strict=True)))


def _tuples(value: object) -> object:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def write_gold_links(links: GoldLinks, path: str | Path) -> None:
    """Write a gold link table, a row a sentence pair."""
    columns = {name: [getattr(pair, name) for pair in links.translations] for name in SCHEMA.names}
    write_table(pa.Table.from_pydict(columns, schema=SCHEMA), path)
