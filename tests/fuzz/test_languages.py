"""The small languages that a user writes, made of their own pieces: read, or wrong usage."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from kubectl_virt_clone.cli.flags import parse_duration
from kubectl_virt_clone.clone.progress.progress import parse_goal, verdict
from kubectl_virt_clone.clone.spec.filters import check_filter, compile_error, decisions, matches
from kubectl_virt_clone.clone.spec.patches import OPERATIONS, applied, unsafe_reason
from kubectl_virt_clone.errors import InvalidValue, VirtCloneError
from kubectl_virt_clone.objects.jsonpath import as_text, parse_jsonpath, sorted_by
from tests.fuzz import corpus, worlds
from tests.fuzz.effort import fuzzed
from tests.fuzz.hostile import TEXTS, VALUES, objects_like
from tests.fuzz.terminals import bounded


def made_of(*pieces: str, most: int = 12) -> st.SearchStrategy[str]:
    """Texts of these pieces, and now and then of others."""
    piece = st.sampled_from(pieces)
    return st.lists(piece | piece | piece | TEXTS, max_size=most).map("".join)


PATH_WORDS = (
    *("{", "}", ".", "..", "[", "]", "[?(", ")]", "@", "@.", "$", "'", '"', "*", ":", ",", "-1"),
    *("==", "!=", "<", ">=", "=", "\\", "\\.", " ", "a", ".status", ".conditions", "type", "true"),
    *("[?(@.type=='Ready')]", ".metadata", ".name", "[*]", "[0:2]", "['a.b']", "999999999", "0"),
)
FILTER_WORDS = (
    *("*", "!", "a", "app", ".", "(?i)", "\\Q", "\\E", "\\C", "[[:alpha:]]", "[", "]", "^", "$"),
    *("(", ")", "|", "{2}", "{1000}", "\\pL", "\\p{Greek}", "+", "?", "(?P<n>", "(?<\u00e9>"),
    *("\\", "\\x{"),
)
POINTER_WORDS = ("/", "spec", "/metadata", "/labels", "/-", "/0", "/-1", "~0", "~1", "~", "/a")
UNITS = ("h", "m", "s", "ms", "us", "\u00b5s", "ns")
DURATION_WORDS = (*"0123456789", *UNITS, ".", "-", "+", "9" * 400)
GOAL_WORDS = ("jsonpath=", "{.a}", "=", "phase", "condition", "Ready", "'", "\n")

# What is made of words is seldom whole: the other half is, so that it is not only refused.
STEPS = (
    *("..", ".*", "..*", ".status", ".metadata", ".spec", ".name", ".conditions", ".a\\.b", ".0"),
    *("[*]", "[0]", "[-1]", "[0:2]", "[::0]", "[0,-1]", "['a.b']", "[?(@.type=='Ready')]"),
    *("[?(@.status>'A')]", "[?(@.status>=1)]", "[?(@..name!=@.a)]", "[?(@.reason)]"),
)
WHOLE_PATHS = st.lists(st.sampled_from(STEPS), min_size=1, max_size=4).map(
    lambda steps: f"{{{''.join(steps)}}}"
)
PLACES = (
    *("/metadata/labels", "/metadata/labels/a", "/metadata/labels/~1", "/metadata/annotations/b"),
    *("/spec", "/spec/x", "/spec/x/y", "/spec/template/spec/volumes/0", "/spec/template/~2"),
    *("/spec/template/spec/volumes/-", "/spec/template/spec/volumes/99", "/metadata/name/a", "/"),
)

PATHS = WHOLE_PATHS | made_of(*PATH_WORDS)
FILTERS = made_of(*FILTER_WORDS)
POINTERS = st.sampled_from(PLACES) | made_of(*POINTER_WORDS)
DURATIONS = made_of(*DURATION_WORDS) | st.lists(
    st.tuples(st.integers(0, 10**18).map(str), st.sampled_from(UNITS)).map("".join), max_size=3
).map("".join)
GOALS = (
    st.sampled_from(worlds.GOALS)
    | st.tuples(st.just("jsonpath="), PATHS, st.just("=") | TEXTS).map("".join)
    | made_of(*GOAL_WORDS).map("jsonpath={.a}".__add__)
    | made_of(*GOAL_WORDS)
)
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(OPERATIONS), "path": POINTERS},
    optional={"value": VALUES, "from": POINTERS},
)
PATCHES = (OPERATION | OPERATION | VALUES).map(json.dumps) | TEXTS
CLONES = objects_like(*corpus.clones())


@fuzzed(25)
@example(text="{..*.a}", clones=corpus.clones())
@example(text="{.spec}", clones=corpus.clones())
@example(text="{.status.conditions[?(@.status>1)]}", clones=corpus.clones())
@example(text="{.status.conditions[::0]}", clones=corpus.clones())
@given(text=PATHS, clones=st.lists(CLONES, min_size=2, max_size=3))
def test_any_path_is_refused_or_finds_in_any_object(text: str, clones: list[Any]) -> None:
    with bounded(), suppress(InvalidValue):
        path = parse_jsonpath(text)
        for value in path.find(clones[0]):
            with suppress(VirtCloneError):  # of a list or a mapping
                assert isinstance(as_text(value), str)
        with suppress(VirtCloneError):  # where none has a value
            assert len(sorted_by(clones, path)) == len(clones)


@fuzzed(20)
@example(text="jsonpath={.a}=\n", clone={})
@given(text=GOALS, clone=CLONES)
def test_any_goal_is_refused_or_judged(text: str, clone: Any) -> None:
    with bounded(), suppress(VirtCloneError):  # also of a path that leads to several values
        assert verdict(clone, parse_goal(text))


@fuzzed(20)
@given(texts=st.lists(FILTERS, min_size=1, max_size=3), keys=st.lists(TEXTS, max_size=3))
def test_any_filter_is_refused_or_decides(texts: list[str], keys: list[str]) -> None:
    with bounded():
        with suppress(InvalidValue):
            assert check_filter(texts[0]) == texts[0]
        decided = decisions(texts, keys)
        broken = [text for text in texts if compile_error(text)]

    assert [decision.key for decision in decided] == sorted(set(keys))
    assert not any(matches(text, key) for text in broken for key in keys)


@fuzzed(25)
@example(patches=['{"op":"add","path":"/metadata/labels","value":1}'], vm=corpus.vms()[-1])
@example(patches=['{"op":"add","path":"/metadata/~2","value":1}'], vm=corpus.vms()[-1])
@given(
    patches=st.lists(PATCHES, max_size=3),
    vm=objects_like(*corpus.vms()),
)
def test_any_patch_is_refused_or_leaves_an_object(patches: list[str], vm: dict[str, Any]) -> None:
    before = repr(vm)

    with bounded(), suppress(InvalidValue):
        assert isinstance(applied(vm, patches), dict)

    assert all(isinstance(unsafe_reason(patch), str) for patch in patches)
    assert repr(vm) == before


@fuzzed(20)
@given(text=DURATIONS)
def test_any_duration_is_refused_or_a_number_that_can_be_waited_for(text: str) -> None:
    with bounded(), suppress(InvalidValue):
        assert abs(parse_duration(text)) < 2**63 / 1e9
