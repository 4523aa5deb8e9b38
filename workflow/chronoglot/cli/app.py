"""The application that the stages' commands register with."""

import typer

app = typer.Typer(
    help="The steps of the Chronoglot workflow; Snakemake calls them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def names(value: str) -> list[str]:
    """The parts of a comma-separated option."""
    return value.split(",")
