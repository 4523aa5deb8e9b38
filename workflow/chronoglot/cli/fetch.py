"""Commands that fetch data, and say under which licence it is."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from chronoglot.cli.app import app, names


@app.command()
def fetch_file(
    url: str,
    output: Annotated[Path, Option()],
    sha256: Annotated[str | None, Option()] = None,
    size: Annotated[int | None, Option(help="bytes")] = None,
) -> None:
    """Download a file, going on where an earlier attempt ended."""
    from chronoglot.data.fetch.download import download

    download(url, output, sha256=sha256, size=size)


@app.command()
def fetch_text(
    url: str,
    output: Annotated[Path, Option()],
    max_characters: Annotated[int, Option()],
) -> None:
    """Download the beginning of a compressed text."""
    from chronoglot.data.fetch.cc100 import fetch_text as fetch

    print(fetch(url, output, max_characters=max_characters))


@app.command()
def unpack(
    archive: Path,
    wanted: Annotated[list[str], Argument(help="files and folders in it")],
    folder: Annotated[Path, Option(help="where to put them")],
    sha256: Annotated[str | None, Option(help="of the archive")] = None,
) -> None:
    """Unpack some files or folders of an archive."""
    from chronoglot.data.fetch.archives import check_sum
    from chronoglot.data.fetch.archives import unpack as unpack_archive

    if sha256:
        check_sum(archive, sha256)
    unpack_archive(archive, wanted, folder)


@app.command()
def gold(
    dataset: str,
    archive: Path,
    folder: Annotated[Path, Option(help="to write: sentences.txt and gold.txt")],
    sha256: Annotated[str | None, Option(help="of the archive")] = None,
) -> None:
    """Unpack a gold alignment, and bring it to the form that is read."""
    from tempfile import TemporaryDirectory

    from chronoglot.data.fetch.alignments import write_gold
    from chronoglot.data.fetch.archives import check_sum, unpack_all

    if sha256:
        check_sum(archive, sha256)
    with TemporaryDirectory() as published:
        unpack_all(archive, Path(published))
        write_gold(dataset, Path(published), folder)


@app.command()
def list_licences(
    datasets: Annotated[str, Option(help="names of datasets, comma-separated")],
    output: Annotated[Path, Option(help="JSON to write")],
    treebanks: Annotated[list[Path] | None, Argument(help="folders of treebanks")] = None,
    table: Annotated[Path | None, Option(help="further table of datasets")] = None,
) -> None:
    """Write what holds for the data of an experiment, for its report."""
    import json

    from chronoglot.data.fetch.datasets import licences as licences_of
    from chronoglot.runtime.files import whole

    found = licences_of(filter(None, names(datasets)), treebanks or [], table)
    with whole(output) as temporary:
        rows = [row._asdict() for row in found]
        temporary.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", "utf-8")
