"""Values to be afraid of, and objects of a cluster with some of them in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from tests.unit.builders import WRONG

NASTY = (
    *("\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;http://example.com\x1b\\", "\x9b2J", "\x00"),
    *("\x1bc", "a\nb", "\r\n", "\rover", "\t", "\x7f", "\x85", "gpj.\u202eexe", "\u2066a"),
    *("zero\u200bwidth", "\u200d", "\ufeff", "\u00ad", "\u2060", "\U000e0041", "\u2028", "\u061c"),
    *("\ud800", "\udfff", "\ud83d", "%s%n{}{0.__class__}", "..", "../../secrets", "a/b", "a?b#c"),
    *("-o", "--all", "[", "(?<n>", "*", "!", "a" * 300, "名前" * 20, "e\u0301" * 9, "NaN", "~0~1"),
    *("2026-11-22T07:54:15Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "null"),
    *(
        "v" + "9" * 5000 + ".1",
        "1.9",
        "-1",
        "\u0661",
        "\xb2",
        "Succeeded",
        "Failed",
        "tmp-restore-x",
    ),
    *('{"op":"add","path":"/spec/x","value":1}', '{"op":"move","from":"/spec","path":"/spec/a/b"}'),
    *('{"op":"add","path":"/spec/template/spec/volumes/-","value":7}', "02-00-00-00-00-99", "True"),
    "'\"`$(id)",
)
"""Texts that have broken programs: for terminals, paths, numbers, times, patterns and patches."""

ANY_CHARACTER = st.characters(codec=None)  # lone surrogates, too
TEXTS = (
    st.sampled_from(NASTY)
    | st.text(ANY_CHARACTER, max_size=12)
    | st.tuples(st.text(max_size=4), st.sampled_from(NASTY), st.text(max_size=4)).map("".join)
)
NUMBERS = (
    st.integers(-3, 9)
    | st.integers()
    | st.floats()
    | st.sampled_from((10**400, -(2**63), 2**64, 1e308, 5e-324))
)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            TEXTS | st.sampled_from(("name", "kind", "type", "metadata", "status")),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
"""Any JSON value, and what Python's parser takes for one: NaN, lone surrogates."""

DEPTH = 100_000
"""What no reader of JSON follows all the way down."""


@st.composite
def mutated(draw: Any, obj: Any) -> Any:
    """The object with some of its values left out, replaced, moved or poisoned."""
    holder = [deepcopy(obj)]
    for _ in range(draw(st.integers(0, 4))):
        path = draw(st.sampled_from(list(_paths(holder))))
        inner: Any = holder
        for step in path[:-1]:
            inner = inner[step]
        last = path[-1]
        match draw(st.sampled_from(("drop", "value", "text", "poison", "twice", "move"))):
            case "drop" if len(path) > 1:
                del inner[last]
            case "text":
                inner[last] = draw(TEXTS)
            case "poison":
                inner[last] = poisoned(inner[last], draw(TEXTS))
            case "twice" if isinstance(inner, list):
                inner.append(deepcopy(inner[last]))
            case "move":
                inner[last] = deepcopy(_at(holder, draw(st.sampled_from(list(_paths(holder))))))
            case _:
                inner[last] = deepcopy(draw(st.sampled_from(WRONG) | VALUES))
        holder[1:] = []
    return holder[0]


def poisoned(value: Any, text: str, *, spared: Container[str] = ()) -> Any:
    """The value with ``text`` behind every text in it, but for the values of keys to be spared."""
    if isinstance(value, str):
        return value + text
    if isinstance(value, list):
        return [poisoned(item, text, spared=spared) for item in value]
    if isinstance(value, dict):
        return {
            key: item if key in spared else poisoned(item, text, spared=spared)
            for key, item in value.items()
        }
    return value


def objects_like(*whole: Any) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that were once one of these; sometimes another mapping altogether."""
    near = st.sampled_from(whole).flatmap(mutated).filter(lambda value: isinstance(value, dict))
    return near | near | near | st.dictionaries(TEXTS, VALUES, max_size=3)


def _paths(value: Any) -> Iterator[tuple[Any, ...]]:
    steps: list[Any] = list(value) if isinstance(value, dict) else []
    steps = list(range(len(value))) if isinstance(value, list) else steps
    for step in steps:
        yield (step,)
        yield from ((step, *rest) for rest in _paths(value[step]))


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


# What the program itself writes on a terminal: colours, and the cursor of a frame.
_OURS = re.compile(r"\x1b\[(?:0|3[123](?:;1)?)m|\x1b\[[0-9]*[AJK]|\r")
_TURNING = frozenset(("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"))

# Signs that enclose numbers or words, and joiners of hieroglyphs: of category Cf, but drawn.
_SEEN = frozenset(
    map(chr, (*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD))
) | frozenset(map(chr, range(0x13430, 0x13440)))


def dangerous(text: str, *, terminal: bool = False) -> set[str]:
    """The characters that could move a cursor, turn the direction of writing, or hide."""
    if terminal:
        text = _OURS.sub("", text)
    return {
        char
        for char in set(text) - _SEEN
        if (unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") and char != "\n")
        or unicodedata.bidirectional(char) in _TURNING
    }
