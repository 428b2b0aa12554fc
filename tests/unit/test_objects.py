"""Reading objects, whatever is missing or malformed in them."""

from datetime import datetime, timezone

import pytest

from kubectl_virt_clone.objects.fields import (
    at,
    copied,
    key_of,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    time_at,
    uid_of,
)
from tests.unit.builders import UID, WRONG, a_clone

OBJECT = {"a": {"text": "t", "number": 5, "list": [{"x": 1}, None, "y", {}], "map": {"k": "v"}}}
NOT_OBJECTS = [None, "text", 5, [], ["a"], {}, {"a": None}, {"a": "text"}, {"a": ["list"]}]


@pytest.mark.parametrize(
    ("read", "path", "value"),
    [
        (at, (), OBJECT),
        (at, ("a", "number"), 5),
        (at, ("a", "missing"), None),
        (at, ("a", "text", "deeper"), None),
        (text_at, ("a", "text"), "t"),
        (text_at, ("a", "number"), ""),
        (text_at, ("a", "missing"), ""),
        (mapping_at, ("a", "map"), {"k": "v"}),
        (mapping_at, ("a", "list"), {}),
        (mapping_at, ("missing",), {}),
        (mappings_at, ("a", "list"), [{"x": 1}, {}]),
        (mappings_at, ("a", "map"), []),
        (mappings_at, ("a", "text"), []),
    ],
)
def test_a_value_of_another_type_counts_as_missing(read, path, value):
    assert read(OBJECT, *path) == value


@pytest.mark.parametrize("obj", NOT_OBJECTS)
@pytest.mark.parametrize(
    ("read", "missing"), [(at, None), (text_at, ""), (mapping_at, {}), (mappings_at, [])]
)
def test_what_is_no_object_has_nothing_in_it(read, missing, obj):
    assert read(obj, "a", "b", "c") == missing


def test_an_object_has_a_name_a_uid_and_a_key():
    clone = a_clone()
    assert (name_of(clone), uid_of(clone), key_of(clone)) == (
        "clone-1",
        UID,
        ("default", "clone-1"),
    )


@pytest.mark.parametrize("metadata", [*WRONG, {"name": 5, "namespace": None, "uid": []}])
def test_an_object_without_proper_metadata_has_an_empty_name_and_key(metadata):
    obj = {"metadata": metadata}
    assert (name_of(obj), uid_of(obj), key_of(obj)) == ("", "", ("", ""))


SIX_O_CLOCK = datetime(2026, 11, 22, 6, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T06:00:00Z", SIX_O_CLOCK),
        ("2026-11-22T06:00:00.250000Z", SIX_O_CLOCK.replace(microsecond=250000)),
        ("2026-11-22T08:00:00+02:00", SIX_O_CLOCK),
        ("2026-11-22T06:00:00", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-99-99T99:99:99Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        (5, None),
        ({}, None),
    ],
)
def test_a_time_is_read_in_utc_or_not_at_all(text, moment):
    assert repr(time_at({"when": text}, "when")) == repr(moment)


def test_a_copy_is_equal_and_shares_nothing():
    value = {"a": [{"b": 1}, None], "c": {"d": "e"}}
    copy = copied(value)
    assert copy == value
    copy["a"][0]["b"], copy["c"]["d"] = 2, "f"
    copy["a"].append(3)
    assert value == {"a": [{"b": 1}, None], "c": {"d": "e"}}
