"""metadata of objects: what the server reads, fills in and keeps.

Which values are refused is decided in ``checks``; verbs and storage are elsewhere.
"""

from __future__ import annotations

import re
import secrets
import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Any

from kubevirt_sandbox.storage import schema
from kubevirt_sandbox.storage.builtins import STRING, STRING_MAP, STRINGS, TIME, Schema
from kubevirt_sandbox.storage.resources import ResourceType
from kubevirt_sandbox.storage.status import ApiError, bad_request, conflict, details_of, failure

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
_LABEL_LENGTH = 63
_TYPE_ERROR = re.compile(r'^Invalid value: "(.*)": .* in body must be of type ([a-z-]+)')
_JSON_TYPES = {"boolean": "bool", "integer": "number"}
_GO_TYPES = {
    "boolean": "bool",
    "integer": "int64",
    "object": "map[string]string",
    "array": "[]string",
    "date-time": "v1.Time",
}


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
    settle_namespace(resource, namespace, metadata)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = metadata["generateName"][: _LABEL_LENGTH - 5] + random_suffix()
    for key in ("selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"):
        metadata.pop(key, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp(now)
    if resource.custom:
        metadata["generation"] = 1


def settle_namespace(resource: ResourceType, namespace: str, metadata: Obj) -> None:
    """Writes the namespace of the URL into ``metadata``; ApiError 400 when it names another."""
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    if metadata.get("namespace") and metadata["namespace"] != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = namespace


def check_preconditions(resource: ResourceType, old: Obj, new: Obj) -> None:
    """Raises ApiError 409 when ``new`` was made from another version or another object."""
    wanted, actual = new["metadata"].get("uid"), old["metadata"]["uid"]
    name = old["metadata"]["name"]
    if wanted and wanted != actual:
        place = "/".join(filter(None, (old["metadata"].get("namespace"), name)))
        text = (
            f"StorageError: invalid object, Code: 4, Key: /registry/{resource.group}/"
            f"{resource.plural}/{place}, ResourceVersion: 0, AdditionalErrorMsg: Precondition "
            f"failed: UID in precondition: {wanted}, UID in object meta: {actual}"
        )
        raise conflict(resource, name, text)
    version = new["metadata"].get("resourceVersion")
    if version and not version.isdecimal():
        raise failure(
            HTTPStatus.INTERNAL_SERVER_ERROR,
            f'strconv.ParseUint: parsing "{version}": invalid syntax',
        )
    if version and version != old["metadata"]["resourceVersion"]:
        raise conflict(resource, name)


def check_delete_preconditions(
    resource: ResourceType, old: Obj, uid: str | None, version: str | None
) -> None:
    """Raises ApiError 409 when the object to delete is another one, or another version of it."""
    metadata = old["metadata"]
    if uid and uid != metadata["uid"]:
        raise _other(
            *(resource, metadata["name"], "UID", uid, metadata["uid"]),
            "The object might have been deleted and then recreated",
        )
    if version and version != metadata["resourceVersion"]:
        raise _other(
            *(resource, metadata["name"], "ResourceVersion", version),
            *(metadata["resourceVersion"], "The object might have been modified"),
        )


def _other(
    resource: ResourceType, name: str, what: str, wanted: str, actual: str, why: str
) -> ApiError:
    """409 of a deletion: it names the kind, where all else names the resource."""
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    message = (
        f'Operation cannot be fulfilled on {kind} "{name}": the {what} in the precondition '
        f"({wanted}) does not match the {what} in record ({actual}). {why}"
    )
    details = {**details_of(resource, name), "kind": resource.kind}
    return failure(HTTPStatus.CONFLICT, message, "Conflict", details)


def keep_on_update(old: Obj, new: Obj) -> None:
    """Restores in ``new`` the metadata that only the server writes."""
    metadata = new["metadata"]
    for key in _KEPT:
        if key in old["metadata"]:
            metadata[key] = old["metadata"][key]
        else:
            metadata.pop(key, None)
    metadata.pop("selfLink", None)


def decode_error(metadata: Any) -> ApiError | None:
    """400 when metadata has a value of the wrong JSON type, as Go's decoder words it."""
    for item in schema.violations(OBJECT_META, metadata, "metadata"):
        found = _TYPE_ERROR.search(item["message"])
        if item["reason"] != "FieldValueTypeInvalid" or not found:
            continue
        actual, wanted = found.groups()
        if actual == "null" and "[" not in item["field"]:
            # Go reads null as the zero value of a field; only in a list it would be an entry.
            continue
        what = f"json: cannot unmarshal {_JSON_TYPES.get(actual, actual)} into Go "
        if item["field"] == "metadata":
            return bad_request(f"{what}value of type v1.ObjectMeta")
        field = item["field"].split(".")[1].partition("[")[0]
        go_type = _GO_TYPES.get(wanted, wanted)
        return bad_request(f"{what}struct field ObjectMeta.{field} of type {go_type}")
    return None
