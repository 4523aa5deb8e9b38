"""The code of a task as a value: what was computed by other code has to be computed again."""

import ast
import hashlib
import io
import token
import tokenize
from functools import cache
from pathlib import Path

import chronoglot

_TASKS = "chronoglot.tasks"
# Of the tasks that no probe is trained for: what measures them.
_MEASURED_BY = {
    "bpc": ("chronoglot.encoding.bits", "chronoglot.encoding.heldout"),
    "alignment": ("chronoglot.alignment.align",),
}
# Of what a module imports these packages count; encoders and readers are shared by all tasks.
_FOLLOWED = (f"{_TASKS}.", "chronoglot.alignment.")
_SILENT = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING)


@cache
def task_code(task: str) -> str:
    """A hash of a task's module, of those of `chronoglot.tasks` that it builds on, and of what
    measures it where it has no probe.

    Comments, docstrings and blank lines do not count. Nothing is imported.
    """
    modules: dict[str, Path] = {}
    for name in (f"{_TASKS}.{task}", *_MEASURED_BY.get(task, ())):
        _collect(name, modules)
    hashed = hashlib.sha256()
    for name in sorted(modules):
        hashed.update(f"{name}\n{_bare(modules[name])}\n".encode())
    return hashed.hexdigest()[:16]


def _collect(name: str, modules: dict[str, Path]) -> None:
    """The files of a module and of those of _FOLLOWED that it imports, added to `modules`."""
    # Not by importlib, which would import the packages that a name may lie in.
    path = Path(chronoglot.__file__).parents[1].joinpath(*name.split(".")).with_suffix(".py")
    if name in modules or not path.is_file():  # what is imported may be no module, but in one
        return
    modules[name] = path
    for node in ast.walk(ast.parse(modules[name].read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for imported in names:
            if imported.startswith(_FOLLOWED):
                _collect(imported, modules)


def _bare(path: Path) -> str:
    """The tokens of a module, a line a statement, without what the interpreter passes over."""
    lines: list[list[str]] = [[]]
    with tokenize.open(path) as file:
        source = file.read()
    for one in tokenize.generate_tokens(io.StringIO(source).readline):
        if one.type in _SILENT:
            continue
        if one.type == token.NEWLINE:
            # A statement that is a string alone is a docstring.
            if _is_text(lines[-1]):
                lines.pop()
            lines.append([])
        elif one.type in (token.INDENT, token.DEDENT):
            lines[-1].append("{" if one.type == token.INDENT else "}")
        else:
            lines[-1].append(one.string)
    return "\n".join(" ".join(line) for line in lines)


def _is_text(statement: list[str]) -> bool:
    words = [word for word in statement if word not in "{}"]
    return len(words) == 1 and words[0][-1:] in "\"'"
