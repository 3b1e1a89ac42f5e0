"""Where the links in alerts lead: put your own addresses here and render again."""

DOCS = "https://cmowatch.example/docs"
"""Where the folder docs/ is served."""

GRAFANA = "https://grafana.example"
"""Where people open Grafana."""

ALERTMANAGER = "https://alertmanager.example"
"""Where people open Alertmanager, to say that they have taken something on."""

OVERVIEW = "cmowatch-overview"
"""The uid of the board an alert opens."""

BOARD = f"{GRAFANA}/d/{OVERVIEW}"
