"""Label and annotation filters: which ones KubeVirt's webhook accepts, and what they keep.

``clone/checks`` finds out whether a filter does what its author meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import well_formed

NEGATION = "!"
WILDCARD = "*"

# RE2's C++ parser accepts two things that Go's (regexp/syntax) refuses: \C, and group names beyond
# ASCII. We look for them token by token in a pattern that compiles. Conversely, Go 1.25 accepts
# long names of Unicode categories (\p{Letter}), which older releases of KubeVirt, and we, refuse.
_PIECE = (
    r"(?s)\\Q.*?(?:\\E|\Z)"
    r"|\\."
    r"|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]"
    r"|\(\?P?<(?P<name>[^>]*)>"
    r"|."
)
_GROUP_NAME = r"[A-Za-z0-9_]+"
# Enough for what Go compiles without a limit, such as \pL{1000}; allocated only when needed.
_MEMORY = 1 << 28


def check_filter(pattern: str) -> str:
    """Return ``pattern`` if KubeVirt's clone webhook accepts it.

    ``!`` negates and may only come first, ``*`` only last. Raises InvalidValue otherwise, and for
    an empty filter: the webhook of KubeVirt 1.9 crashes on it instead of refusing it.
    """
    if not pattern:
        raise InvalidValue("a filter can't be empty")
    if pattern == NEGATION:
        raise InvalidValue(
            f'"{NEGATION}" alone is not a filter; write {NEGATION}KEY to leave KEY out'
        )
    if NEGATION in pattern[1:]:
        raise InvalidValue(f'filter "{pattern}": {NEGATION} can stand only at the beginning')
    if WILDCARD in pattern[:-1]:
        raise InvalidValue(f'filter "{pattern}": {WILDCARD} can stand only at the end')
    return pattern


def check_filters(patterns: Sequence[str]) -> tuple[str, ...]:
    """Return the filters in their order; raises InvalidValue for the first invalid one."""
    return tuple(check_filter(pattern) for pattern in patterns)


@dataclass(frozen=True)
class Decision:
    """Whether the target keeps a key of the source, and which filter decides.

    ``by`` is the filter as the user wrote it; empty if none matched or none was given.
    """

    key: str
    kept: bool
    by: str


def decisions(
    filters: Sequence[str] | None, keys: Iterable[str], *, always_kept: frozenset[str] = frozenset()
) -> tuple[Decision, ...]:
    """What the filters do to each key, sorted by key.

    The rules are those of KubeVirt's clone controller (vm-target.go): except for the bare ``*``, a
    filter is an unanchored regular expression; a key stays if a positive filter matches it and no
    negative one does, in any order. So negatives alone, an empty list and filters that don't
    compile keep nothing, while no list at all (None) keeps every key. ``always_kept`` always stay.
    """
    listed = sorted(set(keys))
    if filters is None:
        return tuple(Decision(key, kept=True, by="") for key in listed)
    keeping = [pattern for pattern in filters if not pattern.startswith(NEGATION)]
    removing = [pattern for pattern in filters if pattern.startswith(NEGATION)]
    return tuple(_decision(key, keeping, removing, key in always_kept) for key in listed)


def _decision(key: str, keeping: Sequence[str], removing: Sequence[str], always: bool) -> Decision:
    kept_by = next((pattern for pattern in keeping if matches(pattern, key)), None)
    removed_by = next((pattern for pattern in removing if matches(pattern, key)), None)
    if removed_by is not None and not always:
        return Decision(key, kept=False, by=removed_by)
    if removed_by is not None or kept_by is None:
        return Decision(key, kept=always, by="")
    return Decision(key, kept=True, by=kept_by)


def matches(pattern: str, key: str) -> bool:
    """Whether a filter, positive or negative, matches ``key``; an invalid one never does."""
    expression, _ = _compiled(pattern)
    return expression is not None and expression.search(well_formed(key)) is not None


def compile_error(pattern: str) -> str:
    """Why Go can't compile the filter's regular expression; empty if it can."""
    return _compiled(pattern)[1]


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[Any, str]:
    """The regular expression that KubeVirt makes of a filter, or None and why it can't be compiled.

    Only the bare filter ``*`` is a wildcard: ``!*`` becomes the expression ``*``, which doesn't
    compile, and in ``a*`` the star means any number of a. Go's regexp package was modelled on RE2,
    which is imported here because --help needs no filters.
    """
    import re2

    expression = ".*" if pattern == WILDCARD else pattern.removeprefix(NEGATION)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    try:
        compiled = re2.compile(well_formed(expression), options)
    except re2.error as error:
        why = error.args[0] if error.args else "invalid"
        return None, why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
    reason = _refused_by_go(expression)
    return (None, reason) if reason else (compiled, "")


def _refused_by_go(expression: str) -> str:
    for token in re.finditer(_PIECE, expression):
        if token[0] == r"\C":
            return r"invalid escape sequence: \C"
        if token["name"] is not None and not re.fullmatch(_GROUP_NAME, token["name"]):
            return f"invalid named capture: {token[0]}"
    return ""
