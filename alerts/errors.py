"""What can be wrong with an agreement or a reading.

AlertError
├── NoEvidence          a figure was asked of nothing
└── InvalidAgreement    an agreement that cannot be used
"""


class AlertError(ValueError):
    """The root of what this package raises."""


class NoEvidence(AlertError):
    """A figure was asked of nothing."""


class InvalidAgreement(AlertError):
    """An agreement that cannot be used: says where, why and what to do."""
