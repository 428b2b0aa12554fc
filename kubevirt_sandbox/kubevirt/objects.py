"""Nested parts of stored objects, read without trusting their shape.

Users may store half-written objects; rules about any one resource do not belong here.
"""

from __future__ import annotations

from typing import Any

Obj = dict[str, Any]


def section(obj: Any, *path: str) -> Obj:
    """The mapping at ``path``, or an empty one when something else, or nothing, is there.

    The answer is the stored mapping itself where there is one: a change to it changes ``obj``.
    """
    for key in path:
        obj = obj.get(key) if isinstance(obj, dict) else None
    return obj if isinstance(obj, dict) else {}


def entries(obj: Any, *path: str) -> list[Obj]:
    """The mappings in the list at ``path``; whatever is not a mapping is left out."""
    *parents, last = path
    found = section(obj, *parents).get(last)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def text(obj: Any, *path: str) -> str:
    """The string at ``path``, or an empty one."""
    *parents, last = path
    found = section(obj, *parents).get(last)
    return found if isinstance(found, str) else ""


def annotations_of(obj: Obj) -> Obj:
    """The annotations of an object, to be read."""
    return section(obj, "metadata", "annotations")


def is_deleting(obj: Obj) -> bool:
    """Whether the object only waits for its finalizers."""
    return bool(section(obj, "metadata").get("deletionTimestamp"))


def location(obj: Obj) -> tuple[str, str]:
    """(namespace, name) of a stored object."""
    metadata = section(obj, "metadata")
    return str(metadata.get("namespace", "")), str(metadata.get("name", ""))


def owner_uid(obj: Obj) -> str:
    """The uid of the controlling owner, empty when there is none."""
    for reference in entries(obj, "metadata", "ownerReferences"):
        if reference.get("controller"):
            return str(reference.get("uid", ""))
    return ""
