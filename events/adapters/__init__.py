"""Formats other than our own, read into events."""
