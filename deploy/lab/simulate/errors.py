"""What can go wrong with a simulation.

SimulationError
└── TooFewEvents          a world that its troubles do not fit in
"""


class SimulationError(ValueError):
    """The root of what this package raises."""


class TooFewEvents(SimulationError):
    """A world that its troubles do not fit in: says how many events it takes."""
