"""Schemas: what is pruned, and the words for what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from kubevirt_sandbox.storage.schema import prune, violations

SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "count": {"type": "integer"},
        "ratio": {"type": "number"},
        "kind": {"type": "string", "enum": ["A", "B"]},
        "when": {"type": "string", "format": "date-time", "nullable": True},
        "names": {"type": "array", "items": {"type": "string"}},
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
        "items": {
            "type": "array",
            "items": {"type": "object", "properties": {"a": {"type": "string"}}},
        },
    },
}


def test_unknown_fields_are_pruned_and_named() -> None:
    value = {
        "name": "n",
        "x": 1,
        "items": [{"a": "1"}, {"a": "2", "b": 3}],
        "map": {"k": "v"},
        "free": {"deep": {"er": 1}},
    }
    kept, unknown = prune(SCHEMA, value, "spec")
    assert unknown == ["spec.x", "spec.items[1].b"]
    assert kept == {
        "name": "n",
        "items": [{"a": "1"}, {"a": "2"}],
        "map": {"k": "v"},
        "free": {"deep": {"er": 1}},
    }


@pytest.mark.parametrize(
    "value",
    [
        {"name": "n", "when": None},
        {"name": "n", "when": "2026-01-01T00:00:00Z"},
        {"name": "n", "ratio": 1},
        {"name": "n", "port": 1},
        {"name": "n", "port": "1"},
        {"name": "n", "free": {"a": [1]}},
    ],
)
def test_what_fits_is_not_refused(value: dict[str, Any]) -> None:
    assert list(violations(SCHEMA, value)) == []


@pytest.mark.parametrize(
    ("change", "reason", "field", "message"),
    [
        (
            {"count": "1"},
            "FieldValueTypeInvalid",
            "count",
            'Invalid value: "string": count in body must be of type integer: "string"',
        ),
        (
            {"count": True},
            "FieldValueTypeInvalid",
            "count",
            'Invalid value: "boolean": count in body must be of type integer: "boolean"',
        ),
        (
            {"names": ["a", 1]},
            "FieldValueTypeInvalid",
            "names[1]",
            'Invalid value: "integer": names[1] in body must be of type string: "integer"',
        ),
        (
            {"map": {"k": None}},
            "FieldValueTypeInvalid",
            "map.k",
            'Invalid value: "null": map.k in body must be of type string: "null"',
        ),
        (
            {"when": "today"},
            "FieldValueTypeInvalid",
            "when",
            'Invalid value: "today": when in body must be of type date-time: "today"',
        ),
        (
            {"kind": "C"},
            "FieldValueNotSupported",
            "kind",
            'Unsupported value: "C": supported values: "A", "B"',
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    change: dict[str, Any], reason: str, field: str, message: str
) -> None:
    (cause,) = violations(SCHEMA, {"name": "n", **change})
    assert cause == {"reason": reason, "message": message, "field": field}


def test_a_missing_field_is_required() -> None:
    (cause,) = violations(SCHEMA, {}, "spec")
    assert cause == {
        "reason": "FieldValueRequired",
        "message": "Required value",
        "field": "spec.name",
    }
