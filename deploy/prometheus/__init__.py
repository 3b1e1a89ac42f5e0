"""Prometheus: what it scrapes, and the alerts it makes of what was judged."""
