"""The demo: the monitor at work on one machine, from a real Kafka to a board."""

from pathlib import Path
from typing import Final

AGREEMENTS: Final = Path(__file__).with_name("agreements")
"""What was agreed with the eight CMOs of the simulation."""
