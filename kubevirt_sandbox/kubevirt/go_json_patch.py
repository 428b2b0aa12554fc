"""JSON Patch as KubeVirt's restore applies it, with the sentences of its Go library.

The library (evanphx/json-patch 4) differs from RFC 6902: replacing a missing key of an object
adds it. Which patches there are, and to what they apply, is decided elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from kubevirt_sandbox.storage.store import copy_json

Container = Any


class PatchError(ValueError):
    """A patch that can't be read or does not apply; the sentence is the Go library's."""


def patched(document: Any, patches: Sequence[str]) -> Any:
    """A new document with every patch (the text of one operation each) applied in order."""
    listed = "[\n" + ",\n".join(patches) + "\n]"
    operations = [_decode(patch, listed) for patch in patches]
    result = copy_json(document)
    for operation in operations:
        try:
            _apply(result, operation)
        except PatchError as error:
            raise PatchError(f"failed to apply patch for VM {listed}: {error}") from error
    return result


def _decode(patch: str, listed: str) -> dict[str, Any]:
    operation = json.loads(patch)
    if isinstance(operation, dict):
        return operation
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array"}
    kind = kinds.get(type(operation), "null")
    raise PatchError(
        f"cannot decode vm patches {listed}: json: cannot unmarshal {kind} into Go value of "
        "type jsonpatch.Operation"
    )


def _apply(document: Any, operation: dict[str, Any]) -> None:
    kind = operation.get("op", "unknown")
    action = _ACTIONS.get(kind)
    if action is None:
        raise PatchError(f"Unexpected kind: {kind}")
    action(document, operation)


def _add(document: Any, operation: dict[str, Any]) -> None:
    path = _path(operation)
    container, key = _find(document, path)
    if container is None:
        raise PatchError(
            f'add operation does not apply: doc is missing path: "{path}": missing value'
        )
    _insert(container, key, operation.get("value"), f"error in add for path: '{path}'")


def _remove(document: Any, operation: dict[str, Any]) -> None:
    path = _path(operation)
    container, key = _find(document, path)
    if container is None:
        raise PatchError(
            f'remove operation does not apply: doc is missing path: "{path}": missing value'
        )
    _take_out(container, key, f"error in remove for path: '{path}'")


def _replace(document: Any, operation: dict[str, Any]) -> None:
    path = _path(operation)
    container, key = _find(document, path)
    if container is None:
        raise PatchError(
            f"replace operation does not apply: doc is missing path: {path}: missing value"
        )
    if isinstance(container, dict):
        container[key] = operation.get("value")
        return
    index = _index(container, key)
    if index is None:
        raise PatchError(
            f"replace operation does not apply: doc is missing key: {path}: missing value"
        )
    container[index] = operation.get("value")


def _move(document: Any, operation: dict[str, Any]) -> None:
    value = _value_at(document, operation, "move")
    source, key = _find(document, str(operation.get("from", "")))
    _take_out(source, key, f"error in move for path: '{key}'")
    _add(document, {"path": _path(operation), "value": value})


def _copy(document: Any, operation: dict[str, Any]) -> None:
    value = copy_json(_value_at(document, operation, "copy"))
    _add(document, {"path": _path(operation), "value": value})


def _test(document: Any, operation: dict[str, Any]) -> None:
    path = _path(operation)
    container, key = _find(document, path)
    if container is None or _member(container, key) != operation.get("value"):
        raise PatchError(f"testing value {path} failed: test failed")


_ACTIONS: dict[Any, Callable[[Any, dict[str, Any]], None]] = {
    "add": _add,
    "copy": _copy,
    "move": _move,
    "remove": _remove,
    "replace": _replace,
    "test": _test,
}


def _path(operation: dict[str, Any]) -> str:
    path = operation.get("path")
    if not isinstance(path, str):
        raise PatchError("operation missing path field: missing value")
    return path


def _value_at(document: Any, operation: dict[str, Any], kind: str) -> Any:
    source = str(operation.get("from", ""))
    container, key = _find(document, source)
    if container is None:
        raise PatchError(
            f"{kind} operation does not apply: doc is missing from path: {source}: missing value"
        )
    return _member(container, key)


def _find(document: Any, path: str) -> tuple[Container | None, str]:
    """The container that holds the last part of ``path``, or None, and that part."""
    *parents, last = [
        part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]
    ] or [""]
    container = document
    for part in parents:
        container = _member(container, part)
        if not isinstance(container, (dict, list)):
            return None, last
    return container, last


def _member(container: Container, key: str) -> Any:
    if isinstance(container, dict):
        return container.get(key)
    index = _index(container, key)
    return None if index is None else container[index]


def _index(items: list[Any], key: str) -> int | None:
    if not key.lstrip("-").isdecimal():
        return None
    index = int(key)
    return index if -len(items) <= index < len(items) else None


def _insert(container: Container, key: str, value: Any, context: str) -> None:
    if isinstance(container, dict):
        container[key] = value
        return
    if key == "-":
        container.append(value)
        return
    if not key.isdecimal() or int(key) > len(container):
        raise PatchError(f"{context}: Unable to access invalid index: {key}: invalid index")
    container.insert(int(key), value)


def _take_out(container: Container, key: str, context: str) -> None:
    if isinstance(container, dict):
        if key not in container:
            raise PatchError(f"{context}: Unable to remove nonexistent key: {key}: missing value")
        del container[key]
        return
    index = _index(container, key)
    if index is None:
        raise PatchError(f"{context}: Unable to access invalid index: {key}: invalid index")
    del container[index]
