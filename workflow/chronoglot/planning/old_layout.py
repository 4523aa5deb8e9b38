"""Results of an older layout, in which one file of transfer held all layers of a target.

Read by the Snakefile on every dry run, so nothing heavy is imported.
"""

import json
from base64 import urlsafe_b64decode
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chronoglot.runtime.errors import UserError
from chronoglot.runtime.files import whole

# The jobs of these were told their layers by a setting that is recorded no longer.
_SCORED = ("vectors", "probes", "transfer", "alignment", "bpc")


def refuse_old_layout(results: str | Path) -> None:
    """Raises UserError if results of an older layout lie there: they would be computed again."""
    if number := len(list(_old_files(Path(results)))):
        raise UserError(
            f"{results}: {number} files of transfer hold all layers in one, as an older version "
            f"wrote them; `chronoglot move-results {results}` moves them, and nothing that was "
            "computed is lost"
        )


def move_results(results: Path, records: Path) -> int:
    """Give each layer its own file of transfer; returns how many files were divided.

    `records` is Snakemake's folder of metadata: what it holds of probes and scores names settings
    that their jobs have no longer, so that all would run again, and is removed. Raises UserError if
    there is no such folder of results, or one of its files is damaged.
    """
    if not results.is_dir():
        raise UserError(f"{results}: there is no such folder; name one as results/in-vitro")
    files = list(_old_files(results))
    for path in files:
        _divide(path)
    if files:
        _forget(results, records)
    return len(files)


def _old_files(results: Path) -> Iterator[Path]:
    for folder in results.glob("transfer/step-*/*"):
        if not folder.name.startswith("layer-"):
            yield from folder.glob("*.json")


def _divide(path: Path) -> None:
    layers: dict[int, list[dict[str, Any]]] = defaultdict(list)
    try:
        for row in json.loads(path.read_bytes()):
            layers[int(row["layer"])].append(row)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(
            f"{path}: not a whole score file ({type(error).__name__}: {error}); delete it: it "
            "alone is computed again"
        ) from error
    language, step = path.parent, path.parent.parent
    for layer, rows in layers.items():
        output = step / f"layer-{layer}" / language.name / path.name
        output.parent.mkdir(parents=True, exist_ok=True)
        with whole(output) as temporary:
            text = json.dumps(rows, indent=1, sort_keys=True)
            temporary.write_text(text + "\n", encoding="utf-8")
    path.unlink()
    if not any(language.iterdir()):
        language.rmdir()


def _forget(results: Path, records: Path) -> None:
    # A record has the name of its file in base64; if it is long, in folders that begin with @.
    begins = tuple(f"{results}/{part}/" for part in _SCORED)
    for record in [path for path in records.rglob("*") if path.is_file()]:
        name = "".join(part.removeprefix("@") for part in record.relative_to(records).parts)
        try:
            of = urlsafe_b64decode(name).decode()
        except ValueError:  # no record
            continue
        if of.startswith(begins):
            record.unlink()
