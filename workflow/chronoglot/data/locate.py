"""Where the files of a treebank and of a gold alignment lie.

Called while the Snakefile is parsed: imports nothing heavy.
"""

import re
from collections.abc import Collection
from pathlib import Path

from chronoglot.runtime.errors import UserError, most_alike

# Large treebanks cut their training part: cs_pdt-ud-train-c.conllu, cs_pdt-ud-train-l.conllu.
_PART = re.compile(r".+-ud-(train|dev|test)([-.].+)?\.conllu")


PHARAOH = ("sentences.txt", "gold.txt")
CONTENT_WORDS = ("en.conllu", "target.conllu", "alignment.json")


def find_gold(folder: Path) -> list[Path]:
    """The files of the gold alignment in a folder, in one of the two forms that are read.

    Raises UserError if the folder is absent or holds neither form.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder of a gold alignment")
    for form in (PHARAOH, CONTENT_WORDS):
        files = [folder / name for name in form]
        if all(file.is_file() for file in files):
            return files
    raise UserError(
        f"{folder}: no gold alignment; put {' and '.join(PHARAOH)} there, or "
        f"{', '.join(CONTENT_WORDS)}"
    )


def find_parts(folder: Path) -> dict[str, list[Path]]:
    """The files of a treebank folder named as in a UD release, by part (train, dev, test).

    Raises UserError if the folder is absent, naming the sibling with the nearest name, or holds
    no such file.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such treebank folder; {_nearest(folder)}")
    parts: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if match := _PART.fullmatch(path.name):
            parts.setdefault(match[1], []).append(path)
    if not parts:
        raise UserError(
            f"{folder}: holds no CoNLL-U file named as in a UD release; "
            "name them *-ud-train.conllu, *-ud-dev.conllu and *-ud-test.conllu"
        )
    return {part: parts[part] for part in ("train", "dev", "test") if part in parts}


def choose_parts(
    folder: Path, chosen: Collection[str], *, published: bool
) -> dict[str, list[Path]]:
    """Those of a treebank's parts that are chosen; with `published`, all three must be there.

    Raises UserError as `find_parts`, and if a part that is needed is not there.
    """
    found = find_parts(folder)
    parts = {part: paths for part, paths in found.items() if part in chosen}
    if not parts:
        raise UserError(
            f"{folder.name} has none of the parts {', '.join(chosen)}; name others in `parts`"
        )
    for part in ("train", "dev", "test"):
        if published and part not in parts:
            raise UserError(
                f"{folder.name} has no {part} part; set `split: document` or `split: sentence` to "
                "divide the parts it has"
            )
    return parts


def _nearest(folder: Path) -> str:
    parent = folder.parent
    if not parent.is_dir():
        return f"nor is there {parent}: set the folder that holds the treebanks"
    near = most_alike(folder.name, (path.name for path in parent.iterdir() if path.is_dir()))
    return f"the nearest in {parent} is {near[0]}" if near else f"{parent} holds no folder at all"


def part_of(path: Path) -> str:
    """The part (train, dev, test) that a treebank file holds, by its name; UserError if none."""
    match = _PART.fullmatch(path.name)
    if match is None:
        raise UserError(f"{path}: its name does not say train, dev or test as in a UD release")
    return match[1]
