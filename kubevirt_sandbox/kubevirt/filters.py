"""Which labels and annotations of a source stay on the target: KubeVirt's filters.

One rule in, a decision per key out; the patches made of it are in ``controllers.targets``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any


def kept(keys: Iterable[str], filters: Sequence[str]) -> set[str]:
    """The keys that stay: those a positive filter hits, without those a negative one hits.

    Negatives win whatever their place in the list; without a positive filter nothing stays.
    """
    keys = list(keys)
    # Only the whole filter "*" is a wildcard: "!*" is a pattern that does not compile.
    positive = [".*" if rule == "*" else rule for rule in filters if not rule.startswith("!")]
    negative = [rule[1:] for rule in filters if rule.startswith("!")]
    stay = {key for rule in positive for key in keys if matches(rule, key)}
    return stay - {key for rule in negative for key in keys if matches(rule, key)}


def matches(rule: str, key: str) -> bool:
    """Whether an unanchored regular expression hits a key; one that Go refuses hits nothing."""
    pattern = compiled(rule)
    return pattern is not None and pattern.search(key) is not None


@lru_cache(maxsize=512)
def compiled(rule: str) -> Any:
    """The rule as a pattern of RE2, whose syntax Go's is; None when Go would not compile it."""
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        # The one construct that RE2 has and Go has not: a single byte.
        return None if _ANY_BYTE.search(rule) else re2.compile(rule, options)
    except (re2.error, UnicodeError):
        return None


_ANY_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")
