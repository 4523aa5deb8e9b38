"""Settings as they are read from files: checked, with messages that name keys and lines."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import GenericAlias
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from chronoglot.errors import UserError
from chronoglot.settings import Settings, nearest


def refuse_duplicate_keys(files: Iterable[str | Path]) -> None:
    """Raise UserError if a key stands twice in a mapping, where YAML lets the last one win."""
    for file in files:
        with Path(file).open(encoding="utf-8") as stream:
            document = yaml.compose(stream, Loader=yaml.SafeLoader)
        for first, second in _duplicates(document):
            raise UserError(
                f"{file}, line {second.start_mark.line + 1}: key {second.value!r} stands twice, "
                f"first in line {first.start_mark.line + 1}; remove or rename one"
            )


def _duplicates(node: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if key.value in seen:
                yield seen[key.value], key
            seen[key.value] = key
            yield from _duplicates(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _duplicates(value)


def read_yaml(path: Path) -> dict[str, Any]:
    """What a file of settings holds; raises UserError if it cannot be read."""
    try:
        refuse_duplicate_keys([path])
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        raise UserError(f"{path}: not readable settings ({error})") from None


def check(config: Mapping[str, Any], source: str) -> Settings:
    """Settings from what was read from `source`; raises UserError naming each wrong key."""
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        lines = [_describe(e) for e in error.errors()]
        raise UserError(f"{source}:\n" + "\n".join(f"  {line}" for line in lines)) from None


def _describe(error: Any) -> str:
    # What pydantic puts between the keys: of a mapping's own keys, and of the forms of a value.
    path = [part for part in map(str, error["loc"]) if part not in ("[key]", "[pattern]", "[map]")]
    where = ".".join(path)
    if error["type"] == "extra_forbidden":
        known = list(_section(path[:-1]).model_fields)
        return f"{where}: unknown key{nearest(path[-1], known)}"
    if error["type"] == "missing":
        return f"{where}: missing; {_section(path[:-1]).model_fields[path[-1]].description}"
    message = re.sub(r"^Value error, ", "", error["msg"])
    given = error["input"]
    if isinstance(given, bool) and error["type"] == "string_type":
        message = 'YAML reads this as true or false; put it in quotes, as "no"'
    short = isinstance(given, str | int | float) and error["type"] != "value_error"
    return f"{where or 'settings'}: {message}" + (f" (given: {given!r})" if short else "")


def _section(path: list[str]) -> type[BaseModel]:
    """The section that a path of keys leads to."""
    section: type[BaseModel] = Settings
    skip = False
    for part in path:
        if skip:  # a language's code, between `languages` and its section
            skip = False
            continue
        annotation = section.model_fields[part].annotation
        skip = isinstance(annotation, GenericAlias) and annotation.__origin__ is dict
        candidates = [annotation, *get_args(annotation)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return section
