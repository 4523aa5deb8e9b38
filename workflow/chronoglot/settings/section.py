"""What all sections of the settings share: strictness, and kinds of numbers and of lists."""

import re
from typing import Annotated, Any, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    Strict,
    ValidationInfo,
    field_validator,
)

LARGEST = 2**31 - 1
"""Of whole numbers: what fairseq, NumPy and torch all take, as a seed with epochs added too."""

_WITH_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


class Section(BaseModel):
    """A part of the settings; keys that it does not know are errors, and so are other types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _with_exponent(cls, value: Any, info: ValidationInfo) -> Any:
        """Numbers that YAML reads as text: it knows 1.0e-3 alone, people write 1e-3."""
        if not _is_number(cls.model_fields[str(info.field_name)].annotation):
            return value
        if isinstance(value, list):
            return [_number(item) for item in value]
        return _number(value)


def _is_number(annotation: Any) -> bool:
    """Whether a setting is a number, or a list of them."""
    return annotation is float or any(map(_is_number, get_args(annotation)))


def _number(value: Any) -> Any:
    return float(value) if isinstance(value, str) and _WITH_EXPONENT.fullmatch(value) else value


def _distinct(items: list[Any]) -> list[Any]:
    """What stands twice would be made twice under one name."""
    for place, item in enumerate(items):
        if item in items[:place]:
            raise ValueError(f"{item} stands twice; list it once")
    return items


def _shares(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    if abs(sum(shares) - 1) > 1e-9 or min(shares) <= 0:
        raise ValueError(f"shares of train, dev and test are positive and sum to 1, not {shares}")
    return shares


def _path(filled_in: str = "") -> AfterValidator:
    """What a path must be to stand in rules and commands; the placeholder is `filled_in` before."""

    def usable(path: str) -> str:
        if set("{}") & set(path.replace(filled_in, "")):
            raise ValueError(
                f"{path!r}: Snakemake reads what is in braces as a wildcard; rename it"
            )
        if path.startswith("-"):
            raise ValueError(f"{path!r}: a command reads it as an option; write its whole path")
        if path.startswith("~"):
            raise ValueError(f"{path!r}: `~` is not expanded; write its whole path")
        return path

    return AfterValidator(usable)


Distinct = AfterValidator(_distinct)
Positive = Annotated[int, Field(gt=0, le=LARGEST)]
Amount = Annotated[int, Field(gt=0, le=10**15)]  # of text
Layers = Annotated[int, Field(gt=0, le=1_000)]  # a plan has a file of each
NotNegative = Annotated[int, Field(ge=0, le=LARGEST)]
# The schema marks what is a path, for editors and tests.
_IS_PATH = Field(json_schema_extra={"format": "path"})
PathName = Annotated[str, _path(), _IS_PATH]
PathOfLanguage = Annotated[str, _path("{language}"), _IS_PATH]
PathOfStep = Annotated[str, _path("{step}"), _IS_PATH]
# YAML has lists where Python has tuples.
Shares = Annotated[tuple[float, float, float], Strict(False), AfterValidator(_shares)]
