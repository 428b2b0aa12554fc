"""Patches of a request: JSON Merge Patch (RFC 7386) and JSON Patch (RFC 6902).

Strategic merge patches, which only built-in resources take, are in ``strategic``; KubeVirt's
patches of a restore are not applied here.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar

import jsonpatch

from kubevirt_sandbox.apiserver import strategic
from kubevirt_sandbox.apiserver.negotiation import (
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC_PATCH,
    read_body,
)
from kubevirt_sandbox.storage.status import bad_request, failure

Obj = dict[str, Any]
PATCH_TYPES = (JSON_PATCH, MERGE_PATCH)
# What the library raises for operations that are malformed or don't fit the object.
_REFUSALS = (
    jsonpatch.JsonPatchException,
    jsonpatch.JsonPointerException,
    AttributeError,
    KeyError,
    TypeError,
    ValueError,
)


def patcher(content_type: str, raw: bytes, *, custom: bool = True) -> Callable[[Obj], Any]:
    """The change that a PATCH request asks for, as a function on the current object.

    ``custom`` is for resources that CRDs define. Raises ApiError 415 for other patch types and 400
    for a body that can't be read; the function raises ApiError 422 for a patch that doesn't apply.
    """
    accepted = PATCH_TYPES if custom else (*PATCH_TYPES, STRATEGIC_PATCH)
    document = read_body(content_type, raw, accepted, "error decoding patch: ")
    kind = content_type.partition(";")[0].strip()
    if kind != JSON_PATCH:
        if not isinstance(document, dict):
            raise bad_request("error decoding patch: a merge patch is a JSON object")
        if kind == STRATEGIC_PATCH:
            return lambda obj: _merge_lists(obj, document)
        return lambda obj: merge(obj, document)
    if not isinstance(document, list):
        raise bad_request("error decoding patch: a JSON patch is a list of operations")
    return lambda obj: _apply(obj, document)


def _merge_lists(obj: Obj, document: Obj) -> Any:
    try:
        return strategic.merge(obj, document)
    except (AttributeError, TypeError):  # of lists and directives that hold what they can't
        raise bad_request("unable to apply the strategic merge patch") from None


def merge(target: Any, patch: Any) -> Any:
    """``target`` with an RFC 7386 patch: objects merge, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


class _Replace(jsonpatch.ReplaceOperation):
    """As the server's library has it: what is not there yet is added, if its parent is."""

    def apply(self, obj: Any) -> Any:
        parent, part = self.pointer.to_last(obj)
        if isinstance(parent, dict) and part is not None and part not in parent:
            parent[part] = self.operation["value"]
            return obj
        return super().apply(obj)


class _Test(jsonpatch.TestOperation):
    """As the server's library has it: what is not there is null."""

    def apply(self, obj: Any) -> Any:
        parent, part = self.pointer.to_last(obj)
        absent = isinstance(parent, dict) and part is not None and part not in parent
        if absent and self.operation.get("value", "") is None:
            return obj
        return super().apply(obj)


class _Patch(jsonpatch.JsonPatch):
    operations: ClassVar = MappingProxyType(
        {**jsonpatch.JsonPatch.operations, "replace": _Replace, "test": _Test}
    )


def _apply(obj: Obj, operations: list[Any]) -> Any:
    try:
        return _Patch(operations).apply(obj)
    except _REFUSALS:
        message = "the server rejected our request due to an error in our request"
        raise failure(HTTPStatus.UNPROCESSABLE_ENTITY, message, "Invalid", {}) from None
