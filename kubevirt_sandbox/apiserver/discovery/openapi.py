"""OpenAPI documents v2 and v3, as far as kubectl reads them: validation and explain.

The schemas themselves come from the catalogue; HTTP is elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubevirt_sandbox.storage.objectmeta import OBJECT_META
from kubevirt_sandbox.storage.resources import Catalogue, ResourceType

Obj = dict[str, Any]

META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
KUBERNETES = "v1.36.2"
"""The release whose API server the sandbox answers as."""
_INFO = {"title": "Kubernetes", "version": KUBERNETES}
_GVK = "x-kubernetes-group-version-kind"
_OPERATIONS = {"create": "post", "patch": "patch", "update": "put", "get": "get"}
_ENVELOPE = {
    "apiVersion": (
        "APIVersion defines the versioned schema of this representation of an object. Servers "
        "should convert recognized schemas to the latest internal value, and may reject "
        "unrecognized values. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
        "#resources"
    ),
    "kind": (
        "Kind is a string value representing the REST resource this object represents. Servers "
        "may infer this from the endpoint the client submits requests to. Cannot be updated. In "
        "CamelCase. More info: "
        "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
        "#types-kinds"
    ),
}
_METADATA = "Standard object's metadata."


def index(catalogue: Catalogue) -> Obj:
    """The answer of /openapi/v3: one document per group and version."""
    paths = {}
    for group, versions in catalogue.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}"}
    return {"paths": paths}


def document_v3(catalogue: Catalogue, group: str, version: str) -> Obj | None:
    """The OpenAPI v3 document of a group and version, or None when it isn't served."""
    served = [item for item in catalogue if item.group == group and version in item.versions]
    if not served:
        return None
    schemas: Obj = {META: OBJECT_META}
    paths: Obj = {}
    for item in served:
        schemas[_name(item, version)] = _schema(item, version, "#/components/schemas/", True)
        paths.update(_paths(item, version, v3=True))
    return {
        "openapi": "3.0.0",
        "info": _INFO,
        "paths": paths,
        "components": {"schemas": schemas},
    }


def document_v2(catalogue: Catalogue) -> Obj:
    """The OpenAPI v2 document of everything."""
    definitions: Obj = {META: OBJECT_META}
    paths: Obj = {}
    for item in catalogue:
        for version in item.versions:
            definitions[_name(item, version)] = _schema(item, version, "#/definitions/", False)
            paths.update(_paths(item, version, v3=False))
    return {"swagger": "2.0", "info": _INFO, "paths": paths, "definitions": definitions}


def _name(item: ResourceType, version: str) -> str:
    reverse = ".".join(reversed(item.group.split("."))) if item.group else "io.k8s.api.core"
    return f"{reverse}.{version}.{item.kind}"


def _kind(item: ResourceType, version: str) -> Obj:
    return {"group": item.group, "version": version, "kind": item.kind}


def _schema(item: ResourceType, version: str, prefix: str, v3: bool) -> Obj:
    schema: Obj = {**item.schema, _GVK: [_kind(item, version)]}
    properties = dict(item.schema.get("properties", {}))
    for key, description in _ENVELOPE.items():
        properties[key] = {"type": "string", "description": description}
    reference = {"$ref": prefix + META}
    # Only v3 keeps a description next to a reference, inside allOf.
    properties["metadata"] = (
        {"allOf": [reference], "default": {}, "description": _METADATA} if v3 else reference
    )
    schema["properties"] = properties
    return schema


def _paths(item: ResourceType, version: str, *, v3: bool) -> Mapping[str, Obj]:
    root = f"/apis/{item.group}/{version}" if item.group else f"/api/{version}"
    scope = "/namespaces/{namespace}" if item.namespaced else ""
    collection = f"{root}{scope}/{item.plural}"
    operations = {verb: _operation(item, version, verb, v3) for verb in item.verbs}
    one = {
        _OPERATIONS[verb]: operations[verb]
        for verb in ("get", "patch", "update")
        if verb in operations
    }
    many = {"post": operations["create"]} if "create" in operations else {}
    found = {collection: many, f"{collection}/{{name}}": one}
    return {path: entry for path, entry in found.items() if entry}


def _operation(item: ResourceType, version: str, verb: str, v3: bool) -> Obj:
    kind: Obj = _kind(item, version)
    operation: Obj = {_GVK: kind, "x-kubernetes-action": verb, "responses": {}}
    names = ("dryRun", "fieldManager", "fieldValidation")
    if verb in ("create", "patch", "update"):
        operation["parameters"] = [_parameter(name, v3) for name in names]
    prefix = "#/components/schemas/" if v3 else "#/definitions/"
    reference = {"schema": {"$ref": prefix + _name(item, version)}}
    answer = {"content": {"application/json": reference}} if v3 else reference
    operation["responses"] = {"200": {"description": "OK", **answer}}
    return operation


def _parameter(name: str, v3: bool) -> Obj:
    parameter: Obj = {"name": name, "in": "query", "uniqueItems": True}
    return {**parameter, "schema": {"type": "string"}} if v3 else {**parameter, "type": "string"}
