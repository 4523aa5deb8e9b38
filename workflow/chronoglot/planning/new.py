"""A first configuration, written from the names of treebanks and texts."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from chronoglot.data.locate import find_parts
from chronoglot.runtime.errors import UserError
from chronoglot.settings.file import check

_SCHEMA = Path(__file__).parents[2] / "settings.schema.json"
_PROBED = ["pos", "arc_prediction", "arc_classification"]
_PUBLISHED = "the treebank's own train, dev and test"
_POOLED = "it lacks a part, so that what it has is pooled and divided by a hash of the sentences"


def write_configuration(
    path: Path,
    languages: Mapping[str, str],
    texts: Mapping[str, str],
    treebank_folder: Path,
    text_folder: Path,
) -> None:
    """Write settings for `languages` (code → treebank) and `texts` (code → file), with comments.

    Data need not be there yet. Without a text, checkpoints come from the hub.

    Raises UserError if the file exists, no language is given, or a name cannot be a setting.
    """
    import yaml
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    if not languages and not texts:
        raise UserError("give a language: --language de=UD_German-GSD, --text de=de.txt, or both")
    described = {
        code: _describe(languages.get(code), texts.get(code), treebank_folder)
        for code in {**languages, **texts}
    }
    tasks = (["bpc"] if texts else []) + (_PROBED if languages else [])
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    written = environment.get_template("new.yaml.jinja").render(
        schema=os.path.relpath(_SCHEMA, path.parent) if _SCHEMA.is_file() else None,
        name=path,
        experiment=re.sub(r"[^A-Za-z0-9._-]+|^[._-]+", "-", path.stem).strip("._-") or "mine",
        treebanks=str(treebank_folder),
        text_folder=str(text_folder),
        texts=texts,
        languages=described,
        tasks=tasks,
    )
    check(yaml.safe_load(written), str(path))
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(written)
    except FileExistsError:
        raise UserError(f"{path}: is there already; give another name, or remove it") from None


def _describe(treebank: str | None, text: str | None, folder: Path) -> dict[str, str | None]:
    split = _split(folder / treebank) if treebank else ""
    name = re.match(r"UD_(.+)-", treebank or "")
    return {
        "name": name[1].replace("_", " ") if name else "",
        "treebank": treebank,
        "split": split,
        "why": _PUBLISHED if split == "published" else _POOLED,
        "text": text,
        "format": "keyed" if text and ".tsv" in text else "plain",
    }


def _split(folder: Path) -> str:
    """How a treebank is divided, by the parts that it has; one that is not there has all."""
    return "sentence" if folder.is_dir() and len(find_parts(folder)) < 3 else "published"
