"""Who asks: credentials, and the reviews of one's own rights."""

from __future__ import annotations

from tests.sandbox.client import Api, Obj


def test_a_wrong_token_is_unauthorized(api: Api, clones: str) -> None:
    answer = api.with_token("nobody-holds-this").get(clones)
    assert (answer.code, answer.body["reason"]) == (401, "Unauthorized")
    assert answer.body["message"] == "Unauthorized"


def _review(api: Api, **attributes: str) -> Obj:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)
    assert answer.code == 201
    status: Obj = answer.body["status"]
    return status


def test_one_can_ask_what_one_may_do(api: Api, namespace: str) -> None:
    status = _review(
        api,
        verb="create",
        group="clone.kubevirt.io",
        resource="virtualmachineclones",
        namespace=namespace,
    )
    assert status["allowed"] is True


def test_one_can_list_what_one_may_do(api: Api, namespace: str) -> None:
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = api.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", body)
    assert answer.code == 201
    assert all({"verbs"} <= set(rule) for rule in answer.body["status"]["resourceRules"])


def test_impersonation_takes_rights_away(api: Api, clones: str) -> None:
    headers = {"Impersonate-User": "contract-nobody"}
    answer = api.request("GET", clones, headers=headers)
    namespace = clones.split("/")[-2]
    assert (answer.code, answer.body["reason"]) == (403, "Forbidden")
    assert answer.body["message"] == (
        'virtualmachineclones.clone.kubevirt.io is forbidden: User "contract-nobody" cannot list '
        'resource "virtualmachineclones" in API group "clone.kubevirt.io" in the namespace '
        f'"{namespace}"'
    )
