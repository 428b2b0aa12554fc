"""Strategic merge patches of built-in resources."""

from __future__ import annotations

from typing import Any

import pytest

from kubevirt_sandbox.apiserver.patches import patcher
from kubevirt_sandbox.apiserver.strategic import merge
from kubevirt_sandbox.storage.status import ApiError

STRATEGIC = "application/strategic-merge-patch+json"
OWNERS = [{"uid": "1", "name": "one"}, {"uid": "2", "name": "two"}]


@pytest.mark.parametrize(
    ("target", "patch", "expected"),
    [
        pytest.param(
            {"labels": {"a": "1", "b": "2"}},
            {"labels": {"a": None, "c": "3"}},
            {"labels": {"b": "2", "c": "3"}},
            id="maps merge and null removes",
        ),
        pytest.param(
            {"accessModes": ["a"]},
            {"accessModes": ["b"]},
            {"accessModes": ["b"]},
            id="lists replace",
        ),
        pytest.param(
            {"finalizers": ["a", "b"]},
            {"finalizers": ["c", "a"]},
            {"finalizers": ["a", "b", "c"]},
            id="finalizers are a set",
        ),
        pytest.param(
            {"finalizers": ["a", "b"]},
            {"$deleteFromPrimitiveList/finalizers": ["a"]},
            {"finalizers": ["b"]},
            id="finalizers are removed by a directive",
        ),
        pytest.param(
            {"ownerReferences": OWNERS},
            {"ownerReferences": [{"uid": "2", "name": "TWO"}, {"uid": "1", "$patch": "delete"}]},
            {"ownerReferences": [{"uid": "2", "name": "TWO"}]},
            id="owners merge by uid",
        ),
        pytest.param(
            {"ownerReferences": OWNERS},
            {"$setElementOrder/ownerReferences": [{"uid": "2"}, {"uid": "1"}]},
            {"ownerReferences": [OWNERS[1], OWNERS[0]]},
            id="the order is set by a directive",
        ),
        pytest.param(
            {"labels": {"a": "1"}},
            {"labels": {"$patch": "replace", "b": "2"}},
            {"labels": {"b": "2"}},
            id="a map is replaced by a directive",
        ),
        pytest.param({"labels": {"a": "1"}}, {"labels": {"$patch": "delete"}}, {}, id="or deleted"),
        pytest.param(
            {"a": 1, "b": 2},
            {"$retainKeys": ["b", "c"], "c": 3},
            {"b": 2, "c": 3},
            id="keys are retained",
        ),
    ],
)
def test_a_strategic_patch(
    target: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert merge(target, patch) == expected


@pytest.mark.parametrize("patch", [{"$patch": "nonsense"}, {"conditions": [{"status": "True"}]}])
def test_a_patch_without_a_meaning_is_refused(patch: dict[str, Any]) -> None:
    with pytest.raises(ApiError) as caught:
        merge({}, patch)
    assert caught.value.code == 400


def test_only_built_in_resources_take_strategic_patches() -> None:
    assert patcher(STRATEGIC, b'{"a": null}', custom=False)({"a": 1, "b": 2}) == {"b": 2}
    with pytest.raises(ApiError) as caught:
        patcher(STRATEGIC, b"{}", custom=True)
    assert caught.value.code == 415
