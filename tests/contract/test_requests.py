"""Requests that ask for nothing, or for too much: methods, reviews and impersonation."""

from __future__ import annotations

import pytest

from tests.sandbox.client import Api, Obj

REVIEWS = "/apis/authorization.k8s.io/v1"
PATH = {"path": "/a", "verb": "get"}
NOBODY = "without impersonating a user name"


def _review(kind: str, spec: Obj) -> Obj:
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}


def test_a_head_is_answered_as_a_get_without_its_body(api: Api, clones: str) -> None:
    answer = api.request("HEAD", clones)

    assert (answer.code, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.body == ""


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"])
def test_a_method_that_no_resource_has_is_not_allowed(api: Api, clones: str, method: str) -> None:
    answer = api.request(method, clones)

    assert (answer.code, answer.body["reason"], answer.body["message"]) == (
        405,
        "MethodNotAllowed",
        ' is not supported on resources of kind "virtualmachineclones.clone.kubevirt.io"',
    )


@pytest.mark.parametrize(
    ("header", "info"),
    [
        ("Group", 'UID:"", Groups:[]string{"x"}, Extra:map[string][]string(nil)'),
        ("Uid", 'UID:"x", Groups:[]string(nil), Extra:map[string][]string(nil)'),
        ("Extra-a", 'UID:"", Groups:[]string(nil), Extra:map[string][]string{"a":[]string{"x"}}'),
    ],
)
def test_nobody_can_be_impersonated_without_a_name(
    api: Api, clones: str, header: str, info: str
) -> None:
    answer = api.request("GET", clones, headers={f"Impersonate-{header}": "x"})

    message = f'requested &user.DefaultInfo{{Name:"", {info}}} {NOBODY}'
    assert (answer.code, answer.body["reason"]) == (400, "BadRequest")
    assert answer.body["message"] == message


@pytest.mark.parametrize(
    ("spec", "field", "reason"),
    [
        (
            {},
            "spec.resourceAttributes",
            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must "
            "be specified",
        ),
        (
            {"resourceAttributes": {"verb": "get"}, "nonResourceAttributes": PATH},
            "spec.nonResourceAttributes",
            'Invalid value: {"Path":"/a","Verb":"get"}: cannot be specified in combination with '
            "resourceAttributes",
        ),
    ],
)
def test_an_access_review_asks_exactly_one_thing(
    api: Api, spec: Obj, field: str, reason: str
) -> None:
    body = _review("SelfSubjectAccessReview", spec)
    answer = api.post(f"{REVIEWS}/selfsubjectaccessreviews", body)

    assert (answer.code, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["message"] == f'.authorization.k8s.io "" is invalid: {field}: {reason}'
    assert answer.body["details"]["causes"] == [
        {"reason": "FieldValueInvalid", "message": reason, "field": field}
    ]


def test_a_review_of_all_rights_needs_a_namespace(api: Api) -> None:
    body = _review("SelfSubjectRulesReview", {})
    answer = api.post(f"{REVIEWS}/selfsubjectrulesreviews", body)

    assert (answer.code, answer.body["message"]) == (400, "no namespace on request")
