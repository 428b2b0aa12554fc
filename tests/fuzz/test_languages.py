"""The small languages that a user writes, made of their own pieces: read, or wrong usage."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubectl_virt_clone.errors import InvalidValue, VirtCloneError
from kubectl_virt_clone.model.filters import check_filter, compile_error, decisions, matches
from kubectl_virt_clone.model.jsonpath import as_text, parse_jsonpath
from kubectl_virt_clone.model.patches import OPERATIONS, applied, unsafe_reason
from kubectl_virt_clone.model.progress import parse_goal, verdict
from kubectl_virt_clone.model.sorting import sorted_by
from kubectl_virt_clone.options import parse_duration
from tests.fuzz import corpus
from tests.fuzz.effort import fuzzed
from tests.fuzz.hostile import TEXTS, VALUES, objects_like
from tests.fuzz.terminals import bounded


def made_of(*pieces: str, most: int = 12) -> st.SearchStrategy[str]:
    """Texts of these pieces, and now and then of others."""
    piece = st.sampled_from(pieces)
    return st.lists(piece | piece | piece | TEXTS, max_size=most).map("".join)


PATHS = made_of(
    *("{", "}", ".", "..", "[", "]", "[?(", ")]", "@", "@.", "$", "'", '"', "*", ":", ",", "-1"),
    *("==", "!=", "<", ">=", "=", "\\", "\\.", " ", "a", ".status", ".conditions", "type", "true"),
    *("[?(@.type=='Ready')]", ".metadata", ".name", "[*]", "[0:2]", "['a.b']", "999999999", "0"),
)
FILTERS = made_of(
    *("*", "!", "a", "app", ".", "(?i)", "\\Q", "\\E", "\\C", "[[:alpha:]]", "[", "]", "^", "$"),
    *("(", ")", "|", "{2}", "{1000}", "\\pL", "\\p{Greek}", "+", "?", "(?P<n>", "(?<\u00e9>"),
    *("\\", "\\x{"),
)
POINTERS = made_of("/", "spec", "/metadata", "/labels", "/-", "/0", "/-1", "~0", "~1", "~", "/a")
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(OPERATIONS), "path": POINTERS},
    optional={"value": VALUES, "from": POINTERS},
)
UNITS = ("h", "m", "s", "ms", "us", "\u00b5s", "ns")
DURATIONS = made_of(*"0123456789", *UNITS, ".", "-", "+", "9" * 400)
GOALS = made_of("jsonpath=", "{.a}", "=", "phase", "condition", "Ready", "'") | PATHS
CLONES = objects_like(*corpus.clones())


@fuzzed(80)
@given(text=PATHS, clones=st.lists(CLONES, min_size=1, max_size=2))
def test_any_path_is_refused_or_finds_in_any_object(text: str, clones: list[Any]) -> None:
    with bounded(), suppress(InvalidValue):
        path = parse_jsonpath(text)
        for value in path.find(clones[0]):
            with suppress(VirtCloneError):  # of a list or a mapping
                assert isinstance(as_text(value), str)
        with suppress(VirtCloneError):  # where none has a value
            assert len(sorted_by(clones, path)) == len(clones)


@fuzzed(60)
@given(
    text=made_of("jsonpath=", "{.a}", "=", "phase", "condition", "Ready", "'") | PATHS, clone=CLONES
)
def test_any_goal_is_refused_or_judged(text: str, clone: Any) -> None:
    with bounded(), suppress(VirtCloneError):  # also of a path that leads to several values
        assert verdict(clone, parse_goal(text))


@fuzzed(60)
@given(texts=st.lists(FILTERS, min_size=1, max_size=3), keys=st.lists(TEXTS, max_size=3))
def test_any_filter_is_refused_or_decides(texts: list[str], keys: list[str]) -> None:
    with bounded():
        with suppress(InvalidValue):
            assert check_filter(texts[0]) == texts[0]
        decided = decisions(texts, keys)
        broken = [text for text in texts if compile_error(text)]

    assert [decision.key for decision in decided] == sorted(set(keys))
    assert not any(matches(text, key) for text in broken for key in keys)


@fuzzed(80)
@given(
    patches=st.lists(OPERATION.map(json.dumps) | TEXTS, max_size=3),
    vm=objects_like(*corpus.vms()),
)
def test_any_patch_is_refused_or_leaves_an_object(patches: list[str], vm: dict[str, Any]) -> None:
    before = repr(vm)

    with bounded(), suppress(InvalidValue):
        assert isinstance(applied(vm, patches), dict)

    assert all(isinstance(unsafe_reason(patch), str) for patch in patches)
    assert repr(vm) == before


@fuzzed(60)
@given(text=DURATIONS)
def test_any_duration_is_refused_or_a_number_that_can_be_waited_for(text: str) -> None:
    with bounded(), suppress(InvalidValue):
        assert abs(parse_duration(text)) < 2**63 / 1e9
