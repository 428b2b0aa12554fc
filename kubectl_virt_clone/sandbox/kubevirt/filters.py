"""Which labels and annotations of a source stay on the target: KubeVirt's filters.

One rule in, a decision per key out; the patches made of it are in targets.py.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache

# Go's RE2 has no lookaround, backreferences, conditionals, comments, possessive quantifiers or
# atomic groups; Python's re has. Its own flags group (?U) is unknown to Python, and neither \Z
# nor (?P=name) exists in Go. A class such as [?*+] must not be mistaken for a quantifier, so
# classes are cut out before the search.
_CHARACTER_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]")
_REPEAT = re.compile(r"\{(\d*),?(\d*)\}")
_REPEAT_LIMIT = 1000
_POSIX = {
    "[:alnum:]": "0-9A-Za-z",
    "[:alpha:]": "A-Za-z",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
    "[:word:]": "0-9A-Za-z_",
}
_NOT_IN_GO = re.compile(r"\(\?(?:<?[=!]|P=|\(|#|>)|(?<!\\)(?:\\\\)*\\[1-9Z]|[*+?}]\+")


def kept(keys: Iterable[str], filters: Sequence[str]) -> set[str]:
    """The keys that stay: those a positive filter hits, without those a negative one hits.

    Negatives win whatever their place in the list; without a positive filter nothing stays.
    """
    keys = list(keys)
    positive = [rule for rule in filters if not rule.startswith("!")]
    negative = [rule[1:] for rule in filters if rule.startswith("!")]
    stay = {key for rule in positive for key in keys if matches(rule, key)}
    return stay - {key for rule in negative for key in keys if matches(rule, key)}


def matches(rule: str, key: str) -> bool:
    """Whether a rule hits a key: an unanchored regular expression, but for the bare ``*``.

    What does not compile in Go hits nothing.
    """
    pattern = compiled(".*" if rule == "*" else rule)
    return pattern is not None and pattern.search(key) is not None


@lru_cache(maxsize=512)
def compiled(rule: str) -> re.Pattern[str] | None:
    """The rule as a pattern, or None when Go would not compile it.

    Python's engine stands in for RE2; left out are a few spellings that only Go reads (flags in
    the middle, ``(?U)``, Unicode classes): they count as patterns that do not compile.
    """
    bare = _CHARACTER_CLASS.sub("x", rule)
    repeats = (int(bound) for pair in _REPEAT.findall(bare) for bound in pair if bound)
    if _NOT_IN_GO.search(bare) or any(bound > _REPEAT_LIMIT for bound in repeats):
        return None
    # "\z" is Go's spelling of the end of the text.
    spelled = rule.replace(r"\z", r"\Z")
    for name, members in _POSIX.items():
        spelled = spelled.replace(name, members)
    with warnings.catch_warnings():
        # Python warns of flags in the middle and of "[[": both mean something else in Go.
        warnings.simplefilter("ignore")
        try:
            return re.compile(spelled, re.ASCII)
        except (re.error, OverflowError, RecursionError):
            return None
