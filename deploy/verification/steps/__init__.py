"""The steps: what is called, and what was promised. Each file is a part of the service; they are walked in this order."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Named:
    """A step's name, a sentence about the service, and what walks it."""

    name: str
    walk: typing.Callable
    # After all others, which it counts.
    is_last: bool = False


ALL = []


def step(name, is_last=False):
    """Puts a function among the steps."""

    def named(walk):
        ALL.append(Named(name, walk, is_last))
        return walk

    return named


# pylint: disable=wrong-import-position
from . import pages, access, sessions, limits, expiry, metrics  # noqa: E402,F401
