"""The worker as it is shipped, as a script."""

from streams.watching import worker

if __name__ == "__main__":
    worker()
