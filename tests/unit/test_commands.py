"""Every sub-command, given nonsense: one message, no traceback."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import huggingface_hub.constants
import pytest
from chronoglot.__main__ import run_command
from chronoglot.cli import app
from typer.models import OptionInfo

CONTENTS = {"garbage": bytes(range(256)) * 4, "empty": b"", "text": b"a b\n"}
WORDS = ("x", "{", "{}", "[1]", "1")
pytestmark = pytest.mark.slow
COMMANDS: dict[str, Callable[..., None]] = {
    command.name or command.callback.__name__.replace("_", "-"): command.callback
    for command in app.registered_commands
    if command.callback
}


def _value(annotation: Any, path: Path, word: str) -> str | None:
    """What is given for a parameter of that type; None for a flag."""
    kinds = [kind for kind in get_args(annotation) if kind is not NoneType]
    if get_origin(annotation) is Literal:
        return str(kinds[0])
    if annotation in (list[Path], Path) or Path in kinds:
        return str(path)
    if annotation is int or int in kinds:
        return "1"
    if annotation is float:
        return "0.5"
    return None if annotation is bool else word


def _arguments(callback: Callable[..., None], path: Path, word: str) -> list[str]:
    plain = get_type_hints(callback)
    arguments = []
    for name, hint in get_type_hints(callback, include_extras=True).items():
        if name == "return" or (value := _value(plain[name], path, word)) is None:
            continue
        is_option = any(isinstance(part, OptionInfo) for part in get_args(hint)[1:])
        arguments.append(f"--{name.replace('_', '-')}={value}" if is_option else value)
    # What begins with a dash comes before the others, which may end in a list.
    return sorted(arguments, key=lambda argument: not argument.startswith("--"))


def _run(
    command: str,
    callback: Callable[..., None],
    path: Path,
    word: str,
    monkeypatch: pytest.MonkeyPatch,
) -> str | None:
    """What went wrong, if it is not told as a mistake of the user's."""
    monkeypatch.setattr(sys, "argv", ["chronoglot", command, *_arguments(callback, path, word)])
    try:
        run_command()
    except SystemExit as end:
        # A message, or what the command line says of its options.
        assert isinstance(end.code, int) or end.code.startswith("chronoglot: ")
    except Exception as error:
        return f"{command} {path.name} {word}: {type(error).__name__}: {error}"
    return None


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_nonsense_is_told_without_a_traceback(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is missing, a folder, bytes, nothing, text; names and JSON that are none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # would try for long
    callback = COMMANDS[command]
    assert inspect.signature(callback).parameters
    wrong = []
    for place, name in enumerate(("missing", "folder", *CONTENTS)):
        for word in WORDS:
            folder = tmp_path / f"{place}-{word.strip('[]{}')}-{len(word)}"
            folder.mkdir()
            (folder / "folder").mkdir()
            for file, content in CONTENTS.items():
                (folder / file).write_bytes(content)
            wrong.append(_run(command, callback, folder / name, word, monkeypatch))
    assert not [found for found in wrong if found]
