"""JSON Patch as the Go library of KubeVirt's restore applies it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.go_json_patch import PatchError, patched

DOCUMENT: dict[str, Any] = {"spec": {"labels": {"a/b": "1"}, "list": [1, 2, 3]}}


def apply(*operations: dict[str, Any]) -> Any:
    return patched(DOCUMENT, [json.dumps(operation) for operation in operations])["spec"]


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/spec/new", "value": 1}, {**DOCUMENT["spec"], "new": 1}),
        ({"op": "add", "path": "/spec/list/-", "value": 4}, [1, 2, 3, 4]),
        ({"op": "add", "path": "/spec/list/0", "value": 0}, [0, 1, 2, 3]),
        ({"op": "remove", "path": "/spec/labels/a~1b"}, {}),
        ({"op": "remove", "path": "/spec/list/1"}, [1, 3]),
        ({"op": "replace", "path": "/spec/list/1", "value": 9}, [1, 9, 3]),
        ({"op": "move", "from": "/spec/list/0", "path": "/spec/list/-"}, [2, 3, 1]),
        ({"op": "copy", "from": "/spec/list/0", "path": "/spec/list/-"}, [1, 2, 3, 1]),
        ({"op": "test", "path": "/spec/list/0", "value": 1}, [1, 2, 3]),
    ],
)
def test_operations(operation: dict[str, Any], expected: Any) -> None:
    spec = apply(operation)
    assert expected in (spec, spec["labels"], spec["list"])
    assert DOCUMENT == {"spec": {"labels": {"a/b": "1"}, "list": [1, 2, 3]}}


def test_replacing_a_missing_key_of_an_object_adds_it() -> None:
    assert apply({"op": "replace", "path": "/spec/labels/new", "value": ""})["labels"] == {
        "a/b": "1",
        "new": "",
    }


@pytest.mark.parametrize(
    ("operation", "complaint"),
    [
        (
            {"op": "remove", "path": "/spec/nosuch"},
            "error in remove for path: '/spec/nosuch': Unable to remove nonexistent key: nosuch: "
            "missing value",
        ),
        (
            {"op": "remove", "path": "/no/such"},
            'remove operation does not apply: doc is missing path: "/no/such": missing value',
        ),
        (
            {"op": "add", "path": "/no/such", "value": 1},
            'add operation does not apply: doc is missing path: "/no/such": missing value',
        ),
        (
            {"op": "add", "path": "/spec/list/9", "value": 1},
            "error in add for path: '/spec/list/9': Unable to access invalid index: 9: "
            "invalid index",
        ),
        (
            {"op": "replace", "path": "/no/such", "value": 1},
            "replace operation does not apply: doc is missing path: /no/such: missing value",
        ),
        (
            {"op": "replace", "path": "/spec/list/9", "value": 1},
            "replace operation does not apply: doc is missing key: /spec/list/9: missing value",
        ),
        ({"op": "test", "path": "/spec/list/0", "value": 2}, "testing value /spec/list/0 failed"),
        ({"op": "frob", "path": "/spec"}, "Unexpected kind: frob"),
        ({"path": "/spec"}, "Unexpected kind: unknown"),
        ({"op": "add", "value": 1}, "operation missing path field: missing value"),
    ],
)
def test_what_does_not_apply_says_why(operation: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PatchError) as caught:
        apply(operation)
    listed = f"[\n{json.dumps(operation)}\n]"
    assert str(caught.value).startswith(f"failed to apply patch for VM {listed}: {complaint}")


@pytest.mark.parametrize(
    ("patch", "kind"), [("5", "number"), ("[]", "array"), ('"x"', "string"), ("true", "bool")]
)
def test_what_is_no_operation_can_not_be_decoded(patch: str, kind: str) -> None:
    with pytest.raises(PatchError) as caught:
        patched(DOCUMENT, [patch])
    assert str(caught.value) == (
        f"cannot decode vm patches [\n{patch}\n]: json: cannot unmarshal {kind} into Go value of "
        "type jsonpatch.Operation"
    )
