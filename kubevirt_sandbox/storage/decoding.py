"""A request's object → the form in which it is stored: version, pruning, strict decoding.

Values that break the schema pass here (admission sees them first); the registry refuses them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from kubevirt_sandbox.storage import objectmeta, schema
from kubevirt_sandbox.storage.resources import ResourceType
from kubevirt_sandbox.storage.status import ApiError, bad_request, cause, invalid

Obj = dict[str, Any]
_ENVELOPE = ("apiVersion", "kind", "metadata")
_SHOWN = 30
_IDENTITY = (
    'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; '
    'Kind string "json:\\"kind,omitempty\\"" }'
)
CLAIM_PROTECTION = "kubernetes.io/pvc-protection"
"""Finalizer that the server gives to each claim: whoever deletes one waits for its pods."""
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_NULLABLE_MAPS = ("labels", "annotations")


def decode(
    resource: ResourceType, obj: Any, version: str = "", *, patched: bool = False
) -> tuple[Obj, list[str]]:
    """A pruned copy in the storage version, and the paths of the fields that were dropped.

    ``version`` is the one of the URL: then the body must be of that version. Raises ApiError 400
    when the body is not an object of this resource, 422 when a patch made another one of it.
    """
    obj = _identified(resource, obj)
    _require_identity(resource, obj, version, patched=patched)
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
    clean.update(schema.without_nulls(resource.schema, kept) if resource.custom else kept)
    return clean, unknown_meta + unknown


def unreadable(resource: ResourceType) -> str:
    """What is said first of a body in which no object of this resource can be seen."""
    return f"the object provided is unrecognized (must be of type {resource.kind}): "


def _identified(resource: ResourceType, obj: Any) -> Obj:
    """A body as an object that says its kind; the server's own ones need not say it."""
    if isinstance(obj, (list, str, int, float)):
        shape = {list: "array", str: "string", bool: "bool"}.get(type(obj), "number")
        what = f"json: cannot unmarshal {shape} into Go value of type {_IDENTITY}"
        raise bad_request(
            f"{unreadable(resource)}couldn't get version/kind; json parse error: {what}"
        )
    if obj and not resource.custom:
        return {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
    if not obj or not obj.get("kind"):
        sent = json.dumps(obj, ensure_ascii=False)
        begins = sent if len(sent) <= _SHOWN else f"{sent[:_SHOWN]} ..."
        raise bad_request(f"{unreadable(resource)}Object 'Kind' is missing in '{sent}' ({begins})")
    return dict(obj)


def _require_identity(resource: ResourceType, obj: Obj, version: str, *, patched: bool) -> None:
    kind, api_version = obj["kind"], obj.get("apiVersion") or ""
    for name, value in (("apiVersion", api_version), ("kind", kind)):
        if not isinstance(value, str):
            raise bad_request(
                f"{unreadable(resource)}couldn't get version/kind; json parse error: json: cannot "
                f"unmarshal number into Go struct field .{name} of type string"
            )
    accepted = [resource.api_version_of(version)] if version else _api_versions(resource)
    if api_version not in accepted:
        if patched and resource.custom:
            raise _changed_identity(resource, obj, "apiVersion", api_version, accepted[0])
        raise bad_request(
            f"the API version in the data ({api_version}) does not match the expected API "
            f"version ({accepted[0]})"
        )
    if kind != resource.kind:
        if resource.custom:
            raise _changed_identity(resource, obj, "kind", kind, resource.kind)
        raise bad_request(
            f"the kind in the data ({kind}) does not match the expected kind ({resource.kind})"
        )


def _changed_identity(
    resource: ResourceType, obj: Obj, field: str, value: str, wanted: str
) -> ApiError:
    wrong = cause("FieldValueInvalid", f'Invalid value: "{value}": must be {wanted}', field)
    metadata = obj.get("metadata")
    name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
    return invalid(resource.group, obj["kind"], name, [wrong])


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


def _establish(crd: Obj) -> None:
    """What a CustomResourceDefinition leaves open, and the status of one that is served."""
    _require_definition(crd)
    names = crd["spec"]["names"]
    names.setdefault("listKind", f"{names['kind']}List")
    names.setdefault("singular", names["kind"].lower())
    crd["spec"].setdefault("conversion", {"strategy": "None"})
    conditions = [
        {
            "lastTransitionTime": crd["metadata"]["creationTimestamp"],
            "message": message,
            "reason": reason,
            "status": "True",
            "type": kind,
        }
        for kind, reason, message in (
            ("NamesAccepted", "NoConflicts", "no conflicts found"),
            ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        )
    ]
    crd["status"] = {
        "acceptedNames": names,
        "conditions": conditions,
        "storedVersions": [item["name"] for item in crd["spec"]["versions"] if item["storage"]],
    }


def _require_definition(crd: Obj) -> None:
    """Refuses a definition that can't be served for want of a part (422)."""
    spec = crd.get("spec") or {}
    names = spec.get("names") or {}
    wanted = {
        "spec.group": spec.get("group"),
        "spec.scope": spec.get("scope"),
        "spec.names.plural": names.get("plural"),
        "spec.names.kind": names.get("kind"),
        "spec.versions": spec.get("versions"),
    }
    causes = [
        cause("FieldValueRequired", "Required value", path)
        for path, found in wanted.items()
        if not found
    ]
    if causes:
        name = crd["metadata"].get("name", "")
        raise invalid("apiextensions.k8s.io", "CustomResourceDefinition", name, causes)


def _encode_texts(secret: Obj) -> None:
    """Moves what a Secret brings as text to where it is kept, in base64."""
    secret.setdefault("type", "Opaque")
    texts = secret.pop("stringData", None)
    if isinstance(texts, dict):
        encoded = {
            key: base64.b64encode(str(item).encode()).decode() for key, item in texts.items()
        }
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def set_defaults(resource: ResourceType, new: Obj) -> None:
    """What the server sets in a new object, in place, before anybody else looks at it."""
    if resource.has_status:
        new.pop("status", None)
    if resource.key in _DEFAULTS:
        _DEFAULTS[resource.key](new)


def _begin_namespace(new: Obj) -> None:
    labels = new["metadata"].setdefault("labels", {})
    labels["kubernetes.io/metadata.name"] = new["metadata"].get("name", "")
    new["spec"] = {"finalizers": ["kubernetes"]}
    new["status"] = {"phase": "Active"}


def _begin_claim(new: Obj) -> None:
    spec = new.setdefault("spec", {})
    if isinstance(spec, dict):  # the schema refuses anything else afterwards
        spec.setdefault("volumeMode", "Filesystem")
    new["status"] = {"phase": "Pending"}
    finalizers = new["metadata"].setdefault("finalizers", [])
    if CLAIM_PROTECTION not in finalizers:
        finalizers.append(CLAIM_PROTECTION)


def _begin_pod(new: Obj) -> None:
    new["status"] = {"phase": "Pending"}


def _begin_event(new: Obj) -> None:
    for field in ("eventTime", "firstTimestamp", "lastTimestamp"):
        new.setdefault(field, None)


def _begin_storage_class(new: Obj) -> None:
    new.setdefault("reclaimPolicy", "Delete")
    new.setdefault("volumeBindingMode", "Immediate")


_DEFAULTS: dict[str, Callable[[Obj], None]] = {
    "namespaces": _begin_namespace,
    "persistentvolumeclaims": _begin_claim,
    "pods": _begin_pod,
    "secrets": _encode_texts,
    "events": _begin_event,
    "storageclasses.storage.k8s.io": _begin_storage_class,
    DEFINITIONS: _establish,
}
