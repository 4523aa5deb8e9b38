"""The losses of a run: recorded and reported while it trains, and the table of all."""

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

if TYPE_CHECKING:
    from chronoglot.pretraining.train import Training

# One row: step, split ("train" or "valid"), language ("all" for train), bits per masked token.
Row = tuple[int, str, str, float]
SCHEMA = pa.schema(
    [
        ("step", pa.int32()),
        ("split", pa.string()),
        ("language", pa.string()),
        ("loss", pa.float64()),
    ]
)


class Log:
    """The losses of a run, and the lines that tell how far it is.

    `notes` is what another log's `notes()` gave when the run was at this step, or nothing.
    """

    def __init__(self, training: "Training", last: int, notes: dict[str, Any]) -> None:
        self.training = training
        self.last = last
        self.rows: list[Row] = [tuple(row) for row in notes.get("rows", [])]
        self._bits = notes.get("bits", 0.0)  # since the last row
        self._masked = notes.get("masked", 0)
        self._tokens = 0  # since the last line
        self._step = training.step
        self._time = time.monotonic()
        print(f"from step {training.step} to {last}", flush=True)

    def notes(self) -> dict[str, Any]:
        """All that a restarted run's log needs, as plain values."""
        return {"rows": self.rows, "bits": self._bits, "masked": self._masked}

    def update(self) -> None:
        """Take up an update; at the end of an interval, add its loss and print a line."""
        training = self.training
        self._bits += training.bits
        self._masked += training.masked
        self._tokens += training.tokens
        if training.step % training.recipe.log_every:
            return
        loss = self._bits / max(self._masked, 1)
        self.rows.append((training.step, "train", "all", loss))
        now = time.monotonic()
        seconds = now - self._time
        left = (self.last - training.step) * seconds / (training.step - self._step)
        print(
            f"step {training.step}/{self.last}  loss {loss:.3f} bits  "
            f"{self._tokens / seconds:,.0f} tokens/s  "
            f"learning rate {training.learning_rate:.3g}  {timedelta(seconds=round(left))} left",
            flush=True,
        )
        self._bits, self._masked, self._tokens = 0.0, 0, 0
        self._time, self._step = now, training.step

    def validate(self) -> None:
        """Add the losses on held-out text and print them."""
        losses = self.training.validate()
        step = self.training.step
        self.rows += [(step, "valid", language, loss) for language, loss in losses.items()]
        shown = "  ".join(f"{language} {loss:.3f}" for language, loss in losses.items())
        print(f"step {step}  held-out bits per masked token: {shown}", flush=True)


def write_losses(rows: Iterable[Row], path: Path) -> None:
    """Write a segment's losses as Parquet, in the order they came."""
    columns = list(zip(*rows, strict=True)) or [()] * len(SCHEMA)
    pq.write_table(pa.table(dict(zip(SCHEMA.names, columns, strict=True)), SCHEMA), path)


def collect_losses(segments: Sequence[Path], run: str, parquet: Path, csv: Path) -> None:
    """Join the losses of a run's segments, given in order, into one table, written twice.

    Columns: run, step, split, language, loss (bits per masked token). Raises UserError where a
    segment has no losses.
    """
    tables = []
    for segment in segments:
        if not (path := segment / "losses.parquet").is_file():
            raise UserError(f"{path}: missing; pretrain the segment again")
        tables.append(pq.read_table(path, schema=SCHEMA))
    table = pa.concat_tables(tables)
    table = table.add_column(0, "run", pa.repeat(pa.scalar(run), len(table)))
    with whole(parquet) as temporary:
        pq.write_table(table, temporary)
    with whole(csv) as temporary:
        pa.csv.write_csv(table, temporary)
