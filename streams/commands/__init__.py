"""The commands that move events, one a file."""
