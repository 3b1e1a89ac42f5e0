"""The command `cmowatch worker`, which watches."""

import socket
import sys
from pathlib import Path

import click

from streams.commands.configuration import agreements_or_exit, settings_or_exit
from streams.commands.failures import errors_end_the_command
from streams.commands.options import AGREEMENTS, BROKERS
from streams.kafka.assignment import Assignment
from streams.metrics.pages import pages
from streams.settings import Settings
from streams.shard import FOLDS_FOR, Shard
from streams.worker import run_worker


@click.command()
@BROKERS
@AGREEMENTS
@click.option(
    "--web-port",
    type=click.IntRange(1, 65_535),
    envvar="CMOWATCH_WEB_PORT",
    show_envvar=True,
    help="Port of metrics and health; 6066 when not given.",
)
def worker(brokers: str | None, agreements: Path | None, web_port: int | None) -> None:
    """Watch: fold the topics into KPIs, publish breaches, expose metrics.

    Start as many as you like: they share the partitions. Each reads the log from its beginning,
    and says nothing of a CMO before it has read all. /health/ready tells what is still to read, how
    fast and for how long, /metrics is for Prometheus, /readings is the last judgement as JSON.

    Whom to watch is said by agreements, one file a CMO, which --agreements or CMOWATCH_AGREEMENTS
    must name. Every other setting can come from the environment too: CMOWATCH_BROKERS,
    CMOWATCH_DEFAULT_AGREEMENT, CMOWATCH_PARTITIONS, CMOWATCH_WEB_PORT and more (docs/settings.md).

    Exit code: 0 stopped by a signal, 1 topics or a port that cannot be used, 2 wrong usage,
    settings or agreements, 69 no broker answered, 70 something nobody foresaw: it ends at once, and
    says where, 77 the brokers do not let it: the login, a certificate or a right (docs/deploy.md).
    """
    settings = settings_or_exit(brokers=brokers, agreements=agreements, web_port=web_port)
    agreed = agreements_or_exit(settings)
    assignment = Assignment(
        lambda partition: Shard(partition, settings.partitions, agreed, folds_for=FOLDS_FOR)
    )
    _refuse_a_taken_port(settings)
    where = f"http://{settings.web_host}:{settings.web_port}"
    click.echo(f"cmowatch reads {settings.brokers}; see {where}/health/ready", err=True)
    with errors_end_the_command():
        sys.exit(run_worker(settings, assignment, pages(assignment)))


def _refuse_a_taken_port(settings: Settings) -> None:
    with socket.socket() as mine:
        mine.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            mine.bind((settings.web_host, settings.web_port))
        except OSError as error:
            raise click.ClickException(
                f"{settings.web_host}:{settings.web_port} cannot be served: {error.strerror}; "
                "choose another --web-port"
            ) from error
