"""Where links in alerts lead and mail goes: put your own addresses here and render again."""

DOCS = "https://cmowatch.example/docs"
"""Where the folder docs/ is served."""

GRAFANA = "https://grafana.example"
"""Where people open Grafana."""

ALERTMANAGER = "https://alertmanager.example"
"""Where people open Alertmanager, to say that they have taken something on."""

OVERVIEW, CMO, DELIVERIES, INVENTORY, LOTS, MONITOR = (
    f"cmowatch-{name}" for name in ("overview", "cmo", "deliveries", "inventory", "lots", "monitor")
)
"""The uids of the boards."""

BOARDS = {
    OVERVIEW: "Overview",
    CMO: "CMO",
    DELIVERIES: "Deliveries and orders",
    INVENTORY: "Inventory",
    LOTS: "Lots and release",
    MONITOR: "Monitor itself",
}
"""The title of each board by its uid, in the order in which they link to each other."""

HEARTBEAT = "https://heartbeat.example/cmowatch"
"""What raises the alarm when nothing arrives there for minutes: the dead man's switch."""

OPERATIONS = {
    "on_call": "on-call@sponsor.example",
    "tickets": "supply-monitoring@sponsor.example",
    "zone": "Europe/Zurich",
}
"""Those who run the monitor: where they are reached besides the pager, and in which zone."""

MAIL = {
    "smarthost": "smtp.sponsor.example:587",
    "sender": "cmowatch@sponsor.example",
    "username": "cmowatch",
}
"""How Alertmanager sends mail; the password lies in a file."""
