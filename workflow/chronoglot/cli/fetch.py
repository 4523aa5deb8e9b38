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
def licences(
    configuration: Annotated[Path, Argument(help="an experiment's settings")] = Path("config.yaml"),
) -> None:
    """List the data that an experiment uses, with licences and what to cite."""
    from rich.console import Console
    from rich.table import Column, Table

    from chronoglot.data.fetch.datasets import licences as licences_of
    from chronoglot.planning.downloads import Downloads
    from chronoglot.planning.inputs import Inputs
    from chronoglot.settings.file import check, read_yaml

    settings = check(read_yaml(configuration), str(configuration))
    downloads = Downloads(settings)
    inputs = Inputs(settings, downloads)
    found = licences_of(inputs.datasets, inputs.treebank_folders(), downloads.table)
    table = Table("data", "version", "licence", Column("page", overflow="fold"))
    for row in found:
        table.add_row(row.dataset, row.version, row.licence, row.page)
    console = Console()
    console.print(table)
    for reference in dict.fromkeys(entry for row in found for entry in row.references):
        console.print(f"\n{reference}", highlight=False, markup=False, soft_wrap=True)


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
