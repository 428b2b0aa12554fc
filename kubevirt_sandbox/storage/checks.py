"""Which values the API server refuses beyond an object's schema, and what it warns about.

Of custom resources only the metadata; ``objectmeta`` fills it in. Webhooks check the rest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from kubevirt_sandbox.storage.admission.policies import POLICIES, unreadable_expressions
from kubevirt_sandbox.storage.resources import ResourceType
from kubevirt_sandbox.storage.status import Cause, cause

Obj = dict[str, Any]

_ANNOTATIONS_SIZE = 256 * 1024
_NAME_LENGTH = 253
_LABEL_LENGTH = 63
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUALIFIED = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
SUBDOMAIN_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
LABEL_RULE = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
    "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
    "'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
KEY_RULE = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)


def metadata_violations(
    resource: ResourceType, obj: Obj, old: Obj | None = None
) -> Iterator[Cause]:
    """The causes for which an object's metadata is refused with 422."""
    metadata = obj["metadata"]
    yield from _name_violations(resource, metadata)
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            yield from _entry_violations(field, key, value)
    yield from _size_violations(metadata.get("annotations") or {})
    yield from _owner_violations(metadata.get("ownerReferences") or [])
    for finalizer in metadata.get("finalizers") or ():
        yield from _qualified_violations("metadata.finalizers", finalizer)
    if old is not None:
        # Custom resources are checked by two layers of the server, and both complain.
        for _ in range(1 + resource.custom):
            yield from _change_violations(metadata, old)


def finalizer_warnings(obj: Obj, old: Obj | None) -> list[str]:
    """What the server says of new finalizers whose names anybody else might choose as well."""
    before = (old or {"metadata": {}})["metadata"].get("finalizers") or ()
    return [
        f'metadata.finalizers: "{item}": prefer a domain-qualified finalizer name to avoid '
        "accidental conflicts with other finalizer writers"
        for item in obj["metadata"].get("finalizers") or ()
        if item not in before and "/" not in item
    ]


def _size_violations(annotations: dict[str, str]) -> Iterator[Cause]:
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _ANNOTATIONS_SIZE:
        message = f"Too long: may not be more than {_ANNOTATIONS_SIZE} bytes"
        yield cause("FieldValueTooLong", message, "metadata.annotations")


def _owner_violations(references: list[Obj]) -> Iterator[Cause]:
    where = "metadata.ownerReferences"
    for reference in references:
        for key in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(key):
                named = "version " if key == "apiVersion" else ""
                message = f'Invalid value: "": {named}must not be empty'
                yield cause("FieldValueInvalid", message, f"{where}.{key}")
        if (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Event"):
            message = (
                f"Invalid value: {_shown(reference)}: /v1, Kind=Event is disallowed from being an "
                "owner"
            )
            yield cause("FieldValueInvalid", message, where)
    controllers = [
        f"{item.get('kind')}/{item.get('name')}" for item in references if item.get("controller")
    ]
    for other in controllers[1:]:
        message = (
            f"Invalid value: {_shown(references)}: Only one reference can have Controller set to "
            f'true. Found "true" in references for {controllers[0]} and {other}'
        )
        yield cause("FieldValueInvalid", message, where)


def uid_violations(obj: Obj, old: Obj) -> list[Cause]:
    """The causes for which a patch of the uid is refused: two layers of the server complain."""
    wanted = obj["metadata"].get("uid")
    if not wanted or wanted == old["metadata"]["uid"]:
        return []
    message = f"Invalid value: {_shown(wanted)}: field is immutable"
    return [cause("FieldValueInvalid", message, "metadata.uid")] * 2


def _change_violations(metadata: Obj, old: Obj) -> Iterator[Cause]:
    """What an update may not change: the finalizers of what is going."""
    if old["metadata"].get("deletionTimestamp"):
        before = old["metadata"].get("finalizers") or ()
        added = [item for item in metadata.get("finalizers") or () if item not in before]
        if added:
            listed = ", ".join(f'"{item}"' for item in added)
            message = (
                "Forbidden: no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{listed}}}"
            )
            yield cause("FieldValueForbidden", message, "metadata.finalizers")


def _shown(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _name_violations(resource: ResourceType, metadata: Obj) -> Iterator[Cause]:
    prefix = metadata.get("generateName")
    if prefix:
        # A hyphen at its end is fine: the name does not end there.
        yield from _form_violations(resource, prefix, "generateName", re.sub(r"-$", "a", prefix))
    name = metadata.get("name", "")
    if not name:
        message = "Required value: name or generateName is required"
        yield cause("FieldValueRequired", message, "metadata.name")
        return
    yield from _form_violations(resource, name, "name", name)


def _form_violations(resource: ResourceType, shown: str, field: str, name: str) -> Iterator[Cause]:
    label = resource.key == "namespaces"
    pattern, rule = (_LABEL, LABEL_RULE) if label else (_SUBDOMAIN, SUBDOMAIN_RULE)
    limit, unit = (_LABEL_LENGTH, "bytes") if label else (_NAME_LENGTH, "characters")
    where = f"metadata.{field}"
    if len(name) > limit:
        message = f"Invalid value: {_shown(shown)}: must be no more than {limit} {unit}"
        yield cause("FieldValueInvalid", message, where)
    if not pattern.fullmatch(name):
        yield cause("FieldValueInvalid", f"Invalid value: {_shown(shown)}: {rule}", where)


def _entry_violations(field: str, key: str, value: str) -> Iterator[Cause]:
    where = f"metadata.{field}"
    # "case doesn't matter", says ValidateAnnotations
    yield from _qualified_violations(where, key, any_case=field == "annotations")
    if field != "labels":
        return
    shown = _shown(value)
    if len(value) > _LABEL_LENGTH:
        message = f"Invalid value: {shown}: must be no more than 63 bytes"
        yield cause("FieldValueInvalid", message, where)
    elif value and not _QUALIFIED.fullmatch(value):
        yield cause("FieldValueInvalid", f"Invalid value: {shown}: {VALUE_RULE}", where)


def _qualified_violations(where: str, key: str, *, any_case: bool = False) -> Iterator[Cause]:
    prefix, slash, name = key.rpartition("/")
    shown = _shown(key)
    if any_case:
        prefix = prefix.lower()
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        message = f"Invalid value: {shown}: prefix part {SUBDOMAIN_RULE}"
        yield cause("FieldValueInvalid", message, where)
    if len(name) > _LABEL_LENGTH:
        message = f"Invalid value: {shown}: name part must be no more than 63 bytes"
        yield cause("FieldValueInvalid", message, where)
    elif not _QUALIFIED.fullmatch(name):
        yield cause("FieldValueInvalid", f"Invalid value: {shown}: {KEY_RULE}", where)


def builtin_violations(resource: ResourceType, obj: Obj) -> Iterator[Cause]:
    """The causes for which an object of a built-in resource is refused with 422."""
    if resource.key == "events":
        yield from _of_event(obj)
    elif resource.key == "persistentvolumeclaims":
        yield from _of_claim(_section(obj, "spec"))
    elif resource.key == POLICIES:
        yield from unreadable_expressions(obj)


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
