"""What can go wrong with the demo.

DemoError
├── ScrapeFailed      the worker's metrics could not be read
├── NotEmpty          topics that hold events already, which the demo leaves alone
├── NotLoaded         the story did not get into Kafka
├── WorkerEnded       the worker ended while it was watched
└── NotJudged         what was published was not judged in time
"""


class DemoError(Exception):
    """The root of what the demo raises."""


class ScrapeFailed(DemoError):
    """The worker's metrics could not be read."""


class NotEmpty(DemoError):
    """Topics that hold events already, which the demo leaves alone."""


class NotLoaded(DemoError):
    """The story did not get into Kafka."""


class WorkerEnded(DemoError):
    """The worker ended while it was watched."""


class NotJudged(DemoError):
    """What was published was not judged in time."""
