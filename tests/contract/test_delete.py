"""Deleting objects: answers, preconditions, finalizers, dependents, namespaces."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Api, Obj

from .conftest import SERVED, a_clone, settle, until_gone


def test_a_deletion_answers_with_the_uid(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    answer = api.delete(f"{clones}/{name}")
    assert (answer.code, answer.body["kind"], answer.body["status"]) == (200, "Status", "Success")
    assert answer.body["details"] == {
        "name": name,
        "group": "clone.kubevirt.io",
        "kind": "virtualmachineclones",
        "uid": settled["metadata"]["uid"],
    }
    assert api.get(f"{clones}/{name}").code == 404


def test_what_is_not_there_is_not_deleted(api: Api, clones: str) -> None:
    answer = api.delete(f"{clones}/nobody")
    assert (answer.code, answer.body["reason"]) == (404, "NotFound")


def test_a_precondition_on_the_uid_must_hold(api: Api, clones: str, settled: Obj) -> None:
    name, uid = settled["metadata"]["name"], settled["metadata"]["uid"]
    path = f"{clones}/{name}"
    answer = api.delete(path, {"preconditions": {"uid": "another"}})
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["message"] == (
        f'Operation cannot be fulfilled on VirtualMachineClone.clone.kubevirt.io "{name}": the UID '
        f"in the precondition (another) does not match the UID in record ({uid}). The object might "
        "have been deleted and then recreated"
    )
    assert answer.body["details"] == {
        "name": name,
        "group": "clone.kubevirt.io",
        "kind": "VirtualMachineClone",
    }
    assert api.delete(path, {"preconditions": {"uid": uid}}).code == 200


def test_a_precondition_on_the_version_must_hold(api: Api, clones: str, settled: Obj) -> None:
    path = f"{clones}/{settled['metadata']['name']}"
    answer = api.delete(path, {"preconditions": {"resourceVersion": "1"}})
    assert (answer.code, answer.body["reason"]) == (409, "Conflict")
    assert "the ResourceVersion in the precondition (1) does not match" in answer.body["message"]
    assert api.get(path).code == 200


def test_a_dry_deletion_deletes_nothing(api: Api, clones: str, settled: Obj) -> None:
    path = f"{clones}/{settled['metadata']['name']}"
    assert api.delete(path, {"dryRun": ["All"]}).code == 200
    assert api.delete(path, dryRun="All").code == 200
    assert api.get(path).code == 200


def test_the_options_of_a_body_are_the_only_ones(api: Api, clones: str, settled: Obj) -> None:
    path = f"{clones}/{settled['metadata']['name']}"
    options = {"preconditions": {"uid": settled["metadata"]["uid"]}}
    # What the query says of a dry run is not looked at: the object is gone.
    assert api.delete(path, options, dryRun="All").code == 200
    assert api.get(path).code == 404


def test_a_dry_deletion_shows_what_waits_for_the_dependents(
    api: Api, clones: str, settled: Obj
) -> None:
    path = f"{clones}/{settled['metadata']['name']}"
    answer = api.delete(path, {"dryRun": ["All"], "propagationPolicy": "Foreground"})
    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert "deletionTimestamp" not in api.get(path).body["metadata"]


def test_two_ways_to_treat_dependents_are_one_too_many(api: Api, clones: str, settled: Obj) -> None:
    options = {"orphanDependents": True, "propagationPolicy": "Orphan", "dryRun": ["All"]}
    answer = api.delete(f"{clones}/{settled['metadata']['name']}", options)
    assert (answer.code, answer.body["details"]["causes"]) == (
        422,
        [
            {
                "reason": "FieldValueInvalid",
                "message": 'Invalid value: "Orphan": orphanDependents and deletionPropagation '
                "cannot be both set",
                "field": "propagationPolicy",
            }
        ],
    )


def test_an_unknown_propagation_is_invalid(api: Api, clones: str, settled: Obj) -> None:
    answer = api.delete(f"{clones}/{settled['metadata']['name']}", {"propagationPolicy": "Half"})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")


def test_a_finalizer_holds_the_object_until_it_is_taken_off(
    api: Api, clones: str, name: str
) -> None:
    path = f"{clones}/{name}"
    settle(api, clones, a_clone(name, finalizers=["example.com/hold"]))
    answer = api.delete(path)
    assert answer.code == 200
    assert answer.body["metadata"]["deletionTimestamp"]
    assert api.get(path).body["metadata"]["finalizers"] == ["example.com/hold"]
    api.patch(path, {"metadata": {"finalizers": None}})
    assert api.get(path).code == 404


def test_no_finalizer_is_added_to_what_is_being_deleted(api: Api, clones: str, name: str) -> None:
    path = f"{clones}/{name}"
    settle(api, clones, a_clone(name, finalizers=["example.com/hold"]))
    api.delete(path)
    late = {"metadata": {"finalizers": ["example.com/hold", "example.com/late"]}}
    answer = api.patch(path, late)
    assert answer.code == 422
    assert answer.body["details"]["causes"][0]["field"] == "metadata.finalizers"
    api.patch(path, {"metadata": {"finalizers": None}})


def _with_child(api: Api, clones: str, name: str, **reference: Any) -> tuple[str, str]:
    """Paths of a clone and of one that it owns."""
    owner = settle(api, clones, a_clone(name))
    child = f"{name}-child"
    owned_by = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": name,
        "uid": owner["metadata"]["uid"],
        **reference,
    }
    settle(api, clones, a_clone(child, ownerReferences=[owned_by]))
    return f"{clones}/{name}", f"{clones}/{child}"


@pytest.mark.parametrize("policy", [None, "Background"])
def test_dependents_go_with_their_owner(
    api: Api, clones: str, name: str, policy: str | None
) -> None:
    owner, child = _with_child(api, clones, name)
    api.delete(owner, {"propagationPolicy": policy} if policy else None)
    until_gone(api, child)


def test_in_the_foreground_the_owner_goes_after_its_dependents(
    api: Api, clones: str, name: str
) -> None:
    owner, child = _with_child(api, clones, name, blockOwnerDeletion=True)
    api.patch(child, {"metadata": {"finalizers": ["example.com/hold"]}})
    answer = api.delete(owner, {"propagationPolicy": "Foreground"})
    assert answer.body["metadata"]["finalizers"] == ["foregroundDeletion"]
    assert api.get(owner).body["metadata"]["deletionTimestamp"]
    api.patch(child, {"metadata": {"finalizers": None}})
    until_gone(api, child)
    until_gone(api, owner)


def test_orphans_stay_without_their_reference(api: Api, clones: str, name: str) -> None:
    owner, child = _with_child(api, clones, name)
    api.delete(owner, {"propagationPolicy": "Orphan"})
    until_gone(api, owner)
    assert "ownerReferences" not in api.get(child).body["metadata"]


def test_a_collection_is_deleted_by_label(api: Api, clones: str, name: str) -> None:
    for suffix, group in (("a", "gone"), ("b", "gone"), ("c", "kept")):
        api.post(clones, a_clone(f"{name}-{suffix}", labels={"of": name, "group": group}))
    assert api.delete(clones, labelSelector=f"of={name},group=gone").code == 200
    for suffix in "ab":
        until_gone(api, f"{clones}/{name}-{suffix}")
    left = api.get(clones, labelSelector=f"of={name}").body["items"]
    assert [item["metadata"]["name"] for item in left] == [f"{name}-c"]


def test_a_namespace_takes_its_content_along(api: Api, empty_namespace: str) -> None:
    path = f"{SERVED.group}/namespaces/{empty_namespace}/virtualmachineclones"
    assert api.post(path, a_clone("inside")).code == 201
    answer = api.delete(f"/api/v1/namespaces/{empty_namespace}")
    assert (answer.code, answer.body["status"]["phase"]) == (200, "Terminating")
    until_gone(api, f"/api/v1/namespaces/{empty_namespace}")
    assert api.get(f"{path}/inside").code == 404


def test_a_deleted_name_can_be_used_again(api: Api, clones: str, settled: Obj) -> None:
    name = settled["metadata"]["name"]
    api.delete(f"{clones}/{name}")
    again = api.post(clones, a_clone(name))
    assert again.code == 201
    assert again.body["metadata"]["uid"] != settled["metadata"]["uid"]
