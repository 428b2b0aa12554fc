"""Strategic merge patches: merge patches that know which lists of built-in resources are merged.

Custom resources have none. The lists are those of the few built-ins that are served here.
"""

from __future__ import annotations

from typing import Any

from kubevirt_sandbox.storage.status import bad_request

Obj = dict[str, Any]

MERGE_KEYS = {"ownerReferences": "uid", "conditions": "type", "finalizers": ""}
"""Lists that are merged: by this key of their objects, or as sets of strings. Others replace."""


def merge(target: Any, patch: Obj) -> Obj:
    """``target`` with a patch; raises ApiError 400 for a directive that has no meaning."""
    replaced = patch.get("$patch") == "replace"
    merged = dict(target) if isinstance(target, dict) and not replaced else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None or _deletes(value):
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge(merged.get(key), value)
        elif isinstance(value, list) and key in MERGE_KEYS:
            merged[key] = _merged_list(merged.get(key) or [], value, MERGE_KEYS[key])
        else:
            merged[key] = value
    for key in patch:
        if key.startswith("$"):
            merged = _directed(merged, key, patch[key])
    return merged


def _deletes(value: Any) -> bool:
    return isinstance(value, dict) and value.get("$patch") == "delete"


def _merged_list(current: list[Any], patch: list[Any], key: str) -> list[Any]:
    if not key:
        return [*current, *(item for item in patch if item not in current)]
    if not all(isinstance(item, dict) and key in item for item in patch):
        raise bad_request(f"map: {patch} does not contain declared merge key: {key}")
    merged = {item.get(key): item for item in current}
    for item in patch:
        if _deletes(item):
            merged.pop(item[key], None)
        else:
            merged[item[key]] = merge(merged.get(item[key]), item)
    return list(merged.values())


def _directed(merged: Obj, directive: str, value: Any) -> Obj:
    """What a key that begins with ``$`` asks for, once everything else is merged."""
    kind, _, field = directive.partition("/")
    if kind == "$patch" and value in ("replace", "merge"):
        return merged
    if not isinstance(value, list):
        raise bad_request(f"unable to apply the directive {directive}")
    if kind == "$retainKeys":
        return {key: item for key, item in merged.items() if key in value}
    if kind == "$deleteFromPrimitiveList" and field in merged:
        return {**merged, field: [item for item in merged[field] if item not in value]}
    if kind == "$setElementOrder" and field in merged:
        key = MERGE_KEYS.get(field, "")
        order = [item.get(key) if key else item for item in value]
        return {**merged, field: _ordered(merged[field], key, order)}
    return merged


def _ordered(items: list[Any], key: str, order: list[Any]) -> list[Any]:
    """The items in the given order; those that it does not name come last."""

    def place(item: Any) -> int:
        name = item.get(key) if key else item
        return order.index(name) if name in order else len(order)

    return sorted(items, key=place)
