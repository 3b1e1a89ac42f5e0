"""Grafana: boards made from the catalogue, and how they get there."""
