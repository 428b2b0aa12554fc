"""Whom the sandbox takes a request for: as kube-apiserver tells users by certificate and header."""

from __future__ import annotations

from email.message import Message
from typing import Any

import pytest

from kubevirt_sandbox.apiserver.access.authentication import user_of
from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.storage.status import ApiError

MAY_ACT = Rule(("",), ("users",), ("impersonate",))
USERS = {"t": User("tom", (MAY_ACT,)), "none": User("carl", groups=("kept-by-token-only",))}
SUBJECT = ((("organizationName", "dev"),), (("commonName", "carl"),))


def headers(*pairs: tuple[str, str]) -> Message:
    message = Message()
    for name, value in pairs:
        message[name] = value
    return message


def certificate(ends: str = "Jan  1 00:00:00 2100 GMT") -> dict[str, Any]:
    return {"subject": SUBJECT, "notAfter": ends}


def test_a_certificate_names_user_and_groups_and_counts_before_a_token() -> None:
    user = user_of(USERS, headers(("Authorization", "Bearer t")), "/apis", certificate())

    assert (user.name, user.groups) == ("carl", ("dev", "system:authenticated"))


def test_a_certificate_that_has_ended_is_refused() -> None:
    with pytest.raises(ApiError) as refusal:
        user_of(USERS, headers(), "/apis", certificate("Jan  1 00:00:00 2020 GMT"))

    assert refusal.value.code == 401


@pytest.mark.parametrize(
    ("header", "value", "message"),
    [
        (
            "Impersonate-Group",
            "dev",
            'groups "dev" is forbidden: User "tom" cannot impersonate resource "groups" in API'
            ' group "" at the cluster scope',
        ),
        (
            "Impersonate-Uid",
            "7",
            'uids.authentication.k8s.io "7" is forbidden: User "tom" cannot impersonate resource'
            ' "uids" in API group "authentication.k8s.io" at the cluster scope',
        ),
        (
            "Impersonate-Extra-Reason%2fx",
            "audit",
            'userextras.authentication.k8s.io "audit" is forbidden: User "tom" cannot impersonate'
            ' resource "userextras/reason/x" in API group "authentication.k8s.io" at the cluster'
            " scope",
        ),
    ],
)
def test_each_part_of_an_impersonation_has_to_be_allowed(
    header: str, value: str, message: str
) -> None:
    asked = headers(("Authorization", "Bearer t"), ("Impersonate-User", "jane"), (header, value))

    with pytest.raises(ApiError) as refusal:
        user_of(USERS, asked, "/apis", {})

    assert refusal.value.status["message"] == message
