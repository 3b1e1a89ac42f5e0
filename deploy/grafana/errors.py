"""What can go wrong with Grafana, each said with what to do.

GrafanaError
├── NotReached         no Grafana answers at the address
├── NotAsGrafana       what answers there does not answer as Grafana does
├── NotAllowed         the token is wrong, or may not do this
├── OtherOrganisation  the token belongs to another organisation
├── TooOld             a Grafana older than those this is made for
├── NotFound           what was asked for is not there
├── InTheWay           something else has the name, or somebody changed it meanwhile
├── NotTaken           Grafana refuses what it was given
├── GrafanaFailed      Grafana failed inside
└── BadAddress         an address or a token that cannot be one
"""


class GrafanaError(Exception):
    """The root of what provisioning raises."""


class NotReached(GrafanaError):
    """No Grafana answers at the address."""


class NotAsGrafana(GrafanaError):
    """What answers there does not answer as Grafana does."""


class NotAllowed(GrafanaError):
    """The token is wrong, or may not do this."""


class OtherOrganisation(GrafanaError):
    """The token belongs to another organisation."""


class TooOld(GrafanaError):
    """A Grafana older than those this is made for."""


class NotFound(GrafanaError):
    """What was asked for is not there."""


class InTheWay(GrafanaError):
    """Something else has the name, or somebody changed it meanwhile."""


class NotTaken(GrafanaError):
    """Grafana refuses what it was given."""


class GrafanaFailed(GrafanaError):
    """Grafana failed inside."""


class BadAddress(GrafanaError):
    """An address or a token that cannot be one."""
