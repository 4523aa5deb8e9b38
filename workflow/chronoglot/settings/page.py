"""The documentation and the JSON schema of the settings, made from the settings' model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from chronoglot.runtime.files import whole
from chronoglot.settings.model import Settings

_HEAD = """# Settings

One YAML file describes an experiment; `config.yaml` is the default, `--configfile` names another.
Every key is checked before any work, and an unknown one is an error. Keys without a default must
be given. This page is made from the settings' model by `make docs`; `workflow/settings.schema.json`
is the same for editors.

| key | default | meaning |
| --- | --- | --- |
"""


def _section(field: FieldInfo) -> type[BaseModel] | None:
    """The model behind a field, through Optional and dict."""
    pending = [field.annotation]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        pending.extend(get_args(annotation))
    return None


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    return f"`{json.dumps(value)}`"


def _escaped(text: str | None) -> str:
    return (text or "").replace("|", "\\|")


def _rows(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{name}"
        yield f"| `{key}` | {_default(field)} | {_escaped(field.description)} |"
        section = _section(field)
        if section is not None:
            inner = f"{key}.<code>." if name == "languages" else f"{key}."
            yield from _rows(section, inner)


def write_settings_page(output: Path) -> None:
    """Write the table of all settings as Markdown."""
    with whole(output) as temporary:
        temporary.write_text(_HEAD + "\n".join(_rows(Settings)) + "\n", encoding="utf-8")


def write_schema(output: Path) -> None:
    """Write the settings' JSON schema."""
    with whole(output) as temporary:
        schema = json.dumps(Settings.model_json_schema(), indent=1, ensure_ascii=False)
        temporary.write_text(schema + "\n", encoding="utf-8")
