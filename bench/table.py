"""Rows as a table, the same on the terminal and on the page."""

from collections.abc import Sequence

from rich.table import Table

from bench.rows import Row


def heading(rows: Sequence[Row]) -> str:
    """What a case's rows are about."""
    repeats = sorted({row.repeats for row in rows}, reverse=True)
    return f"{rows[0].case}: {rows[0].size}; runs: {' or '.join(map(str, repeats))}"


def cells(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """The head and the body of a case's table; columns in which no row has a number are left out.

    The ratio says how many times as fast the first row's competitor is.
    """
    first = rows[0]
    pace = f"{first.unit} / s" if first.per is None else f"s / {_per(first)}"
    columns: dict[str, list[float | None]] = {
        pace: [_pace(row) for row in rows],
        "s, processor": [row.cpu for row in rows],
        "spread, %": [_spread(row) for row in rows],
        "times as long": [row.ratio for row in rows],
        "memory, MB": [row.memory or None for row in rows],
        "with mapped files": [row.resident or None for row in rows],
        "GPU memory, MB": [row.gpu_memory or None for row in rows],
    }
    times = set(columns)
    for name in dict.fromkeys(name for row in rows for name in row.facts):
        columns[name] = [row.facts.get(name) for row in rows]
    digits = {name: 3 if name in times else 4 for name in columns}
    kept = {name: values for name, values in columns.items() if any(v is not None for v in values)}
    body = [
        [row.competitor, *(number(values[place], digits[name]) for name, values in kept.items())]
        for place, row in enumerate(rows)
    ]
    return ["", *kept], body


def rich_table(rows: Sequence[Row]) -> Table:
    """For the terminal."""
    head, body = cells(rows)
    table = Table(title=heading(rows), title_justify="left")
    for name in head:
        table.add_column(name, justify="right" if name else "left")
    for line in body:
        table.add_row(*line)
    return table


def markdown(rows: Sequence[Row]) -> str:
    """For the page."""
    head, body = cells(rows)
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"{heading(rows)}\n\n{table}\n"


def number(value: float | None, digits: int = 3) -> str:
    """With so many digits but no zeros at the end, and commas in what is large."""
    if value is None:
        return ""
    value = float(value)
    if value != 0 and abs(value) < 1e-4:
        return f"{value:.{digits - 1}e}"
    places = max(0, digits - 1 - _exponent(value))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _exponent(value: float) -> int:
    return int(f"{abs(value):e}".split("e")[1])


def _per(row: Row) -> str:
    return row.unit.removesuffix("s") if row.per == 1 else f"{row.per:,.0f} {row.unit}"


def _pace(row: Row) -> float:
    return row.amount / row.wall if row.per is None else row.wall / row.amount * row.per


def _spread(row: Row) -> float | None:
    """Between the fastest and the slowest run, as a share of the median."""
    if len(row.walls) < 2:
        return None
    return 100 * (max(row.walls) - min(row.walls)) / row.wall
