"""The command `cmowatch`, composed of the commands that move events."""

import logging

import click

from streams.commands.agreements import agreements
from streams.commands.contract import contract
from streams.commands.import_table import import_table
from streams.commands.publish import publish
from streams.commands.replay import replay
from streams.commands.topics import topics
from streams.commands.watch import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="cmowatch", prog_name="cmowatch")
def main() -> None:
    """Watches contract manufacturers (CMOs) of medicines as closely as a plant of one's own.

    Events come in over Kafka, as CloudEvents keyed by the id of the CMO; rolling KPIs and breaches
    of what was agreed go out to Kafka and Prometheus.

    \b
    See what an event looks like:      cmowatch contract, then docs/contract/
    Send events, one JSON a line:      cmowatch publish events.ndjson
    Make events of a table you have:   cmowatch import --mapping m.yaml t.csv --out events.ndjson
    See what an agreement leaves open: cmowatch agreements check folder
    Create the topics, then watch:     cmowatch topics, then cmowatch worker --agreements folder
    Ask how things stood on a day:     cmowatch replay events.ndjson --as-of 2026-06-30

    Every option with an environment variable shows it; a command's own --help says more.
    """  # noqa: D301
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # each fault is told once, by us


for _command in (agreements, contract, publish, import_table, worker, topics, replay):
    main.add_command(_command)
