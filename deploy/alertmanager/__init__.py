"""Alertmanager: who hears of which alert, and which alert keeps another one quiet."""
