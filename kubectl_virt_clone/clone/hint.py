"""What to do next, as data: commands, flags and fields, with the words of a sentence between them.

``render/hints.py`` writes it, and adds the flags that each command repeats.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command line: the words after its ``program``, which may itself be two words.

    ``stdin`` is what the command reads. One that is ``for_an_admin`` needs more rights than the
    user has, so that nobody runs it in the user's name.
    """

    words: tuple[str, ...]
    namespace: str = ""
    program: str = "kubectl"
    stdin: str = ""
    for_an_admin: bool = False


@dataclass(frozen=True)
class Flag:
    """A flag of ours, given once for each value; without values, just its name."""

    name: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Field:
    """A field of a manifest, ``spec.labelFilters``; without a value, just its path."""

    path: str
    value: object = None


Part = str | Command | Flag | Field
Hint = tuple[Part, ...]
"""Parts to join as they are, without blanks in between; empty if there is nothing to do."""


def kubectl(*words: str, namespace: str = "") -> Command:
    """The kubectl command of these words."""
    return Command(words, namespace)


def flag(name: str, *values: str) -> Flag:
    """The flag with these values."""
    return Flag(name, values)


def leave_out(*parts: Part) -> Hint:
    """The advice not to give a flag or a field."""
    return ("leave out ", *parts)
