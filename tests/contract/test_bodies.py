"""Bodies of requests that are no objects of the resource, and how the server says so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.sandbox.client import JSON_PATCH, MERGE_PATCH, Api, Obj

from .conftest import SERVED, a_clone, needs_other_version

UNRECOGNIZED = "the object provided is unrecognized (must be of type VirtualMachineClone): "


def test_a_body_that_is_no_json_is_unrecognized(api: Api, clones: str) -> None:
    answer = api.post(clones, b"{nope")
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"].startswith(
        f"{UNRECOGNIZED}couldn't get version/kind; json parse error: "
    )


def test_an_empty_body_is_unrecognized(api: Api, clones: str) -> None:
    answer = api.post(clones, b"")
    assert (answer.code, answer.body["message"]) == (
        400,
        f"{UNRECOGNIZED}couldn't get version/kind; json parse error: unexpected end of JSON "
        "input (<empty>)",
    )


@pytest.mark.parametrize(("body", "shape"), [("[]", "array"), ('"x"', "string"), ("3", "number")])
def test_a_body_that_is_no_object_is_unrecognized(
    api: Api, clones: str, body: str, shape: str
) -> None:
    answer = api.post(clones, body.encode())
    assert answer.code == 400
    assert f"json: cannot unmarshal {shape} into Go value" in answer.body["message"]


def test_a_kind_is_missed(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    del body["kind"]
    answer = api.post(clones, body)
    sent = json.dumps(body)
    assert (answer.code, answer.body["message"]) == (
        400,
        f"{UNRECOGNIZED}Object 'Kind' is missing in '{sent}' ({sent[:30]} ...)",
    )


def test_a_version_is_missed(api: Api, clones: str, name: str) -> None:
    body = a_clone(name)
    del body["apiVersion"]
    answer = api.post(clones, body)
    assert (answer.code, answer.body["message"]) == (
        400,
        "the API version in the data () does not match the expected API version "
        f"({SERVED.api_version})",
    )


def test_another_kind_is_invalid(api: Api, clones: str, name: str) -> None:
    answer = api.post(clones, {**a_clone(name), "kind": "Other"})
    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"] == (
        f'Other.clone.kubevirt.io "{name}" is invalid: kind: Invalid value: "Other": must be '
        "VirtualMachineClone"
    )


@pytest.mark.parametrize(
    ("change", "field", "wanted"),
    [
        ({"kind": "Other"}, "kind", "VirtualMachineClone"),
        ({"apiVersion": "clone.kubevirt.io/{other}"}, "apiVersion", "clone.kubevirt.io/{own}"),
    ],
)
def test_a_patch_may_not_make_another_kind_of_it(
    api: Api, clones: str, settled: Obj, change: Obj, field: str, wanted: str
) -> None:
    if field == "apiVersion":
        needs_other_version()
    versions = {"own": SERVED.version, "other": SERVED.other_version}
    value, wanted = change[field].format(**versions), wanted.format(**versions)
    answer = api.patch(f"{clones}/{settled['metadata']['name']}", {field: value})
    assert (answer.code, answer.body["details"]["causes"]) == (
        422,
        [
            {
                "reason": "FieldValueInvalid",
                "message": f'Invalid value: "{value}": must be {wanted}',
                "field": field,
            }
        ],
    )


def test_a_built_in_object_need_not_say_its_kind(api: Api, namespace: str, name: str) -> None:
    about = {"kind": "VirtualMachineClone", "name": name, "namespace": namespace}
    body = {"metadata": {"name": f"{name}.1"}, "involvedObject": about, "reason": "R"}
    answer = api.post(f"/api/v1/namespaces/{namespace}/events", body)
    assert (answer.code, answer.body["kind"], answer.body["apiVersion"]) == (201, "Event", "v1")


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("x", "json: cannot unmarshal string into Go value of type v1.ObjectMeta"),
        (
            {"labels": {"a": 1}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.labels of type string",
        ),
        (
            {"labels": []},
            "json: cannot unmarshal array into Go struct field ObjectMeta.labels of type "
            "map[string]string",
        ),
    ],
)
def test_metadata_of_the_wrong_type_can_not_be_handled(
    api: Api, clones: str, name: str, metadata: Any, message: str
) -> None:
    answer = api.post(clones, {**a_clone(name), "metadata": metadata})
    handled = f'VirtualMachineClone in version "{SERVED.version}" cannot be handled as a'
    assert (answer.code, answer.body["message"]) == (
        400,
        f"{handled} VirtualMachineClone: {message}",
    )


@pytest.mark.parametrize("kind", [MERGE_PATCH, JSON_PATCH])
def test_a_patch_that_is_no_json_is_a_bad_request(
    api: Api, clones: str, settled: Obj, kind: str
) -> None:
    answer = api.patch(f"{clones}/{settled['metadata']['name']}", b"{nope", kind)
    assert answer.code == 400
    assert answer.body["message"].startswith("error decoding patch: ")


def test_yaml_is_read(api: Api, clones: str, name: str) -> None:
    text = f"""
apiVersion: {SERVED.api_version}
kind: VirtualMachineClone
metadata: {{name: {name}}}
spec: {{source: {{apiGroup: kubevirt.io, kind: VirtualMachine, name: missing}}}}
"""
    headers = {"Content-Type": "application/yaml"}
    answer = api.request("POST", clones, text.encode(), headers)
    assert (answer.code, answer.body["metadata"]["name"]) == (201, name)
