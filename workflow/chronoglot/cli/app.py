"""The application that the stages' commands register with."""

import json
from typing import Any, TypeVar

import typer
from pydantic import BaseModel, ValidationError

from chronoglot.runtime.errors import UserError

Model = TypeVar("Model", bound=BaseModel)

app = typer.Typer(
    help="The steps of the Chronoglot workflow; Snakemake calls them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def names(value: str) -> list[str]:
    """The parts of a comma-separated option."""
    return value.split(",")


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
