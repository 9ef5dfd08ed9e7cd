"""How a step gets its name and its place."""

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
    """Puts a function among the steps, behind those that are there."""

    def named(walk):
        ALL.append(Named(name, walk, is_last))
        return walk

    return named
