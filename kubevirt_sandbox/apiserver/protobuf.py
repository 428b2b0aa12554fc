"""The few request bodies that kubectl sends in protobuf whatever the server prefers.

Namespaces and self reviews only; answers are always JSON, and other kinds are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kubevirt_sandbox.storage.status import bad_request, unsupported_media_type

Obj = dict[str, Any]
Fields = dict[int, tuple[str, Any]]
"""Field number → JSON name, and what it is: str, bytes, a map, or the Fields of a message."""

PROTOBUF = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\x00"
_STRING_MAP = "map"
_CONTINUES = 0x80
"""The bit of a varint's byte that says that another byte follows."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_ENVELOPE: Fields = {1: ("typeMeta", {1: ("apiVersion", str), 2: ("kind", str)}), 2: ("raw", bytes)}
_META: Fields = {
    1: ("name", str),
    2: ("generateName", str),
    3: ("namespace", str),
    11: ("labels", _STRING_MAP),
    12: ("annotations", _STRING_MAP),
}
_RESOURCE: Fields = {
    1: ("namespace", str),
    2: ("verb", str),
    3: ("group", str),
    4: ("version", str),
    5: ("resource", str),
    6: ("subresource", str),
    7: ("name", str),
}
_PATH: Fields = {1: ("path", str), 2: ("verb", str)}
_KINDS: dict[str, Fields] = {
    "Namespace": {1: ("metadata", _META)},
    "SelfSubjectReview": {1: ("metadata", _META)},
    "SelfSubjectAccessReview": {
        1: ("metadata", _META),
        2: ("spec", {1: ("resourceAttributes", _RESOURCE), 2: ("nonResourceAttributes", _PATH)}),
    },
    "SelfSubjectRulesReview": {
        1: ("metadata", _META),
        2: ("spec", {1: ("namespace", str)}),
    },
}


def read_object(raw: bytes, accepted: tuple[str, ...]) -> Obj:
    """The object of a protobuf body as its JSON form; ``accepted`` is named in the refusal.

    Raises ApiError 415 for kinds that are not known here and 400 for a broken body.
    """
    if not raw.startswith(_MAGIC):
        raise bad_request("the object provided is not in the Kubernetes protobuf format")
    try:
        envelope = _message(raw[len(_MAGIC) :], _ENVELOPE)
        kind = envelope.get("typeMeta", {}).get("kind", "")
        if kind not in _KINDS:
            raise unsupported_media_type(accepted)
        return {**envelope["typeMeta"], **_message(envelope.get("raw", b""), _KINDS[kind])}
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        raise bad_request(f"the protobuf body can't be read: {error}") from None


def _message(data: bytes, fields: Fields) -> Obj:
    found: Obj = {}
    for number, value in _entries(data):
        if number not in fields or not isinstance(value, bytes):
            continue
        name, shape = fields[number]
        if shape is str:
            text = value.decode()
            if text:
                # Kubernetes writes empty strings where JSON has no field.
                found[name] = text
        elif shape is bytes:
            found[name] = value
        elif shape == _STRING_MAP:
            pair = {key: item.decode() for key, item in _entries(value) if isinstance(item, bytes)}
            found.setdefault(name, {})[pair.get(1, "")] = pair.get(2, "")
        else:
            found[name] = _message(value, shape)
    return found


def _entries(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(field number, value) of each entry of a message; bytes for strings and messages."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(wire)
        if wire == _BYTES:
            size, position = _varint(data, position)
        if size is None or position + size > len(data):
            raise ValueError(f"field {number} is cut off")
        yield number, data[position : position + size]
        position += size


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & ~_CONTINUES) << shift
        if not byte & _CONTINUES:
            return value, position
        shift += 7
