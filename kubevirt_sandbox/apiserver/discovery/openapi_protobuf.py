"""The OpenAPI v2 document in protobuf, which kubectl 1.27 and older read before every write.

It says only what they look for: which kinds take which query parameters. Schemas are in v3.
"""

from __future__ import annotations

from kubevirt_sandbox.storage.resources import Catalogue, ResourceType

CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
# Clients ask with an @, which is no valid media type in the answer.
ACCEPTED = (CONTENT_TYPE, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")

_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
# Field numbers of the messages of openapi.v2 that are written here.
_SWAGGER, _INFO, _PATHS = 1, 2, 8
_TITLE, _VERSION = 1, 2
_PATH_ITEM, _ITEM_NAME, _ITEM_VALUE, _ITEM_PATCH = 2, 1, 2, 8
_OPERATION_PARAMETERS, _OPERATION_EXTENSION = 8, 13
_PARAMETER, _NON_BODY, _QUERY, _QUERY_IN, _QUERY_NAME, _QUERY_TYPE = 1, 2, 3, 2, 4, 6
_EXTENSION_NAME, _EXTENSION_VALUE, _ANY_YAML = 1, 2, 2


def document(catalogue: Catalogue) -> bytes:
    """The protobuf message openapi.v2.Document."""
    info = _text(_TITLE, "Kubernetes") + _text(_VERSION, "v1.36.2")
    paths = b"".join(
        _path(item, version) for item in catalogue for version in item.versions if _patched(item)
    )
    return _text(_SWAGGER, "2.0") + _message(_INFO, info) + _message(_PATHS, paths)


def _patched(item: ResourceType) -> bool:
    return "patch" in item.verbs


def _path(item: ResourceType, version: str) -> bytes:
    root = f"/apis/{item.group}/{version}" if item.group else f"/api/{version}"
    scope = "/namespaces/{namespace}" if item.namespaced else ""
    patch = b"".join(_parameter(name) for name in _PARAMETERS) + _kind(item, version)
    value = _message(_ITEM_VALUE, _message(_ITEM_PATCH, patch))
    return _message(_PATH_ITEM, _text(_ITEM_NAME, f"{root}{scope}/{item.plural}/{{name}}") + value)


def _parameter(name: str) -> bytes:
    query = _text(_QUERY_IN, "query") + _text(_QUERY_NAME, name) + _text(_QUERY_TYPE, "string")
    parameter = _message(_NON_BODY, _message(_QUERY, query))
    return _message(_OPERATION_PARAMETERS, _message(_PARAMETER, parameter))


def _kind(item: ResourceType, version: str) -> bytes:
    yaml = f'group: "{item.group}"\nkind: {item.kind}\nversion: {version}\n'
    name = _text(_EXTENSION_NAME, "x-kubernetes-group-version-kind")
    value = _message(_EXTENSION_VALUE, _text(_ANY_YAML, yaml))
    return _message(_OPERATION_EXTENSION, name + value)


def _text(number: int, value: str) -> bytes:
    return _message(number, value.encode())


def _message(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte, the eighth says that more follow
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
