"""Where a walk goes. `local.LocalServer` and `deployment.Deployment` are such places."""

import dataclasses
import pathlib

# Where the sources are, if they are here: this is in their folder deploy.
SOURCES = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class User:
    """Somebody who has signed in. Tokens are never printed."""

    name: str
    access_token: str = dataclasses.field(repr=False)
    id_token: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True)
class Gap:
    """What a place is known to do otherwise, for a reason that is not the service's: it is named and not compared.

    The three names are patterns as of a shell.
    """

    step: str
    what: str
    field: str
    reason: str


class Place:
    # Both without a slash at the end. They are set once the place is there.
    api_url = None
    pages_url = None
    # How long the metrics may take to arrive, in seconds.
    metrics_patience = 30
    gaps = ()
    users = 0

    def unique(self, name):
        """A name that no user of the walk has yet."""
        self.users += 1
        return f"{name}-{self.users}"

    def user(self, name, may_read_metrics=False):
        """A new user, signed in."""
        raise NotImplementedError

    def deliver(self):
        """Called before the metrics are looked at again."""
