"""The package's folders: each imports only those before it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import chronoglot
import pytest
from chronoglot.runtime.shared_start.client import COMMANDS

PACKAGE = Path(chronoglot.__file__).parent
# From what all stand on, in the order that data flows, to what puts them together.
FOLDERS = [
    *("runtime", "tables", "tasks", "settings"),
    *("data", "pretraining", "checkpoints", "encoding", "probing", "alignment"),
    *("analysis", "figures", "report", "planning", "cli"),
]
# The server of the shared start runs what it is handed; changes to Snakemake know it.
ALLOWED = {
    ("runtime/shared_start/server.py", "chronoglot.__main__"),
    ("runtime/changes/snakemake.py", "snakemake"),
}


def imported(tree: ast.AST) -> Iterator[str]:
    """Names of the modules that a piece of code imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, "imports are absolute"
            if node.module == "chronoglot":
                yield from (f"chronoglot.{alias.name}" for alias in node.names)
            else:
                yield node.module


def test_every_folder_has_its_place() -> None:
    assert sorted(FOLDERS) == sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py"))
    assert sorted(path.name for path in PACKAGE.glob("*.py")) == ["__init__.py", "__main__.py"]


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_imports_only_those_before_it(folder: str) -> None:
    known = {
        "chronoglot",
        "chronoglot.__version__",
        *(f"chronoglot.{name}" for name in FOLDERS[: FOLDERS.index(folder) + 1]),
    }
    wrong = {
        (str(path.relative_to(PACKAGE)), name if name.startswith("chronoglot") else "snakemake")
        for path in (PACKAGE / folder).rglob("*.py")
        for name in imported(ast.parse(path.read_bytes()))
        if name.split(".")[0] == "snakemake"
        or (name.startswith("chronoglot") and ".".join(name.split(".")[:2]) not in known)
    }
    assert wrong == {one for one in ALLOWED if one[0].startswith(f"{folder}/")}


def test_what_jobs_share_is_not_changed_by_pretraining() -> None:
    """Importing it changes `dataclasses` for fairseq, and would for all later jobs."""
    changed = ("chronoglot.pretraining", "chronoglot.checkpoints.check")
    users = {
        path.relative_to(PACKAGE)
        for folder in set(FOLDERS) - {"pretraining", "cli"}
        for path in (PACKAGE / folder).rglob("*.py")
        if any(name.startswith(changed) for name in imported(ast.parse(path.read_bytes())))
    }
    assert users == {Path("checkpoints/check.py")}
    commands = {
        function.name.replace("_", "-")
        for path in (PACKAGE / "cli").glob("*.py")
        for function in ast.parse(path.read_bytes()).body
        if any(name.startswith(changed) for name in imported(function))
    }
    assert {"segment", "binarise"} < commands
    assert not commands & COMMANDS
