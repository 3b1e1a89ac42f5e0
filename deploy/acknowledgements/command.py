"""The command `cmowatch acknowledgements`."""

import sys
from urllib.parse import urlsplit

import click

from deploy.acknowledgements.service import Bridge, serve, tell
from deploy.acknowledgements.silences import AlertmanagerError
from streams.commands.configuration import settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import BROKERS


def _address(_: click.Context, __: click.Parameter, url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise click.BadParameter("give an address like http://localhost:9093, without a user in it")
    return url


@click.command()
@click.option(
    "--alertmanager-url",
    "url",
    default="http://localhost:9093",
    callback=_address,
    envvar="CMOWATCH_ALERTMANAGER_URL",
    show_default=True,
    show_envvar=True,
    help="Where Alertmanager is.",
)
@BROKERS
@click.option(
    "--source",
    default="/sponsor",
    show_default=True,
    help="The source that speaks: one that the agreements map to the sponsor.",
)
@click.option(
    "--every",
    type=click.FloatRange(min=0.5, max=3_600),
    default=10.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--once", is_flag=True, help="Look once, and end.")
def acknowledgements(url: str, brokers: str | None, source: str, every: float, once: bool) -> None:
    """Pass on who has taken a breach on: silences in Alertmanager become events on cmo.actions.

    A silence whose only matcher is breach_id="…" is the acknowledgement of that breach: by whom,
    until when, why. Every message about a breach has a link that prepares one. While it holds, the
    ladder stops; a silence that is ended before its time gives the breach back. By whom is what
    that person wrote: Alertmanager does not ask who somebody is, so put it behind your login.

    One of these is enough; two say the same. Nothing is kept between runs: after a start what still
    holds is said again, under the same ids.

    Exit code: 0 stopped by a signal, or --once and all is passed on; 1 --once, and something
    failed; 2 wrong usage or settings; 69 Alertmanager or the brokers failed 30 times in a row; 77
    the brokers do not let us (docs/deploy.md).
    """
    bridge = Bridge(url, source, settings_or_exit(brokers=brokers))
    with errors_end_the_command():
        if once:
            _pass_on_once(bridge)
        else:
            sys.exit(serve(bridge, every))


def _pass_on_once(bridge: Bridge) -> None:
    try:
        tell(bridge.pass_on())
    except AlertmanagerError as error:
        raise click.ClickException(str(error)) from error
