"""Tables as files: Parquet, with the columns of a schema and no others."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole


def read_table(path: str | Path, schema: pa.Schema, kind: str) -> pa.Table:
    """Read a table of a kind; raises UserError if the file is damaged or has other columns."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise UserError(
            f"{path}: not a readable {kind} table ({error}); delete the file and run again"
        ) from error
    if table.schema.names != schema.names:
        raise UserError(f"{path}: not a {kind} table: its columns are {table.schema.names}")
    return table


def read_columns(path: str | Path, schema: pa.Schema, kind: str) -> dict[str, NDArray]:
    """The columns of such a table by name, the splits as strings of NumPy's own."""
    table = read_table(path, schema, kind)
    columns = {name: table[name].to_numpy() for name in schema.names}
    return columns | {"split": columns["split"].astype("U5")}


def write_columns(columns: object, schema: pa.Schema, path: str | Path) -> None:
    """Write what has an array for each column of a schema, as an attribute of its name."""
    arrays = [pa.array(getattr(columns, field.name)).cast(field.type) for field in schema]
    write_table(pa.table(arrays, schema=schema), path)


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write a table, whole or not at all."""
    with whole(path) as temporary:
        pq.write_table(table, temporary)
