"""Changing objects: replace, patches, the status subresource, versions and generations."""

from __future__ import annotations

import pytest

from tests.sandbox.client import JSON_PATCH, STRATEGIC_PATCH, Api, Obj


@pytest.fixture
def path(clones: str, settled: Obj) -> str:
    """The path of the settled clone."""
    return f"{clones}/{settled['metadata']['name']}"


def test_a_change_of_the_spec_raises_version_and_generation(
    api: Api, path: str, settled: Obj
) -> None:
    settled["spec"]["newSMBiosSerial"] = "SN-1"
    answer = api.put(path, settled)
    assert answer.code == 200
    assert answer.body["spec"]["newSMBiosSerial"] == "SN-1"
    assert answer.body["metadata"]["generation"] == 2
    assert answer.body["metadata"]["resourceVersion"] != settled["metadata"]["resourceVersion"]


def test_a_change_of_labels_keeps_the_generation(api: Api, path: str) -> None:
    answer = api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    assert answer.body["metadata"]["labels"] == {"a": "b"}
    assert answer.body["metadata"]["generation"] == 1


def test_an_update_that_changes_nothing_keeps_the_version(
    api: Api, path: str, settled: Obj
) -> None:
    answer = api.put(path, settled)
    assert answer.code == 200
    assert answer.body["metadata"]["resourceVersion"] == settled["metadata"]["resourceVersion"]


def test_a_stale_update_is_a_conflict(api: Api, path: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    api.patch(path, {"metadata": {"labels": {"a": "b"}}})
    settled["spec"]["newSMBiosSerial"] = "SN-1"
    answer = api.put(path, settled)
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["message"] == (
        f'Operation cannot be fulfilled on virtualmachineclones.clone.kubevirt.io "{name}": the '
        "object has been modified; please apply your changes to the latest version and try again"
    )


def test_an_update_needs_a_version(api: Api, path: str, settled: Obj) -> None:
    del settled["metadata"]["resourceVersion"]
    answer = api.put(path, settled)
    (cause,) = answer.body["details"]["causes"]
    assert (answer.code, cause["field"]) == (422, "metadata.resourceVersion")
    assert cause["message"].endswith("must be specified for an update")


def test_an_update_of_another_object_of_that_name_is_a_conflict(
    api: Api, path: str, settled: Obj
) -> None:
    settled["metadata"]["uid"] = "00000000-0000-0000-0000-000000000000"
    answer = api.put(path, settled)
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert "Precondition failed: UID in precondition" in answer.body["message"]


def test_an_update_may_not_rename(api: Api, path: str, settled: Obj) -> None:
    settled["metadata"]["name"] = "another"
    answer = api.put(path, settled)
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"].startswith("the name of the object (another) does not match")


def test_an_update_of_what_is_not_there_is_not_found(api: Api, clones: str, settled: Obj) -> None:
    settled["metadata"]["name"] = "nobody"
    assert api.put(f"{clones}/nobody", settled).code == 404


def test_the_main_endpoint_ignores_the_status(api: Api, path: str) -> None:
    answer = api.patch(path, {"status": {"phase": "Succeeded"}})
    assert answer.code == 200
    assert answer.body["status"].get("phase") != "Succeeded"


def test_the_status_endpoint_ignores_the_rest(api: Api, path: str) -> None:
    change = {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"newSMBiosSerial": "SN-1"},
        "status": {"creationTime": "2026-01-01T00:00:00Z"},
    }
    answer = api.patch(f"{path}/status", change)
    assert answer.code == 200
    assert answer.body["status"]["creationTime"] == "2026-01-01T00:00:00Z"
    assert "newSMBiosSerial" not in answer.body["spec"]
    assert "labels" not in answer.body["metadata"]
    assert answer.body["metadata"]["generation"] == 1


def test_the_status_endpoint_reads_the_whole_object(api: Api, path: str) -> None:
    assert api.get(f"{path}/status").body == api.get(path).body


def test_the_status_is_replaced(api: Api, path: str, settled: Obj) -> None:
    settled["status"]["creationTime"] = "2026-01-01T00:00:00Z"
    answer = api.put(f"{path}/status", settled)
    assert answer.code == 200
    assert answer.body["status"]["creationTime"] == "2026-01-01T00:00:00Z"


def test_a_merge_patch_removes_with_null(api: Api, path: str) -> None:
    api.patch(path, {"metadata": {"annotations": {"a": "1", "b": "2"}}})
    answer = api.patch(path, {"metadata": {"annotations": {"a": None}}})
    assert answer.body["metadata"]["annotations"] == {"b": "2"}


def test_a_merge_patch_replaces_lists(api: Api, path: str) -> None:
    api.patch(path, {"spec": {"labelFilters": ["a", "b"]}})
    answer = api.patch(path, {"spec": {"labelFilters": ["c"]}})
    assert answer.body["spec"]["labelFilters"] == ["c"]


def test_a_stale_version_in_a_patch_is_a_conflict(api: Api, path: str) -> None:
    change = {"metadata": {"resourceVersion": "1", "labels": {"a": "b"}}}
    answer = api.patch(path, change)
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")


def test_a_json_patch_is_applied_in_order(api: Api, path: str) -> None:
    operations = [
        {"op": "add", "path": "/spec/labelFilters", "value": ["a"]},
        {"op": "add", "path": "/spec/labelFilters/-", "value": "b"},
        {"op": "test", "path": "/spec/labelFilters/0", "value": "a"},
        {"op": "remove", "path": "/spec/labelFilters/0"},
    ]
    answer = api.patch(path, operations, JSON_PATCH)
    assert (answer.code, answer.body["spec"]["labelFilters"]) == (200, ["b"])


def test_a_json_patch_that_does_not_apply_changes_nothing(
    api: Api, path: str, settled: Obj
) -> None:
    operations = [
        {"op": "add", "path": "/spec/newSMBiosSerial", "value": "SN-1"},
        {"op": "test", "path": "/spec/newSMBiosSerial", "value": "SN-2"},
    ]
    answer = api.patch(path, operations, JSON_PATCH)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"] == (
        "the server rejected our request due to an error in our request"
    )
    assert answer.body["details"] == {}
    assert api.get(path).body == settled


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/spec/nothing"},
        {"op": "replace", "path": "/spec/nothing/of/this", "value": 1},
        {"op": "move", "from": "/spec/nothing", "path": "/spec/newSMBiosSerial"},
        {"op": "add", "path": "/spec/patches/3", "value": "x"},
        {"op": "nothing", "path": "/spec"},
    ],
)
def test_an_operation_on_what_is_not_there_is_invalid(api: Api, path: str, operation: Obj) -> None:
    assert api.patch(path, [operation], JSON_PATCH).code == 422


def test_what_is_not_there_may_be_replaced_if_its_parent_is(api: Api, path: str) -> None:
    operation = {"op": "replace", "path": "/spec/newSMBiosSerial", "value": "SN-1"}
    answer = api.patch(path, [operation], JSON_PATCH)
    assert (answer.code, answer.body["spec"]["newSMBiosSerial"]) == (200, "SN-1")


def test_what_is_not_there_is_null_to_a_test(api: Api, path: str, settled: Obj) -> None:
    operation = {"op": "test", "path": "/spec/newSMBiosSerial", "value": None}
    answer = api.patch(path, [operation], JSON_PATCH)
    assert (answer.code, answer.body["spec"]) == (200, settled["spec"])


def test_a_patch_may_not_give_it_another_identity(api: Api, path: str) -> None:
    answer = api.patch(path, {"metadata": {"uid": "another"}})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"].endswith(
        'is invalid: metadata.uid: Invalid value: "another": field is immutable'
    )


def test_an_update_may_not_move_it(api: Api, path: str, settled: Obj) -> None:
    metadata = {**settled["metadata"], "namespace": "default"}
    answer = api.put(path, {**settled, "metadata": metadata})
    assert (answer.code, answer.body["message"]) == (
        400,
        "the namespace of the provided object does not match the namespace sent on the request",
    )


def test_an_update_needs_the_name_in_its_body(api: Api, path: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    metadata = {key: value for key, value in settled["metadata"].items() if key != "name"}
    answer = api.put(path, {**settled, "metadata": metadata})
    assert (answer.code, answer.body["message"]) == (
        400,
        f"the name of the object ({name} based on URL) was undeterminable: name must be provided",
    )


def test_a_strategic_merge_patch_is_not_for_custom_resources(api: Api, path: str) -> None:
    answer = api.patch(path, {}, STRATEGIC_PATCH)
    assert (answer.code, answer.body["reason"]) == (415, "UnsupportedMediaType")


def test_a_patch_that_breaks_the_schema_is_invalid(api: Api, path: str, settled: Obj) -> None:
    answer = api.patch(path, {"spec": {"source": None}})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert api.get(path).body == settled


def test_an_unknown_field_in_a_strict_patch_is_invalid(api: Api, path: str) -> None:
    answer = api.patch(path, {"spec": {"noSuchField": 1}}, fieldValidation="Strict")
    assert answer.code == 422
    assert 'unknown field "spec.noSuchField"' in answer.body["message"]


def test_a_dry_patch_is_not_stored(api: Api, path: str, settled: Obj) -> None:
    answer = api.patch(path, {"spec": {"newSMBiosSerial": "SN-1"}}, dryRun="All")
    assert answer.body["spec"]["newSMBiosSerial"] == "SN-1"
    assert api.get(path).body == settled


def test_a_patch_of_what_is_not_there_is_not_found(api: Api, clones: str) -> None:
    assert api.patch(f"{clones}/nobody", {}).code == 404


@pytest.fixture
def claim(api: Api, namespace: str, name: str) -> str:
    """The path of a claim that nobody binds."""
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "labels": {"a": "1", "b": "2"}},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
            "storageClassName": "nobody-provides-it",
        },
    }
    assert api.post(claims, body).code == 201
    return f"{claims}/{name}"


def test_a_strategic_merge_patch_of_a_built_in_merges_maps(api: Api, claim: str) -> None:
    answer = api.patch(claim, {"metadata": {"labels": {"a": None, "c": "3"}}}, STRATEGIC_PATCH)
    assert (answer.code, answer.body["metadata"]["labels"]) == (200, {"b": "2", "c": "3"})
    assert api.get(claim).body["metadata"]["labels"] == {"b": "2", "c": "3"}


def test_a_strategic_merge_patch_adds_to_the_finalizers(api: Api, claim: str) -> None:
    before = api.get(claim).body["metadata"].get("finalizers", [])
    change = {"metadata": {"finalizers": ["example.com/contract"]}}
    answer = api.patch(claim, change, STRATEGIC_PATCH)
    assert set(answer.body["metadata"]["finalizers"]) == {*before, "example.com/contract"}
    taken = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/contract"]}}
    answer = api.patch(claim, taken, STRATEGIC_PATCH)
    assert answer.body["metadata"].get("finalizers", []) == before
