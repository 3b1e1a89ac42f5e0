"""The command `cmowatch`: what moves the stream, and what runs it and is seen of it."""

from deploy.acknowledgements.command import acknowledgements
from deploy.backfill import backfill
from deploy.grafana.command import provision
from deploy.lab.demo.command import demo
from deploy.lab.simulate.command import simulate
from deploy.render import render
from streams.cli import main

__all__ = ["main"]

for _command in (acknowledgements, backfill, render, provision, simulate, demo):
    main.add_command(_command)
