"""Commands that a person types."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option, echo

from chronoglot.cli.app import app, by_code


@app.command()
def check(
    configuration: Annotated[Path, Argument(help="an experiment's settings")] = Path("config.yaml"),
) -> None:
    """Read a configuration, and say what would run and what is missing."""
    from chronoglot.planning.experiment import read_plan
    from chronoglot.planning.outlook import outlook
    from chronoglot.settings.file import read_yaml

    plan = read_plan(read_yaml(configuration), str(configuration))
    for line in outlook(plan):
        echo(line)


@app.command()
def new(
    configuration: Annotated[Path, Argument(help="to write, as mine.yaml")],
    language: Annotated[
        list[str] | None, Option(help="code and treebank, as de=UD_German-GSD; again for each")
    ] = None,
    text: Annotated[
        list[str] | None, Option(help="code and file of text, as de=de.txt.xz; again for each")
    ] = None,
    treebanks: Annotated[Path, Option(help="folder with the treebanks")] = Path("data/ud"),
    texts: Annotated[Path, Option(help="folder with the texts")] = Path("data/text"),
) -> None:
    """Write a configuration for your languages, with comments, to go on from."""
    from chronoglot.planning.new import write_configuration

    write_configuration(
        configuration, by_code(language, "language"), by_code(text, "text"), treebanks, texts
    )
    echo(f"{configuration} is written; next: chronoglot check {configuration}")


@app.command()
def move_results(
    results: Annotated[Path, Argument(help="an experiment's results, as results/in-vitro")],
) -> None:
    """Move results of an older version to where this one looks for them."""
    from chronoglot.planning.old_layout import move_results as move

    echo(f"{move(results, Path('.snakemake/metadata'))} files of transfer are divided by layer")


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
def settings_page(output: Annotated[Path, Option()]) -> None:
    """Write the documentation of all settings."""
    from chronoglot.settings.page import write_settings_page

    write_settings_page(output)


@app.command()
def schema(output: Annotated[Path, Option()]) -> None:
    """Write the settings' JSON schema, for editors."""
    from chronoglot.settings.page import write_schema

    write_schema(output)
