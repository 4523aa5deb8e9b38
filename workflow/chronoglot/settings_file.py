"""Settings files: what YAML lets pass in silence and a user would want to hear of."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import yaml

from chronoglot.errors import UserError


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
