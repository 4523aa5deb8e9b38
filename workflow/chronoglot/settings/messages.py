"""What is wrong with a setting, in words for people: pydantic's are for programmers."""

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

Context = Mapping[str, Any]

# What pydantic puts between the keys: of a mapping's own keys, and of the forms of a value.
_MARKS = ("[key]", "[pattern]", "[map]")

# Kind of pydantic's error → what a setting should be. Kinds that are not here have messages of
# this project's own.
_EXPECTED: dict[str, Callable[[Context], str]] = {
    "int_type": lambda _: "give a whole number",
    "int_parsing_size": lambda _: "give a smaller number",
    "float_type": lambda _: "give a number",
    "finite_number": lambda _: "give a finite number",
    "bool_type": lambda _: "give true or false",
    "string_type": lambda _: "give text",
    "list_type": lambda _: "give a list, as [a, b]",
    "tuple_type": lambda _: "give a list, as [a, b]",
    "dict_type": lambda _: "give keys and values, as {key: value}",
    "model_type": lambda _: "give keys and values, as {key: value}",
    "model_attributes_type": lambda _: "give keys and values, as {key: value}",
    "invalid_key": lambda _: "unknown key; keys are words",
    "literal_error": lambda context: f"give {context['expected']}",
    "greater_than": lambda context: f"give a number greater than {context['gt']:,}",
    "greater_than_equal": lambda context: f"give a number from {context['ge']:,} on",
    "less_than": lambda context: f"give a number less than {context['lt']:,}",
    "less_than_equal": lambda context: f"give {context['le']:,} at most",
    "too_short": lambda context: f"too few; give {context['min_length']} at least",
    "too_long": lambda context: f"too many; give {context['max_length']}",
    "string_too_long": lambda context: f"too long; give {context['max_length']} characters at most",
    "string_pattern_mismatch": lambda context: f"write it as {_PATTERNS[context['pattern']]}",
}
_PATTERNS: dict[str, str] = {}


def name_pattern(pattern: str, words: str) -> str:
    """The pattern; where a setting does not match it, the message says these words."""
    _PATTERNS[pattern] = words
    return pattern


def keys_of(location: tuple[int | str, ...]) -> list[str]:
    """The keys that lead to a wrong setting."""
    return [part for part in map(str, location) if part not in _MARKS]


def explain(kind: str, context: Context, message: str, given: Any) -> str:
    """What is wrong and what was given, of pydantic's error of some kind."""
    if kind == "value_error":  # what the project's own checks say, the value with it
        return re.sub(r"^Value error, ", "", message)
    expected = _EXPECTED[kind](context) if kind in _EXPECTED else message
    if kind == "string_type" and _looks_like_text(given):
        expected = f"YAML reads this as {_kind_of(given)}; put it in quotes"
        expected += ', as "no"' if isinstance(given, bool) else ""
    if kind in ("int_type", "float_type") and _number(given) is not None:
        expected += ", without quotes" + ("" if kind == "float_type" else " or exponent")
    return f"{expected} (given: {shown(given)})"


def shown(given: Any) -> str:
    """A value, as far as it is short."""
    if isinstance(given, Mapping):
        return "keys and values" if given else "nothing but {}"
    if isinstance(given, list | tuple):
        return f"a list of {len(given)}"
    if given is None or isinstance(given, bool):
        return {None: "null", True: "true", False: "false"}[given]
    if isinstance(given, str | float):
        text = repr(given)
    elif isinstance(given, int) and abs(given) >= 10**40:  # Python refuses to write the longest
        return "a huge number"
    else:
        text = str(given)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _looks_like_text(given: Any) -> bool:
    return isinstance(given, bool | int | float | datetime.date)


def _kind_of(given: Any) -> str:
    if isinstance(given, bool):
        return "true or false"
    return "a number" if isinstance(given, int | float) else "a date"


def _number(given: Any) -> float | None:
    try:
        return float(given) if isinstance(given, str) else None
    except ValueError:
        return None
