"""The pair table: the one form in which labelled sentence pairs reach the encoder and the probes.

One row per pair, ordered by split (train, dev, test), then as in the files. Row i of a layer's
vectors belongs to row i of the table.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from chronoglot.tables.parquet import read_columns, write_columns

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("split", "pair_id", "premise", "hypothesis", "label")]
)


@dataclass(frozen=True)
class Pairs:
    """Sentence pairs; every array has one entry a pair.

    `pair_id` names a pair within its split; `label` is what the premise makes of the hypothesis,
    one of `values.LABELS`.
    """

    split: NDArray[np.str_]
    pair_id: NDArray[np.object_]
    premise: NDArray[np.object_]
    hypothesis: NDArray[np.object_]
    label: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, split: str) -> NDArray[np.intp]:
        """Row numbers of the pairs of one split."""
        return np.flatnonzero(self.split == split)


def read_pairs(path: str | Path) -> Pairs:
    """Read a pair table; raises UserError if the file is damaged or has other columns."""
    return Pairs(**read_columns(path, SCHEMA, "pair"))


def write_pairs(pairs: Pairs, path: str | Path) -> None:
    """Write a pair table."""
    write_columns(pairs, SCHEMA, path)
