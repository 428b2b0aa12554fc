"""Label and annotation filters: which of them KubeVirt's webhook takes.

What a filter keeps and strips is not decided here yet; this is the syntax alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_virt_clone.errors import InvalidValue

NEGATION = "!"
WILDCARD = "*"


def check_filter(pattern: str) -> str:
    """Return ``pattern`` if a clone may carry it, by the rules of KubeVirt's clone webhook.

    ``!`` negates and may stand only first, ``*`` only last. Raises InvalidValue otherwise, and for
    the empty filter, on which the webhook of KubeVirt 1.9 crashes instead of refusing it.
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
    """Return the filters in their order; raises InvalidValue at the first that is not valid."""
    return tuple(check_filter(pattern) for pattern in patterns)
