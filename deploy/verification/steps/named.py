"""How a step gets its name and its place."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Named:
    """A step's name, a sentence about the service, and what it does."""

    name: str
    acts: typing.Callable
    # After all others, which it counts.
    is_last: bool = False


ALL = []


def step(name, is_last=False):
    """Puts a function among the steps, behind those that are there."""

    def named(acts):
        ALL.append(Named(name, acts, is_last))
        return acts

    return named
