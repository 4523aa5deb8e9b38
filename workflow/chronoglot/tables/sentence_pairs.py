"""The pair table: the one form in which labelled sentence pairs reach the encoder and the probes.

One row per pair, ordered by split (train, dev, test), then as in the files. Row i of a layer's
vectors belongs to row i of the table.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

LABELS = ("entailment", "neutral", "contradiction")

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("split", "pair_id", "premise", "hypothesis", "label")]
)


@dataclass(frozen=True)
class Pairs:
    """Sentence pairs; every array has one entry a pair.

    `pair_id` names a pair within its split; `label` is what the premise makes of the hypothesis,
    one of `LABELS`.
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
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a readable pair table ({error}); delete the file and run again"
        ) from error
    if table.schema.names != SCHEMA.names:
        raise UserError(f"{path}: not a pair table: its columns are {table.schema.names}")
    columns = {name: table[name].to_numpy() for name in SCHEMA.names}
    return Pairs(**columns | {"split": columns["split"].astype("U5")})


def write_pairs(pairs: Pairs, path: str | Path) -> None:
    """Write a pair table as Parquet."""
    arrays = [pa.array(getattr(pairs, field.name)).cast(field.type) for field in SCHEMA]
    with whole(path) as temporary:
        pq.write_table(pa.table(arrays, schema=SCHEMA), temporary)
