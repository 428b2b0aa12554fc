"""Creating objects: what the server fills in, what it refuses and how it says so."""

from __future__ import annotations

import re

import pytest

from tests.sandbox.client import Api

from .conftest import SERVED, SOURCE, a_clone, needs_field, needs_other_version


def test_a_created_object_has_identity_and_a_generation(api: Api, clones: str, name: str) -> None:
    answer = api.post(clones, a_clone(name))
    metadata = answer.body["metadata"]
    assert answer.code == 201
    assert metadata["generation"] == 1
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", metadata["uid"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", metadata["creationTimestamp"])
    assert metadata["resourceVersion"].isdigit()


def test_the_server_keeps_its_own_metadata(api: Api, clones: str, name: str) -> None:
    body = a_clone(name, uid="mine", creationTimestamp="2001-01-01T00:00:00Z", generation=7)
    metadata = api.post(clones, body).body["metadata"]
    assert metadata["uid"] != "mine"
    assert not metadata["creationTimestamp"].startswith("2001")
    assert metadata["generation"] == 1


def test_a_name_is_generated(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["metadata"] = {"generateName": f"{name}-"}
    generated = api.post(clones, body).body["metadata"]["name"]
    assert re.fullmatch(rf"{name}-[bcdfghjklmnpqrstvwxz2456789]{{5}}", generated)


def test_a_status_sent_with_a_new_object_is_dropped(api: Api, clones: str, name: str) -> None:
    body = {**a_clone(name), "status": {"phase": "Succeeded"}}
    assert "status" not in api.post(clones, body).body


def test_a_taken_name_is_a_conflict(api: Api, clones: str, name: str) -> None:
    api.post(clones, a_clone(name))
    answer = api.post(clones, a_clone(name))
    assert (answer.code, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.body["message"] == (
        f'virtualmachineclones.clone.kubevirt.io "{name}" already exists'
    )
    assert answer.body["details"] == {
        "name": name,
        "group": "clone.kubevirt.io",
        "kind": "virtualmachineclones",
    }


def test_a_missing_namespace_is_named(api: Api, name: str) -> None:
    answer = api.post(f"{SERVED.group}/namespaces/no-such-ns/virtualmachineclones", a_clone(name))
    assert (answer.code, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'namespaces "no-such-ns" not found'
    assert answer.body["details"] == {"name": "no-such-ns", "kind": "namespaces"}


def test_the_body_may_not_name_another_namespace(api: Api, clones: str, name: str) -> None:
    answer = api.post(clones, a_clone(name, namespace="default"))
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == (
        "the namespace of the provided object does not match the namespace sent on the request"
    )


def test_a_bad_name_is_invalid_with_a_cause(api: Api, clones: str) -> None:
    answer = api.post(clones, a_clone("Bad_Name"))
    (cause,) = answer.body["details"]["causes"]
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert (cause["reason"], cause["field"]) == ("FieldValueInvalid", "metadata.name")
    assert answer.body["message"].startswith(
        'VirtualMachineClone.clone.kubevirt.io "Bad_Name" is invalid: metadata.name: '
        'Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must consist of'
    )


def test_an_object_needs_a_name(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["metadata"] = {}
    answer = api.post(clones, body)
    assert answer.code == 422
    assert "name or generateName is required" in answer.body["message"]


@pytest.mark.parametrize("labels", [{"a b": "c"}, {"a": "b c"}, {"a": "x" * 64}])
def test_bad_labels_are_invalid(api: Api, clones: str, name: str, labels: dict[str, str]) -> None:
    answer = api.post(clones, a_clone(name, labels=labels))
    assert answer.code == 422
    assert answer.body["details"]["causes"][0]["field"] == "metadata.labels"


def test_a_required_field_is_missed(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    del body["spec"]["source"]["name"]
    answer = api.post(clones, body)
    assert answer.code == 422
    assert answer.body["details"]["causes"] == [
        {
            "reason": "FieldValueRequired",
            "message": "Required value",
            "field": "spec.source.name",
        }
    ]


def test_a_value_outside_the_enum_is_refused(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    needs_field("volumeNamePolicy")
    body["spec"]["volumeNamePolicy"] = "Nope"
    answer = api.post(clones, body)
    assert answer.code == 422
    assert answer.body["message"] == (
        f'VirtualMachineClone.clone.kubevirt.io "{name}" is invalid: spec.volumeNamePolicy: '
        'Unsupported value: "Nope": supported values: "RandomizeNames", "PrefixTargetName"'
    )


def test_an_unknown_field_is_refused_when_strict(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["spec"]["noSuchField"] = 1
    answer = api.post(clones, body, fieldValidation="Strict")
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == (
        f'VirtualMachineClone in version "{SERVED.version}" cannot be handled as a '
        'VirtualMachineClone: strict decoding error: unknown field "spec.noSuchField"'
    )


def test_an_unknown_field_is_a_warning_by_default(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["spec"]["noSuchField"] = 1
    answer = api.post(clones, body)
    assert answer.code == 201
    assert answer.warnings == ['299 - "unknown field \\"spec.noSuchField\\""']
    assert "noSuchField" not in answer.body["spec"]


def test_an_unknown_field_is_dropped_in_silence_when_ignored(
    api: Api, clones: str, name: str
) -> None:
    body = a_clone(name)
    body["spec"]["noSuchField"] = 1
    answer = api.post(clones, body, fieldValidation="Ignore")
    assert (answer.code, answer.warnings) == (201, [])
    assert "noSuchField" not in answer.body["spec"]


def test_a_dry_run_is_admitted_but_not_stored(api: Api, clones: str, name: str) -> None:
    answer = api.post(clones, a_clone(name), dryRun="All")
    assert (answer.code, answer.body["metadata"]["name"]) == (201, name)
    assert api.get(f"{clones}/{name}").code == 404


def test_a_dry_run_is_refused_like_the_real_thing(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["spec"]["target"]["name"] = SOURCE
    assert api.post(clones, body, dryRun="All").code == 422


def test_an_unknown_dry_run_is_invalid(api: Api, clones: str, name: str) -> None:
    answer = api.post(clones, a_clone(name), dryRun="Some")
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert "dryRun" in answer.body["message"]


def test_a_body_of_another_version_is_refused(api: Api, clones: str, name: str) -> None:
    body = {**a_clone(name), "apiVersion": f"clone.kubevirt.io/{SERVED.other_version}"}
    answer = api.post(clones, body)
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert SERVED.other_version in answer.body["message"]


def test_a_body_that_is_no_json_is_refused(api: Api, clones: str) -> None:
    answer = api.post(clones, b"{not json")
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")


def test_a_media_type_that_nobody_reads_is_refused(api: Api, clones: str) -> None:
    answer = api.request("POST", clones, b"x", {"Content-Type": "text/x-unknown"})
    assert (answer.code, answer.body["reason"]) == (415, "UnsupportedMediaType")


def test_an_object_is_served_in_both_versions(api: Api, clones: str, name: str) -> None:
    needs_other_version()
    older = clones.replace("v1beta1", "v1alpha1")
    body = {**a_clone(name), "apiVersion": "clone.kubevirt.io/v1alpha1"}
    created = api.post(older, body).body
    found = api.get(f"{clones}/{name}").body
    assert created["apiVersion"] == "clone.kubevirt.io/v1alpha1"
    assert found["apiVersion"] == "clone.kubevirt.io/v1beta1"
    assert found["metadata"]["uid"] == created["metadata"]["uid"]


def test_a_webhook_refuses_with_its_causes(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["spec"]["labelFilters"] = ["a*b"]
    body["spec"]["newMacAddresses"] = {"default": "zz"}
    answer = api.post(clones, body)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"].startswith(
        'admission webhook "vm-clone-validator.kubevirt.io" denied the request: '
    )
    assert [item["field"] for item in answer.body["details"]["causes"]] == [
        "spec.labels",
        "spec.newMacAddresses.default",
    ]
