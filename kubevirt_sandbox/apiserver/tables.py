"""Server-side tables: the columns of a resource and the cells of its objects.

How kubectl lays the table out is kubectl's; lists and watches are elsewhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from functools import cache
from typing import Any

from kubevirt_sandbox.storage.resources import Column, ResourceType

Obj = dict[str, Any]

_STEP = re.compile(
    r"\.(?P<key>[A-Za-z0-9_-]+)"
    r"|\['(?P<quoted>[^']+)'\]"
    r"|\[(?P<index>\d+|\*)\]"
    r"|\[\?\(@\.(?P<field>[\w.]+)\s*==\s*['\"](?P<value>[^'\"]*)['\"]\)\]"
)
_ACCESS_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_NAME = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": (
        "Name must be unique within a namespace. Is required when creating resources, although "
        "some resources may allow a client to request the generation of an appropriate name "
        "automatically. Name is primarily intended for creation idempotence and configuration "
        "definition. Cannot be updated. More info: "
        "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names"
    ),
    "priority": 0,
}


def table(
    resource: ResourceType,
    objects: Iterable[Obj],
    metadata: Obj,
    now: datetime,
    include: str = "Metadata",
) -> Obj:
    """A meta.k8s.io/v1 Table of objects.

    ``include`` says what a row carries of its object: None, Metadata or Object.
    """
    name_last = resource.key == "events"
    definitions = [_definition(column) for column in resource.columns]
    rows = []
    for obj in objects:
        cells = [_cell(resource, column, obj, now) for column in resource.columns]
        row: Obj = {"cells": cells if name_last else [obj["metadata"]["name"], *cells]}
        if include == "None":
            row["object"] = None
        elif include == "Metadata":
            row["object"] = partial_metadata(obj)
        else:
            row["object"] = obj
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": definitions if name_last else [_NAME, *definitions],
        "rows": rows,
    }


def partial_metadata(obj: Obj) -> Obj:
    """The PartialObjectMetadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }


def partial_metadata_list(objects: Iterable[Obj], metadata: Obj) -> Obj:
    """The PartialObjectMetadataList of a list of objects."""
    return {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        # The server appends to a list that it never made: an empty one is null.
        "items": [partial_metadata(obj) for obj in objects] or None,
    }


def evaluate(path: str, obj: Any) -> list[Any]:
    """The values that a column's JSONPath finds: fields, indexes, ``[*]``, ``[?(@.x=='y')]``."""
    steps = _steps(path)
    if steps is None:
        return []
    values = [obj]
    for step in steps:
        values = [found for value in values for found in _follow(step, value)]
    return values


@cache
def _steps(path: str) -> tuple[re.Match[str], ...] | None:
    """The steps of a path, None when it can't be read. Columns have few; objects are many."""
    steps: list[re.Match[str]] = []
    position = 0
    while position < len(path):
        step = _STEP.match(path, position)
        if not step:
            return None
        steps.append(step)
        position = step.end()
    return tuple(steps)


def human_duration(seconds: float) -> str:
    """An age as kubectl writes it: ``5s``, ``3m10s``, ``5h2m``, ``8d``."""
    whole = int(seconds)
    if whole < -1:
        return "<invalid>"
    minutes, hours, days = whole // 60, whole // 3600, whole // 86400
    steps = (
        (120, f"{max(whole, 0)}s"),
        (600, _two(minutes, "m", whole % 60, "s")),
        (3 * 3600, f"{minutes}m"),
        (8 * 3600, _two(hours, "h", minutes % 60, "m")),
        (48 * 3600, f"{hours}h"),
        (8 * 86400, _two(days, "d", hours % 24, "h")),
        (2 * 365 * 86400, f"{days}d"),
        (8 * 365 * 86400, _two(days // 365, "y", days % 365, "d")),
    )
    return next((text for limit, text in steps if whole < limit), f"{days // 365}y")


def _two(first: int, unit: str, second: int, smaller: str) -> str:
    return f"{first}{unit}{second}{smaller}" if second else f"{first}{unit}"


def _definition(column: Column) -> Obj:
    return {
        "name": column.name,
        "type": column.type,
        "format": column.format,
        "description": column.description or _default_description(column),
        "priority": column.priority,
    }


def _default_description(column: Column) -> str:
    return f"Custom resource definition column (in JSONPath format): {column.json_path}"


def _follow(step: re.Match[str], value: Any) -> list[Any]:
    key = step["key"] or step["quoted"]
    if key:
        return [value[key]] if isinstance(value, dict) and key in value else []
    if not isinstance(value, list):
        return []
    if step["index"] == "*":
        return value
    if step["index"]:
        return value[int(step["index"]) :][:1]
    wanted = step["value"]
    return [item for item in value if evaluate(f".{step['field']}", item) == [wanted]]


def _cell(resource: ResourceType, column: Column, obj: Obj, now: datetime) -> Any:
    found = evaluate(column.json_path, obj)
    if not resource.custom:
        if column.name == "Status" and obj["metadata"].get("deletionTimestamp"):
            return "Terminating"
        return _builtin_cell(column, found, now)
    if not found or found[0] is None:
        return None
    value = found[0]
    if column.type == "date":
        return _age(value, now)
    if column.type == "string" and not isinstance(value, str):
        return json.dumps(value, separators=(",", ":"))
    return value


def _builtin_cell(column: Column, found: list[Any], now: datetime) -> Any:
    value = found[0] if found else None
    if column.type == "date":
        return _age(value, now) if value else "<unknown>"
    if column.name in _COMPUTED:
        return _COMPUTED[column.name](value)
    if isinstance(value, dict) and column.name == "Controller":
        group = str(value.get("apiVersion", "")).rpartition("/")[0]
        return f"{value['kind'].lower()}.{group}/{value['name']}"
    if isinstance(value, dict):
        return f"{value.get('kind', '').lower()}/{value.get('name', '')}"
    if isinstance(value, list):
        return ",".join(_ACCESS_MODES.get(item, "") or str(item) for item in value)
    if value is None:
        return "<unset>" if column.name == "VolumeAttributesClass" else ""
    return str(value)


def _usage(status: Any, *, limits: bool) -> str:
    """What a quota allows and how much of it is used: ``persistentvolumeclaims: 1/2``."""
    hard, used = ((status or {}).get(key) or {} for key in ("hard", "used"))
    return ", ".join(
        f"{name}: {used.get(name, '0')}/{hard[name]}"
        for name in sorted(hard)
        if name.startswith("limits.") == limits
    )


_COMPUTED: dict[str, Callable[[Any], str]] = {
    # No container of a pod is ever ready or started again: there are no nodes.
    "Ready": lambda containers: f"0/{len(containers or [])}",
    "Restarts": lambda _: "0",
    "Data": lambda data: str(len(data or {})),
    "Request": lambda status: _usage(status, limits=False),
    "Limit": lambda status: _usage(status, limits=True),
}
"""Cells of built-in resources that no JSONPath says."""


def _age(value: Any, now: datetime) -> str:
    try:
        then = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return "<invalid>"
    if then.tzinfo is None:
        then = then.replace(tzinfo=timezone.utc)
    return human_duration((now - then).total_seconds())
