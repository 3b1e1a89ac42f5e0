"""How long Prometheus keeps what it has measured."""

from typing import Final

KEPT_DAYS: Final = 400
"""How far back the boards look, and so what every Prometheus of ours keeps."""
