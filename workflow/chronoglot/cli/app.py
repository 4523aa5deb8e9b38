"""The application that the stages' commands register with."""

import json
from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from chronoglot import __version__
from chronoglot.runtime.errors import UserError

Model = TypeVar("Model", bound=BaseModel)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"chronoglot {__version__}")
        raise typer.Exit


@app.callback()
def chronoglot(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_say_version, help="and no more")
    ] = False,
) -> None:
    """When a multilingual language model learns what it knows, and what it forgets.

    The workflow itself is run by snakemake.
    """


def names(value: str) -> list[str]:
    """The parts of a comma-separated option."""
    return value.split(",")


def by_code(values: Iterable[str] | None, option: str) -> dict[str, str]:
    """The languages' codes and names of a repeated option; raises UserError if one is neither."""
    found: dict[str, str] = {}
    for value in values or []:
        code, given, name = value.partition("=")
        if not (code and given and name):
            raise UserError(f"--{option}: give a code and a name, as de=…, not {value!r}")
        if found.setdefault(code, name) != name:
            raise UserError(f"--{option}: {code} is given twice, {found[code]} and {name}")
    return found


def integers(value: str, option: str) -> list[int]:
    """The whole numbers of a comma-separated option; raises UserError if it holds another thing."""
    try:
        return [int(name) for name in names(value)]
    except ValueError:
        raise UserError(f"--{option}: give whole numbers, as 0,1,2, not {value!r}") from None


def floats(value: str, option: str) -> list[float]:
    """The numbers of a comma-separated option; raises UserError if it holds another thing."""
    try:
        return [float(name) for name in names(value)]
    except ValueError:
        raise UserError(f"--{option}: give numbers, as 0.1,0.2, not {value!r}") from None


def as_object(value: str, option: str) -> dict[str, Any]:
    """What an option holds as JSON; raises UserError if it is no object."""
    try:
        found = json.loads(value)
    except ValueError as error:
        raise UserError(f"--{option}: not JSON ({error})") from None
    if not isinstance(found, dict):
        raise UserError(f"--{option}: give a JSON object, not {value!r}")
    return found


def as_model(model: type[Model], value: str, option: str) -> Model:
    """What an option holds as JSON; raises UserError if it is not what the model says."""
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise UserError(f"--{option}: {where or 'JSON'}: {first['msg']}") from None
