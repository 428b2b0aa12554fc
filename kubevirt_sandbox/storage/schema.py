"""Structural OpenAPI schemas: which fields are unknown, and which values are refused.

Nothing about particular resources, metadata rules or HTTP belongs here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kubevirt_sandbox.storage.status import Cause, cause

Schema = Mapping[str, Any]

_TYPES: dict[type, str] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
    type(None): "null",
}
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def prune(schema: Schema, value: Any, path: str = "") -> tuple[Any, list[str]]:
    """A copy of ``value`` without the fields that the schema does not know, and their paths."""
    unknown: list[str] = []
    return _prune(schema, value, path, unknown), unknown


def _prune(schema: Schema, value: Any, path: str, unknown: list[str]) -> Any:
    if isinstance(value, list):
        items = schema.get("items") or _ANYTHING
        return [_prune(items, item, f"{path}[{i}]", unknown) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", _EMPTY)
    extra = schema.get("additionalProperties")
    if extra is None and schema.get("x-kubernetes-preserve-unknown-fields"):
        extra = _ANYTHING
    kept = {}
    for key, item in value.items():
        where = f"{path}.{key}" if path else key
        inner = properties.get(key, extra)
        if inner is None:
            unknown.append(where)
        else:
            kept[key] = _prune(inner, item, where, unknown)
    return kept


def without_nulls(schema: Schema, value: Any) -> Any:
    """A copy without the fields that are null where the schema allows none: as if never sent."""
    if isinstance(value, list):
        items = schema.get("items") or _ANYTHING
        return [without_nulls(items, item) for item in value]
    if not isinstance(value, dict) or schema.get("x-kubernetes-preserve-unknown-fields"):
        return value
    properties = schema.get("properties", _EMPTY)
    extra = schema.get("additionalProperties") or _EMPTY
    kept = {}
    for key, item in value.items():
        inner = properties.get(key, extra)
        if item is not None or inner.get("nullable") or not inner.get("type"):
            kept[key] = without_nulls(inner, item)
    return kept


_EMPTY: Schema = {}
_ANYTHING: Schema = {"x-kubernetes-preserve-unknown-fields": True}


def violations(schema: Schema, value: Any, path: str = "") -> Iterator[Cause]:
    """The causes for which a value breaks the schema, in the order of its fields."""
    wrong = _wrong_type(schema, value)
    if wrong:
        text = f"{path} in body must be of type {wrong}: {json.dumps(_name_of(value))}"
        if isinstance(value, str) and wrong == schema.get("format"):
            text = f"{path} in body must be of type {wrong}: {json.dumps(value)}"
        shown = value if wrong == schema.get("format") else _name_of(value)
        yield cause("FieldValueTypeInvalid", f"Invalid value: {json.dumps(shown)}: {text}", path)
        return
    allowed = schema.get("enum")
    if allowed is not None and value not in allowed:
        names = ", ".join(json.dumps(item) for item in allowed)
        text = f"Unsupported value: {json.dumps(value)}: supported values: {names}"
        yield cause("FieldValueNotSupported", text, path)
    if isinstance(value, dict):
        yield from _violations_of_object(schema, value, path)
    elif isinstance(value, list):
        items = schema.get("items")
        if items:
            for i, item in enumerate(value):
                yield from violations(items, item, f"{path}[{i}]")


def _violations_of_object(schema: Schema, value: Mapping[str, Any], path: str) -> Iterator[Cause]:
    for key in schema.get("required", ()):
        if key not in value:
            where = f"{path}.{key}" if path else key
            yield cause("FieldValueRequired", "Required value", where)
    properties = schema.get("properties", _EMPTY)
    extra = schema.get("additionalProperties")
    for key, item in value.items():
        inner = properties.get(key, extra)
        if inner is not None:
            yield from violations(inner, item, f"{path}.{key}" if path else key)


def _name_of(value: Any) -> str:
    return _TYPES.get(type(value), "object")


def _wrong_type(schema: Schema, value: Any) -> str:
    """The type (or format) that was wanted, empty when the value has it."""
    if value is None and schema.get("nullable"):
        return ""
    if schema.get("x-kubernetes-int-or-string"):
        fits = isinstance(value, (int, str)) and not isinstance(value, bool)
        return "" if fits else "integer,string"
    wanted = schema.get("type")
    if not wanted:
        return ""
    actual = _name_of(value)
    if actual != wanted and not (wanted == "number" and actual == "integer"):
        return str(wanted)
    if schema.get("format") == "date-time" and not _DATE_TIME.fullmatch(value):
        return "date-time"
    return ""
