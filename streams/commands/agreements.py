"""The command `cmowatch agreements`: what was agreed, checked before anybody is watched by it."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import click

from alerts.agreements import Agreement, Agreements
from alerts.errors import InvalidAgreement
from alerts.open_points import open_points
from streams.agreements import read_folder
from streams.commands.configuration import WrongConfiguration
from streams.commands.refused import printable
from streams.who_is_told import heading, ladder, of_what


@click.group()
def agreements() -> None:
    """What was agreed with each CMO: one YAML file a version, and products.yaml beside them."""


@agreements.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--on",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Leave out what had its end before this day; today if none is given.",
)
def check(folder: Path, on: datetime | None) -> None:
    """Say who is told of what and when by the files of FOLDER, and what they leave open.

    Every fault of every file is told at once, as FILE:LINE: FIELD: REASON. Where there is none,
    each CMO follows with its ladder: who is told of a breach while nobody takes it on, how, and
    after how much of their own working time; versions still to come too. A line that begins with !
    is what a KPI that pages needs and nobody wrote down (a contingency, somebody to call, a limit),
    or what needs a second look.

    \b
    The least of an agreement, FOLDER/acme.yaml:
      cmo: acme                  # the id: the key of its events
      version: "1"
      effective: 2026-11-02      # a later version is another file with a later day
      zone: Europe/Berlin        # whose days are meant
      contingency: Whom to call, and what to do first.
      limits:
        days_of_supply: {warning: 20, critical: 10}
      roles:
        planner: {side: sponsor, contacts: [{email: planner@sponsor.example}]}
        production: {side: cmo, contacts: [{email: production@acme.example}]}
      ladder:                    # ages in seconds of the role's working time
        - {role: planner, warning: 14400, critical: 3600}
        - {role: production, warning: 64800, critical: 7200}

    \b
    And of products, FOLDER/products.yaml:
      version: "1"
      effective: 2026-11-02
      products:
        pills-10mg: {unit: EA, packs: {BX: 10}, markets: [eu, us]}

    docs/agreements.md has every field; docs/contract/agreement.json and products.json are schemas
    for an editor.

    Exit code: 0 nothing is left open, 1 something is (told), 2 wrong usage or files that cannot be
    used.
    """  # noqa: D301
    try:
        found = read_folder(folder)
    except InvalidAgreement as error:
        raise WrongConfiguration(str(error)) from None
    day = on.date() if on else datetime.now(UTC).date()
    agreed = Agreements(found.agreements, use_default=True, products=found.products)
    sys.exit(_tell(agreed, day))


def _tell(agreed: Agreements, day: date) -> int:
    _echo(*of_what(), *_products(agreed, day))
    left_open = 0
    for cmo in (*agreed.cmos, ""):
        versions = [each for each in agreed.versions(cmo) if _counts(agreed, each, day)]
        if cmo and not versions:
            ended = agreed.versions(cmo)[-1].end
            _echo("", f"{cmo}: ended on {ended}, and nothing is agreed since")
        for version in versions:
            points = list(open_points(version, agreed.products.of(max(day, version.effective))))
            _echo("", heading(version), *(f"  {line}" for line in ladder(version)))
            _echo(*(f"  ! {point}" for point in points))
            left_open += len(points)
    _echo("", f"left open: {left_open or 'nothing'}")
    return 1 if left_open else 0


def _echo(*lines: str) -> None:
    for line in lines:
        click.echo(printable(line))


def _products(agreed: Agreements, day: date) -> Iterator[str]:
    if products := agreed.products.of(day):
        many = len(products.products)
        yield f"products: version {products.version}, from {products.effective}, {many} declared"


def _counts(agreed: Agreements, version: Agreement, day: date) -> bool:
    """Whether a version is in force on a day, or will be."""
    return version.effective > day or agreed.of(version.cmo or "", day) is version
