"""YAML that needs no PyYAML: the same text, or none at all."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kubectl_virt_clone.render.formats import dumped
from kubectl_virt_clone.render.plain_yaml import plain_yaml
from tests.unit.builders import a_clone
from tests.unit.test_formats import TEXTS

WORDS = ["y", "No", "yEs", "null", "NULL", "a: b", "a #b", "a:", "a:b", "it's", "- a", "---", "<<"]
NUMBERS = ["0", "089", "1_000", "1e3", "12e03", "0x1f", "1.5", "-1", ".inf", "12:30", "2026-11-22"]
STRINGS = st.one_of(
    st.sampled_from([*TEXTS, *WORDS, *NUMBERS, "2026-11-22T07:54:15Z", "", "a" * 127, "a b " * 99]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=6),
    st.text(max_size=4),
    st.from_regex(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", fullmatch=True),
    st.from_regex(r"[-+.]?[0-9yYnN._:eExob-]{1,9}", fullmatch=True),
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), STRINGS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(STRINGS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=50)
@given(VALUES)
@example({"a": {}, "b": [], "c": [[], {}, [[1]], {"d": [{"e": None}]}]})
@example([True, {"a": False}, ["x", ["y"]]])
@example({"a": "long " * 2001})
@example({"a" * 101: 1})
@example({"a" * 124: 1})
def test_what_is_written_is_what_pyyaml_writes(value):
    assert plain_yaml(value) in (None, dumped(value))


@pytest.mark.parametrize("text", [*WORDS, *NUMBERS, *TEXTS])
def test_a_text_is_written_as_pyyaml_writes_it_as_a_value_and_as_a_key(text):
    for value in ({"x": text}, [text], {text: 1}):
        assert plain_yaml(value) in (None, dumped(value))


@pytest.mark.parametrize(
    "value",
    [
        a_clone(metadata={"labels": {"app": "web", "on": "y", "rank": "1"}}),
        {"metadata": {"uid": "0e5f3a52-8a0b-4a52-9a6c-0123456789ab", "resourceVersion": "1234"}},
        {"creationTimestamp": "2026-11-22T07:54:15Z", "message": 'Not yet: it\'s "Pending" #1'},
        {"labelFilters": ["*", "!app.kubernetes.io/name"], "patches": ['{"op":"add"}']},
    ],
)
def test_a_clone_as_the_server_keeps_it_needs_no_pyyaml(value):
    assert plain_yaml(value) == dumped(value)


@pytest.mark.parametrize("value", ["a", 1, None, {"a": "\n"}, {"a": "é"}, {"a": 1.5}, {1: "a"}])
def test_what_is_not_certain_is_left_to_pyyaml(value):
    assert plain_yaml(value) is None
