"""MAC addresses and JSON Patch operations of a clone: what KubeVirt's restore accepts and does.

Whether an interface exists or an address is free is checked in ``clone/checks``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import copied

# What Go's net.ParseMAC accepts for six octets, as KubeVirt's webhook does.
_NOTATIONS = (
    r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}",
    r"(?:[0-9a-f]{2}-){5}[0-9a-f]{2}",
    r"(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}",
)
_EXAMPLE = "02-00-00-00-00-01"


def dashed(address: str) -> str:
    """Rewrite a MAC address in any usual notation with dashes, in lower case.

    The clone's webhook accepts colons too, but the restore that follows splits its patch at each
    colon and never starts (KubeVirt 1.0 to 1.9), so colons are never sent. Raises InvalidValue.
    """
    lower = address.lower()
    if not any(re.fullmatch(notation, lower) for notation in _NOTATIONS):
        raise InvalidValue(f'"{address}" is not a MAC address; write one like {_EXAMPLE}')
    digits = re.sub(r"[^0-9a-f]", "", lower)
    return "-".join(digits[start : start + 2] for start in range(0, len(digits), 2))


def parse_assignment(text: str) -> tuple[str, str]:
    """Split ``IFACE=MAC`` or ``IFACE:MAC`` into the interface and the dashed address.

    The separator is the first ``=``, or else the first ``:``, so that a MAC may contain colons.
    Raises InvalidValue if the interface is empty or the address is not a MAC address.
    """
    separator = "=" if "=" in text else ":"
    interface, found, address = text.partition(separator)
    if not found or not interface:
        raise InvalidValue(f'"{text}" names no interface; write IFACE={_EXAMPLE}')
    return interface, dashed(address)


OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
"""The operations of RFC 6902."""

PATCHABLE = ("/metadata/labels/", "/metadata/annotations/", "/spec/")
"""Where the restore's webhook lets a patch write."""

_VALUED = frozenset({"add", "replace", "test"})
_KEY_AND_VALUE = 2
_INDEX = r"0|[1-9][0-9]{0,8}"


def unsafe_reason(patch: str) -> str:
    """Why the restore's webhook would refuse the patch; empty if it accepts it.

    The clone's webhook lets such a patch pass, and the clone then hangs in RestoreInProgress. The
    restore's webhook does not parse JSON (KubeVirt's vmrestore.go, 1.0 to 1.9): it splits the text
    at each comma and expects one colon per piece. So a value can contain neither, and can't be an
    object or a list with more than one entry. The sentences are the webhook's own.
    """
    for piece in patch.strip("{}").split(","):
        parts = piece.split(":")
        if len(parts) != _KEY_AND_VALUE:
            return (
                'patch format is not valid - one ":" expected in a single key-value json patch: '
                f"{piece}"
            )
        key, value = (part.strip() for part in parts)
        if key == '"path"' and not value.startswith(tuple(f'"{path}' for path in PATCHABLE)):
            return f"patching is valid only for elements under /spec/ only: {piece}"
    return ""


def decoded(patch: str) -> Any:
    """The JSON value of a patch's text, which is all that the clone's webhook checks.

    Raises InvalidValue if it is not JSON.
    """
    try:
        return json.loads(patch, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidValue(f"the patch {patch} is not JSON: {error}") from error


def _refuse_constant(name: str) -> NoReturn:
    """Python's parser accepts NaN and Infinity, which JSON doesn't have."""
    raise ValueError(f"{name} is not a JSON value")


def parse(patch: str) -> dict[str, Any]:
    """Read the text of one JSON Patch operation as a new dict; extra members are kept.

    Raises InvalidValue if it is not JSON, not a single operation, an operation that RFC 6902
    doesn't know, or lacks its path, value or from.
    """
    operation = decoded(patch)
    if isinstance(operation, list):
        raise InvalidValue(
            f"the patch {patch} is a list; give each operation as a patch of its own"
        )
    if not isinstance(operation, dict):
        raise InvalidValue(f"the patch {patch} is not a JSON object")
    if operation.get("op") not in OPERATIONS:
        raise InvalidValue(f'the patch {patch} needs an "op": one of {", ".join(OPERATIONS)}')
    _check_pointer(patch, operation, "path")
    if operation["op"] in _VALUED and "value" not in operation:
        raise InvalidValue(f'the patch {patch} has no "value" to {operation["op"]}')
    if operation["op"] in ("move", "copy"):
        _check_pointer(patch, operation, "from")
    return operation


def _check_pointer(patch: str, operation: Mapping[str, Any], member: str) -> None:
    pointer = operation.get(member)
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise InvalidValue(f'the patch {patch} needs a "{member}" that begins with /')


def pointer_of(segments: Iterable[str]) -> str:
    """The JSON pointer (RFC 6901) of a path: ``/metadata/labels/example.com~1tier``."""
    return "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in segments)


def value_patch(op: str, path_segments: Iterable[str], value: Any) -> str:
    """The text of an operation with a value: compact, in the order op, path, value."""
    path = json.dumps(pointer_of(path_segments), ensure_ascii=False)
    return f'{{"op":"{op}","path":{path},"value":{safe_text(value)}}}'


def safe_text(value: object) -> str:
    """The compact JSON text of a value, with colons and commas in a string as JSON escapes.

    The restore's webhook counts both in the raw text (``vmrestore.go``, KubeVirt 1.0 to 1.9).
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace(":", "\\u003a").replace(",", "\\u002c") if isinstance(value, str) else text


def applied(document: Mapping[str, Any], patches: Sequence[str]) -> dict[str, Any]:
    """A new document: ``document`` with the operations applied in order.

    Applies them as KubeVirt's restore does (see ``_in_rfc_terms``), except that a negative index,
    which its library accepts, is refused. Raises InvalidValue, which names the patch that does not
    apply and why.
    """
    import jsonpatch  # here, because --help needs no patch

    result: dict[str, Any] = copied(dict(document))
    for patch in patches:
        operation = _in_rfc_terms(result, parse(patch))
        obstacle = _obstacle(result, operation)  # a failed move may already have changed it
        try:
            # A path begins with /, so the result is still an object.
            result = jsonpatch.JsonPatch([operation]).apply(result, in_place=True)
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            reason = obstacle or " ".join(str(error).split())
            raise InvalidValue(f"the patch {patch} does not apply: {reason}") from error
    return result


def _in_rfc_terms(document: Any, operation: dict[str, Any]) -> dict[str, Any]:
    """What KubeVirt's Go library (evanphx/json-patch 4) does where RFC 6902 would refuse.

    A missing member of an existing object can be replaced, is copied as null, and passes a test
    for null.
    """
    op, path = operation["op"], operation["path"]
    holder, missing = _find(document, operation["from"] if op == "copy" else path)
    if not isinstance(holder, dict) or not missing or "/" in missing[1:]:
        return operation
    if op == "replace":
        return operation | {"op": "add"}
    if op == "copy":
        return {"op": "add", "path": path, "value": None}
    if op == "test" and operation["value"] is None:
        return {"op": "test", "path": "", "value": document}
    return operation


def _obstacle(document: Any, operation: Mapping[str, Any]) -> str:
    """What the document lacks if the operation fails, without quoting all of it."""
    adds = operation["op"] in ("add", "move", "copy")
    path = operation["path"].rpartition("/")[0] if adds else operation["path"]
    origin = [operation["from"]] if operation["op"] in ("move", "copy") else []
    for pointer in (*origin, path):
        value, missing = _find(document, pointer)
        if missing:
            return f"there is no {pointer.removesuffix(missing)}/{missing.split('/')[1]}"
    if adds and not isinstance(value, (dict, list)):
        return f"{path} is not an object"
    return "the value there is another" if operation["op"] == "test" else ""


def _find(document: Any, pointer: str) -> tuple[Any, str]:
    """The deepest value on the way to ``pointer``, and the rest of the pointer from there."""
    value = document
    parts = pointer.split("/")[1:]
    for index, raw in enumerate(parts):
        part = raw.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and re.fullmatch(_INDEX, part) and int(part) < len(value):
            value = value[int(part)]
        else:
            return value, "/" + "/".join(parts[index:])
    return value, ""
