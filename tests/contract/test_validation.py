"""Values that the server refuses, warns about or reads as if they were not there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.client import Api, Obj

from .conftest import a_clone

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "1"}


def _causes(api: Api, clones: str, body: Obj) -> list[tuple[str, str]]:
    """(field, message) of each cause for which a clone is invalid."""
    answer = api.post(clones, body)
    assert (answer.code, answer.body["reason"]) == (422, "Invalid"), answer.body
    return [(item["field"], item["message"]) for item in answer.body["details"]["causes"]]


def test_a_finalizer_without_a_domain_is_warned_about(api: Api, clones: str, name: str) -> None:
    answer = api.post(clones, a_clone(name, finalizers=["mine"]), dryRun="All")
    assert (answer.code, answer.warnings) == (
        201,
        [
            '299 - "metadata.finalizers: \\"mine\\": prefer a domain-qualified finalizer name to '
            'avoid accidental conflicts with other finalizer writers"'
        ],
    )


def test_a_finalizer_is_a_qualified_name(api: Api, clones: str, name: str) -> None:
    ((field, message),) = _causes(api, clones, a_clone(name, finalizers=["not mine"]))
    assert field == "metadata.finalizers"
    assert message.startswith('Invalid value: "not mine": name part must consist of')


def test_an_owner_has_a_version_kind_name_and_uid(api: Api, clones: str, name: str) -> None:
    assert _causes(api, clones, a_clone(name, ownerReferences=[{}])) == [
        ("metadata.ownerReferences.apiVersion", 'Invalid value: "": version must not be empty'),
        ("metadata.ownerReferences.kind", 'Invalid value: "": must not be empty'),
        ("metadata.ownerReferences.name", 'Invalid value: "": must not be empty'),
        ("metadata.ownerReferences.uid", 'Invalid value: "": must not be empty'),
    ]


def test_an_event_owns_nothing(api: Api, clones: str, name: str) -> None:
    owner = {**OWNER, "kind": "Event"}
    ((field, message),) = _causes(api, clones, a_clone(name, ownerReferences=[owner]))
    assert field == "metadata.ownerReferences"
    assert message.endswith("/v1, Kind=Event is disallowed from being an owner")


def test_one_owner_alone_controls(api: Api, clones: str, name: str) -> None:
    owners = [{**OWNER, "controller": True}, {**OWNER, "name": "b", "uid": "2", "controller": True}]
    ((field, message),) = _causes(api, clones, a_clone(name, ownerReferences=owners))
    assert field == "metadata.ownerReferences"
    assert message.endswith(
        'Only one reference can have Controller set to true. Found "true" in references for '
        "ConfigMap/a and ConfigMap/b"
    )


def test_annotations_have_a_size(api: Api, clones: str, name: str) -> None:
    body = a_clone(name, annotations={"a": "x" * 256 * 1024})
    assert _causes(api, clones, body) == [
        ("metadata.annotations", "Too long: may not be more than 262144 bytes")
    ]


def test_a_name_has_a_length(api: Api, clones: str) -> None:
    ((field, message),) = _causes(api, clones, a_clone("n" * 254))
    assert field == "metadata.name"
    assert message.endswith(": must be no more than 253 characters")


def test_what_a_name_is_made_from_is_judged_as_well(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["metadata"] = {"generateName": "Bad_"}
    fields = [field for field, _ in _causes(api, clones, body)]
    assert fields == ["metadata.generateName", "metadata.name"]


def test_a_generated_name_is_cut_to_fit(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["metadata"] = {"generateName": "n" * 250}
    assert len(api.post(clones, body, dryRun="All").body["metadata"]["name"]) == 63


@pytest.mark.parametrize("value", [None, {}])
def test_a_field_that_is_null_was_not_sent(api: Api, clones: str, name: str, value: Any) -> None:
    body = a_clone(name)
    body["spec"].update(newSMBiosSerial=None, patches=None, newMacAddresses=value)
    spec = api.post(clones, body).body["spec"]
    assert spec.keys() - {"newMacAddresses"} == {"source", "target"}


def test_a_required_field_that_is_null_is_missed(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    body["spec"]["source"]["kind"] = None
    assert _causes(api, clones, body) == [("spec.source.kind", "Required value")]


def test_an_entry_of_a_list_that_is_null_has_the_wrong_type(
    api: Api, clones: str, name: str
) -> None:
    body = a_clone(name)
    body["spec"]["labelFilters"] = [None]
    assert _causes(api, clones, body) == [
        (
            "spec.labelFilters[0]",
            'Invalid value: "null": spec.labelFilters[0] in body must be of type string: "null"',
        )
    ]


@pytest.mark.parametrize("verb", ["create", "patch"])
@pytest.mark.parametrize("value", ["Some", ""])
def test_a_dry_run_is_all_or_none(
    api: Api, clones: str, settled: Obj, name: str, verb: str, value: str
) -> None:
    if verb == "create":
        answer = api.post(clones, a_clone(f"{name}-2"), dryRun=value)
    else:
        answer = api.patch(f"{clones}/{settled['metadata']['name']}", {}, dryRun=value)
    (cause,) = answer.body["details"]["causes"]
    assert (answer.code, cause["field"], cause["message"]) == (
        422,
        "dryRun",
        f'Unsupported value: ["{value}"]: supported values: "All"',
    )


def test_an_event_is_in_the_namespace_of_its_object(api: Api, namespace: str, name: str) -> None:
    event = {
        "metadata": {"name": f"{name}.1"},
        "involvedObject": {"kind": "VirtualMachineClone", "name": name, "namespace": "default"},
    }
    answer = api.post(f"/api/v1/namespaces/{namespace}/events", event)
    assert (answer.code, answer.body["details"]["causes"]) == (
        422,
        [
            {
                "reason": "FieldValueInvalid",
                "message": 'Invalid value: "default": does not match event.namespace',
                "field": "involvedObject.namespace",
            }
        ],
    )


def test_a_claim_says_how_it_is_used_and_how_large_it_is(
    api: Api, namespace: str, name: str
) -> None:
    claims = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"
    answer = api.post(claims, {"metadata": {"name": name}, "spec": {}})
    assert [item["field"] for item in answer.body["details"]["causes"]] == [
        "spec.accessModes",
        "spec.resources[storage]",
    ]
