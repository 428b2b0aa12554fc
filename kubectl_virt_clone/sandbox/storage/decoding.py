"""A request's object → the form in which it is stored: version, pruning, strict decoding.

Values that break the schema pass here (admission sees them first); the registry refuses them.
"""

from __future__ import annotations

from typing import Any

from . import objectmeta, schema
from .resources import ResourceType
from .status import ApiError, bad_request, cause, invalid

Obj = dict[str, Any]
_ENVELOPE = ("apiVersion", "kind", "metadata")
_NULLABLE_MAPS = ("labels", "annotations")


def decode(resource: ResourceType, obj: Any, version: str = "") -> tuple[Obj, list[str]]:
    """A pruned copy in the storage version, and the paths of the fields that were dropped.

    ``version`` is the one of the URL: then the body must be of that version. Raises ApiError 400
    when the body is not an object of this resource.
    """
    if not isinstance(obj, dict):
        raise bad_request("the object provided is unrecognized: it must be a JSON object")
    _require_identity(resource, obj, version)
    metadata = obj.get("metadata")
    metadata = {} if metadata is None else metadata
    error = objectmeta.decode_error(metadata)
    if error:
        handled = f'{resource.kind} in version "{version or resource.storage_version}"'
        raise bad_request(f"{handled} cannot be handled as a {resource.kind}: {error}")
    body = {key: value for key, value in obj.items() if key not in _ENVELOPE}
    kept, unknown = schema.prune(resource.schema, body)
    meta, unknown_meta = schema.prune(objectmeta.OBJECT_META, metadata, "metadata")
    meta = {key: value for key, value in meta.items() if value is not None}
    for key in _NULLABLE_MAPS:
        if key in meta:
            # Go decodes a null value of a string map as the empty string.
            meta[key] = {name: value or "" for name, value in meta[key].items()}
    clean: Obj = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": meta}
    clean.update(kept)
    return clean, unknown_meta + unknown


def _require_identity(resource: ResourceType, obj: Obj, version: str) -> None:
    kind, api_version = obj.get("kind"), obj.get("apiVersion")
    if not kind:
        raise bad_request("Object 'Kind' is missing in the request's body")
    if not api_version:
        raise bad_request("Object 'apiVersion' is missing in the request's body")
    accepted = [resource.api_version_of(version)] if version else _api_versions(resource)
    if api_version not in accepted:
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API "
            f"version ({accepted[0]})"
        )
    if kind != resource.kind:
        raise bad_request(
            f"the kind in the data ({kind}) does not match the expected kind ({resource.kind})"
        )


def _api_versions(resource: ResourceType) -> list[str]:
    return [resource.api_version_of(version) for version in resource.versions]


def strict_error(
    resource: ResourceType, version: str, unknown: list[str], *, patched: bool = False
) -> ApiError:
    """The refusal of fieldValidation=Strict: 400, and 422 when a patch brought the fields."""
    fields = ", ".join(f'unknown field "{path}"' for path in unknown)
    if patched:
        message = f'Invalid value: "patch": strict decoding error: {fields}'
        return invalid("", "", "", [cause("FieldValueInvalid", message, "patch")])
    return bad_request(
        f'{resource.kind} in version "{version or resource.storage_version}" cannot be handled '
        f"as a {resource.kind}: strict decoding error: {fields}"
    )


def set_defaults(resource: ResourceType, new: Obj) -> None:
    """What the server sets in a new object, in place, before anybody else looks at it."""
    if resource.has_status:
        new.pop("status", None)
    if resource.key == "namespaces":
        labels = new["metadata"].setdefault("labels", {})
        labels["kubernetes.io/metadata.name"] = new["metadata"].get("name", "")
        new["spec"] = {"finalizers": ["kubernetes"]}
        new["status"] = {"phase": "Active"}
    elif resource.key == "persistentvolumeclaims":
        new.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
        new["status"] = {"phase": "Pending"}
    elif resource.key == "storageclasses.storage.k8s.io":
        new.setdefault("reclaimPolicy", "Delete")
        new.setdefault("volumeBindingMode", "Immediate")
