"""The command `cmowatch contract`: documents made from the declarations."""

from pathlib import Path

import click

from streams import documents


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; exit 1 if a document is out of date.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="here",
    help="The project's folder.",
)
def contract(check: bool, folder: Path) -> None:
    """Write what is made from the declarations.

    That is a JSON Schema per event type and an AsyncAPI document of the topics in docs/contract,
    the schema of an agreement file beside them, the KPIs and the settings as pages in docs.

    Exit code: 0 written or, with --check, as they would be; 1 one is out of date; 2 wrong usage.
    """
    if not check:
        documents.write(folder)
    elif differences := documents.differences(folder):
        for line in differences:
            click.echo(line, err=True)
        raise click.ClickException("run cmowatch contract, and commit what it wrote")
