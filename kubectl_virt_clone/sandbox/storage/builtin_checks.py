"""What the API server asks of its own resources beyond their schemas, as far as clones need it.

Custom resources have nothing but a schema and webhooks; metadata is metadata_checks.py's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .resources import ResourceType
from .status import Cause, cause

Obj = dict[str, Any]


def violations(resource: ResourceType, obj: Obj) -> Iterator[Cause]:
    """The causes for which an object of a built-in resource is refused with 422."""
    if resource.key == "events":
        yield from _of_event(obj)
    elif resource.key == "persistentvolumeclaims":
        yield from _of_claim(_section(obj, "spec"))


def _of_event(event: Obj) -> Iterator[Cause]:
    namespace = event["metadata"].get("namespace", "")
    about = _section(event, "involvedObject").get("namespace") or ""
    # What is about an object without a namespace is in this one.
    if about != namespace and (about or namespace != "default"):
        message = f'Invalid value: "{about}": does not match event.namespace'
        yield cause("FieldValueInvalid", message, "involvedObject.namespace")


def _of_claim(spec: Obj) -> Iterator[Cause]:
    if not spec.get("accessModes"):
        message = "Required value: at least 1 access mode is required"
        yield cause("FieldValueRequired", message, "spec.accessModes")
    if "storage" not in _section(_section(spec, "resources"), "requests"):
        yield cause("FieldValueRequired", "Required value", "spec.resources[storage]")


def _section(obj: Obj, key: str) -> Obj:
    found = obj.get(key)
    return found if isinstance(found, dict) else {}
