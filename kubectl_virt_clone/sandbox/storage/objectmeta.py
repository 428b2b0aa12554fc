"""metadata of objects: what the server fills in, what it keeps, and which values it refuses.

The rest of an object is judged by its schema; verbs and storage are elsewhere.
"""

from __future__ import annotations

import json
import re
import secrets
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from . import schema
from .builtins import STRING, STRING_MAP, STRINGS, TIME, Schema
from .resources import ResourceType
from .status import ApiError, Cause, bad_request, cause, conflict

Obj = dict[str, Any]

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""The letters of generated names: no vowels, so that no words appear."""

OBJECT_META: Schema = {
    "type": "object",
    "description": "Standard object's metadata.",
    "properties": {
        "annotations": STRING_MAP,
        "creationTimestamp": {**TIME, "nullable": True},
        "deletionGracePeriodSeconds": {"type": "integer", "format": "int64"},
        "deletionTimestamp": {**TIME, "nullable": True},
        "finalizers": STRINGS,
        "generateName": STRING,
        "generation": {"type": "integer", "format": "int64"},
        "labels": STRING_MAP,
        "managedFields": {
            "type": "array",
            "items": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
        "name": STRING,
        "namespace": STRING,
        "ownerReferences": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["apiVersion", "kind", "name", "uid"],
                "properties": {
                    "apiVersion": STRING,
                    "blockOwnerDeletion": {"type": "boolean"},
                    "controller": {"type": "boolean"},
                    "kind": STRING,
                    "name": STRING,
                    "uid": STRING,
                },
            },
        },
        "resourceVersion": STRING,
        "selfLink": STRING,
        "uid": STRING,
    },
}

_KEPT = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)
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
_TYPE_ERROR = re.compile(r'^Invalid value: "(.*)": .* in body must be of type ([a-z-]+)')
_GO_TYPES = {
    "boolean": "bool",
    "integer": "number",
    "object": "map[string]string",
    "array": "[]string",
    "date-time": "v1.Time",
}
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


def timestamp(moment: datetime) -> str:
    """An aware UTC time as Kubernetes writes it: whole seconds and ``Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def random_suffix(length: int = 5) -> str:
    """The random end of a generated name."""
    return "".join(secrets.choice(SUFFIX_ALPHABET) for _ in range(length))


def fill_on_create(resource: ResourceType, namespace: str, obj: Obj, now: datetime) -> None:
    """Name, namespace, uid, times and generation of a new object, in place.

    Raises ApiError 400 when the body names another namespace than the URL.
    """
    metadata = obj.setdefault("metadata", {})
    if resource.namespaced:
        if metadata.get("namespace") and metadata["namespace"] != namespace:
            raise bad_request(
                "the namespace of the provided object does not match the namespace sent on "
                "the request"
            )
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"][: _LABEL_LENGTH - 5] + random_suffix()
    for key in ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        metadata.pop(key, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp(now)
    if resource.custom:
        metadata["generation"] = 1


def check_preconditions(resource: ResourceType, old: Obj, new: Obj) -> None:
    """Raises ApiError 409 when ``new`` was made from another version or another object."""
    wanted, actual = new["metadata"].get("uid"), old["metadata"]["uid"]
    name = old["metadata"]["name"]
    if wanted and wanted != actual:
        text = f"Precondition failed: UID in precondition: {wanted}, UID in object meta: {actual}"
        raise conflict(resource, name, text)
    version = new["metadata"].get("resourceVersion")
    if version and version != old["metadata"]["resourceVersion"]:
        raise conflict(resource, name)


def check_delete_preconditions(
    resource: ResourceType, old: Obj, uid: str | None, version: str | None
) -> None:
    """Raises ApiError 409 when the object to delete is another one, or another version of it."""
    name, metadata = old["metadata"]["name"], old["metadata"]
    if uid and uid != metadata["uid"]:
        text = f"Precondition failed: UID in precondition: {uid}, UID in object meta: "
        raise conflict(resource, name, text + metadata["uid"])
    if version and version != metadata["resourceVersion"]:
        text = (
            f"Precondition failed: ResourceVersion in precondition: {version}, "
            f"ResourceVersion in object meta: {metadata['resourceVersion']}"
        )
        raise conflict(resource, name, text)


def keep_on_update(old: Obj, new: Obj) -> None:
    """Restores in ``new`` the metadata that only the server writes."""
    metadata = new["metadata"]
    for key in _KEPT:
        if key in old["metadata"]:
            metadata[key] = old["metadata"][key]
        else:
            metadata.pop(key, None)
    metadata.pop("selfLink", None)


def violations(resource: ResourceType, obj: Obj, old: Obj | None = None) -> Iterator[Cause]:
    """The causes for which an object's metadata is refused with 422."""
    metadata = obj["metadata"]
    yield from _name_violations(resource, metadata)
    for field in ("labels", "annotations"):
        for key, value in (metadata.get(field) or {}).items():
            yield from _entry_violations(field, key, value)
    for i, reference in enumerate(metadata.get("ownerReferences") or ()):
        for key in ("apiVersion", "kind", "name", "uid"):
            if not reference.get(key):
                where = f"metadata.ownerReferences[{i}].{key}"
                named = "version" if key == "apiVersion" else key
                message = f'Invalid value: "": {named} must not be empty'
                yield cause("FieldValueInvalid", message, where)
    if old is not None and old["metadata"].get("deletionTimestamp"):
        before = old["metadata"].get("finalizers") or ()
        added = [item for item in metadata.get("finalizers") or () if item not in before]
        if added:
            listed = ", ".join(f'"{item}"' for item in added)
            message = (
                "Forbidden: no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{listed}}}"
            )
            yield cause("FieldValueForbidden", message, "metadata.finalizers")


def _name_violations(resource: ResourceType, metadata: Obj) -> Iterator[Cause]:
    name = metadata.get("name", "")
    if not name:
        message = "Required value: name or generateName is required"
        yield cause("FieldValueRequired", message, "metadata.name")
        return
    label = resource.key == "namespaces"
    pattern, rule = (_LABEL, LABEL_RULE) if label else (_SUBDOMAIN, SUBDOMAIN_RULE)
    limit = _LABEL_LENGTH if label else _NAME_LENGTH
    shown = json.dumps(name, ensure_ascii=False)
    if len(name) > limit:
        message = f"Invalid value: {shown}: must be no more than {limit} bytes"
        yield cause("FieldValueInvalid", message, "metadata.name")
    if not pattern.fullmatch(name):
        yield cause("FieldValueInvalid", f"Invalid value: {shown}: {rule}", "metadata.name")


def _entry_violations(field: str, key: str, value: str) -> Iterator[Cause]:
    where = f"metadata.{field}"
    prefix, slash, name = key.rpartition("/")
    shown = json.dumps(key, ensure_ascii=False)
    if field == "annotations":
        prefix = prefix.lower()  # "case doesn't matter", says ValidateAnnotations
    if slash and not _SUBDOMAIN.fullmatch(prefix):
        message = f"Invalid value: {shown}: prefix part {SUBDOMAIN_RULE}"
        yield cause("FieldValueInvalid", message, where)
    if len(name) > _LABEL_LENGTH:
        message = f"Invalid value: {shown}: name part must be no more than 63 bytes"
        yield cause("FieldValueInvalid", message, where)
    elif not _QUALIFIED.fullmatch(name):
        yield cause("FieldValueInvalid", f"Invalid value: {shown}: {KEY_RULE}", where)
    if field != "labels":
        return
    shown = json.dumps(value, ensure_ascii=False)
    if len(value) > _LABEL_LENGTH:
        message = f"Invalid value: {shown}: must be no more than 63 bytes"
        yield cause("FieldValueInvalid", message, where)
    elif value and not _QUALIFIED.fullmatch(value):
        yield cause("FieldValueInvalid", f"Invalid value: {shown}: {VALUE_RULE}", where)


def decode_error(metadata: Any) -> ApiError | None:
    """400 when metadata has a value of the wrong JSON type, as Go's decoder words it."""
    for item in schema.violations(OBJECT_META, metadata, "metadata"):
        found = _TYPE_ERROR.search(item["message"])
        if item["reason"] != "FieldValueTypeInvalid" or not found:
            continue
        actual, wanted = (_GO_TYPES.get(name, name) for name in found.groups())
        if actual == "null" and "[" not in item["field"]:
            # Go reads null as the zero value of a field; only in a list it would be an entry.
            continue
        return bad_request(
            f"json: cannot unmarshal {actual} into Go struct field ObjectMeta.{item['field']} "
            f"of type {wanted}"
        )
    return None
