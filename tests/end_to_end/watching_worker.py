"""The worker as it is shipped, as a script."""

from streams.commands.watch import worker

if __name__ == "__main__":
    worker()
