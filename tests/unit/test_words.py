"""Public names of the package use the words of CONTRIBUTING.md as they are explained there."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import chronoglot

PACKAGE = Path(chronoglot.__file__).parent
CONTRIBUTING = PACKAGE.parents[1] / "CONTRIBUTING.md"
# A verb.
VERBS = {"run_command"}


def glossary() -> dict[str, set[str]]:
    """Word → the folders whose names may have it."""
    text = CONTRIBUTING.read_text(encoding="utf-8").partition("## Words")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z, ]+) \| .+ \| ([a-z, ]+) \|$", text, re.M)[1:]
    return {
        word: set(folders.split(", ")) - {"nowhere"}
        for words, folders in rows
        for word in words.split(", ")
    }


def names(path: Path) -> Iterator[str]:
    """A module's own name, and those that it and its classes define."""
    yield path.stem
    for node in ast.parse(path.read_bytes()).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from defined(node)
        yield from defined(ast.Module([node], []))


def defined(scope: ast.ClassDef | ast.Module) -> Iterator[str]:
    for node in scope.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign | ast.Assign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def words(name: str) -> set[str]:
    """The words of a name, in the singular; `language_pair` is one."""
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    parts = re.sub("language_pairs?", "languagepair", parts)
    return {part.removesuffix("s") for part in parts.split("_")}


def test_words() -> None:
    assert words("LanguagePair") == {"languagepair"}
    assert words("best_sources") == {"best", "source"}


def test_public_names_keep_to_the_glossary() -> None:
    known = glossary()
    assert {"run", "source", "pair", "digest", "trajectory", "tokeniser"} <= set(known)
    wrong = {
        f"{path.relative_to(PACKAGE)}: {name} has the word {word}"
        for path in PACKAGE.rglob("*.py")
        for name in names(path)
        if not name.startswith("_") and name not in VERBS
        for word in words(name) & set(known)
        if path.relative_to(PACKAGE).parts[0] not in known[word]
    }
    assert not wrong


def test_every_row_is_of_use() -> None:
    """A word that stands in no name of a folder is not explained as if it did."""
    used = {
        (word, path.relative_to(PACKAGE).parts[0])
        for path in PACKAGE.rglob("*.py")
        for name in names(path)
        if not name.startswith("_")
        for word in words(name)
    }
    unused = {
        (word, folder)
        for word, folders in glossary().items()
        for folder in folders
        if (word, folder) not in used
    }
    assert not unused
