"""Settings as they are read from files: checked, with messages that name keys and lines."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import GenericAlias
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from chronoglot.runtime.errors import UserError, nearest
from chronoglot.settings.messages import explain, keys_of
from chronoglot.settings.model import Settings

_NO_TEXT = ("Cc", "Cs", "Zl", "Zp")  # Unicode's controls, halves of characters, ends of lines
_LONGEST = 4096  # characters of a text: of a path on Linux


def refuse_duplicate_keys(files: Iterable[str | Path]) -> None:
    """Raise UserError if a key stands twice in a mapping, where YAML lets the last one win.

    Likewise if a file cannot be read, or is no YAML.
    """
    for file in files:
        try:
            with Path(file).open(encoding="utf-8") as stream:
                document = yaml.compose(stream, Loader=yaml.SafeLoader)
        except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
            raise _unreadable(file, error) from None
        for first, second in _duplicates(document):
            raise UserError(
                f"{file}, line {second.start_mark.line + 1}: key {second.value!r} stands twice, "
                f"first in line {first.start_mark.line + 1}; remove or rename one"
            )


def _duplicates(document: yaml.Node | None) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    pending, met = [document], set()
    while pending:
        node = pending.pop()
        if id(node) in met:  # an anchor's node stands wherever it is used, within itself too
            continue
        met.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: dict[tuple[str, str], yaml.Node] = {}
            for key, value in node.value:
                pending.append(value)
                if isinstance(key, yaml.ScalarNode):
                    earlier = seen.setdefault((key.tag, key.value), key)
                    if earlier is not key:
                        yield earlier, key
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)


def _unreadable(file: str | Path, error: Exception) -> UserError:
    """One line: what, and where YAML says it."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        said = ", ".join(filter(None, (error.context, error.problem)))
        what = f"line {error.problem_mark.line + 1}: {said}"
    elif isinstance(error, OSError):
        what = str(error.strerror)
    elif isinstance(error, UnicodeDecodeError):
        what = "it is no text of UTF-8"
    else:
        what = str(error).splitlines()[0]
    return UserError(f"{file}: not readable settings ({what}); give a YAML file")


def read_yaml(path: Path) -> dict[str, Any]:
    """What a file of settings holds; raises UserError if it cannot be read."""
    refuse_duplicate_keys([path])
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, yaml.YAMLError, RecursionError) as error:
        raise _unreadable(path, error) from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: not readable settings (no keys and values); give a YAML file")
    return found


def check(config: Mapping[str, Any], source: str) -> Settings:
    """Settings from what was read from `source`; raises UserError naming each wrong key."""
    try:
        _refuse_unwritable(config)
        return Settings.model_validate(dict(config))
    except ValidationError as error:
        lines = [_describe(e) for e in error.errors()]
        raise UserError(f"{source}:\n" + "\n".join(f"  {line}" for line in lines)) from None
    except UserError as error:
        raise UserError(f"{source}:\n  {error}") from None


def _refuse_unwritable(config: Mapping[str, Any]) -> None:
    """Raise UserError for a text that is no name of a file and no part of a command.

    Nothing that is in itself is followed: an anchor may be used within what it names.
    """
    pending: list[tuple[str, Any]] = [("", config)]
    met: set[int] = set()
    while pending:
        where, value = pending.pop()
        if isinstance(value, str):
            if len(value) > _LONGEST:
                raise UserError(f"{where}: {len(value):,} characters; give {_LONGEST:,} at most")
            if any(unicodedata.category(character) in _NO_TEXT for character in value):
                raise UserError(f"{where}: {value!r} holds characters that are no text; drop them")
        elif isinstance(value, Mapping | list | tuple) and id(value) not in met:
            met.add(id(value))
            items = value.items() if isinstance(value, Mapping) else enumerate(value)
            for key, item in items:
                below = f"{where}.{key}" if where else str(key)
                pending += [(below[:_LONGEST], item), (where or "settings", key)]


def _describe(error: Any) -> str:
    path = keys_of(error["loc"])
    where = ".".join(path)
    if error["type"] == "extra_forbidden":
        section = _section(path[:-1])
        return f"{where}: unknown key{nearest(path[-1], list(section.model_fields))}"
    if error["type"] == "missing":
        if isinstance(error["loc"][-1], int):  # of a list of fixed length
            return f"{'.'.join(path[:-1])}: too few; number {error['loc'][-1] + 1} is missing"
        return f"{where}: missing; {_section(path[:-1]).model_fields[path[-1]].description}"
    said = explain(error["type"], error.get("ctx", {}), error["msg"], error["input"])
    if isinstance(error["input"], Mapping) and said.partition(": ")[1] and where:
        # A section's own check, which names the key in it; of a mapping there is no other.
        return f"{where}.{said}" if said.split(":")[0].isidentifier() else f"{where}: {said}"
    return f"{where}: {said}" if where else said


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
