"""The webhooks over HTTPS, asked as an API server asks them."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kubevirt_sandbox.apiserver.access.certificates import make_certificates
from tests.sandbox.world import NAMESPACE, World, a_clone, a_snapshot

from .webhook_server import WebhookServer, registrations

Obj = dict[str, Any]
CREATE_CLONE = ("/vm-clone-mutate-create", "virtualmachineclones", "clone.kubevirt.io")
CHECK_CLONE = ("/vm-clone-validate-create", "virtualmachineclones", "clone.kubevirt.io")


class Asker:
    """What an API server does with a webhook."""

    def __init__(self, url: str, context: ssl.SSLContext) -> None:
        self._address = url.removeprefix("https://")
        self._context = context

    def ask(self, where: tuple[str, str, str], obj: Obj) -> Obj:
        """The response to a review of the creation of an object."""
        path, plural, group = where
        request = {
            "uid": "review-1",
            "operation": "CREATE",
            "resource": {"group": group, "version": "v1beta1", "resource": plural},
            "namespace": NAMESPACE,
            "object": obj,
            "userInfo": {"username": "somebody"},
        }
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        connection = http.client.HTTPSConnection(self._address, context=self._context, timeout=10)
        try:
            body = json.dumps({**review, "request": request})
            connection.request("POST", f"{path}?timeout=10s", body)
            answer: Obj = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        assert {**review, "response": answer["response"]} == answer
        response: Obj = answer["response"]
        assert response.pop("uid") == "review-1"
        return response


@pytest.fixture
def asker(tmp_path: Path) -> Iterator[Asker]:
    certificates = make_certificates("127.0.0.1")
    chain, key = tmp_path / "server.crt", tmp_path / "server.key"
    chain.write_bytes(certificates.server)
    key.write_bytes(certificates.server_key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    trusting = ssl.create_default_context(cadata=certificates.ca.decode())
    with WebhookServer(World().kubevirt.admission, tls) as server:
        yield Asker(server.url, trusting)


def _patch(response: Obj) -> list[Obj]:
    assert (response["allowed"], response["patchType"]) == (True, "JSONPatch")
    patch: list[Obj] = json.loads(base64.b64decode(response["patch"]))
    return patch


def test_what_is_fine_is_allowed_as_it_is(asker: Asker) -> None:
    clone = a_clone("a", target="b")
    assert asker.ask(CREATE_CLONE, clone) == {"allowed": True}
    assert asker.ask(CHECK_CLONE, clone) == {"allowed": True}


def test_what_is_filled_in_comes_as_a_patch(asker: Asker) -> None:
    (operation,) = _patch(asker.ask(CREATE_CLONE, a_clone("a")))
    assert (operation["op"], operation["path"]) == ("replace", "/spec")
    assert operation["value"]["target"]["name"].startswith("clone-vm-cirros-")


def test_the_finalizer_of_a_snapshot_is_set(asker: Asker) -> None:
    where = ("/snapshots-mutate-create", "virtualmachinesnapshots", "snapshot.kubevirt.io")
    (operation,) = _patch(asker.ask(where, a_snapshot("s", "vm-cirros")))
    assert operation["value"]["finalizers"] == ["snapshot.kubevirt.io/vmsnapshot-protection"]


def test_a_refusal_does_not_say_who_refuses(asker: Asker) -> None:
    response = asker.ask(CHECK_CLONE, a_clone("a", target="vm-cirros"))
    message = "Target name cannot be equal to source name when both are VirtualMachines"
    cause = {"reason": "FieldValueInvalid", "message": message, "field": "spec.target.name"}
    assert response == {
        "allowed": False,
        "status": {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": "Invalid",
            "details": {"causes": [cause]},
            "code": 422,
        },
    }


def test_a_webhook_that_crashes_says_nothing(asker: Asker) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        asker.ask(CHECK_CLONE, a_clone("a", target="b", labelFilters=[""]))


def test_the_webhooks_are_registered_under_the_names_of_kubevirt() -> None:
    (mutating, first), (validating, second) = registrations("https://here:1", b"CA")
    assert [mutating.qualified, validating.qualified] == [
        "mutatingwebhookconfigurations.admissionregistration.k8s.io",
        "validatingwebhookconfigurations.admissionregistration.k8s.io",
    ]
    assert [hook["name"] for hook in first["webhooks"] + second["webhooks"]] == [
        "virtualmachineclones-mutator.kubevirt.io",
        "virtualmachines-mutator.kubevirt.io",
        "snapshots-mutator.virt-clone-sandbox.kubevirt.io",
        "vm-clone-validator.kubevirt.io",
        "virtualmachine-validator.kubevirt.io",
        "virtualmachinesnapshot-validator.snapshot.kubevirt.io",
        "virtualmachinerestore-validator.snapshot.kubevirt.io",
    ]
    assert first["webhooks"][0]["clientConfig"] == {
        "url": "https://here:1/vm-clone-mutate-create",
        "caBundle": base64.b64encode(b"CA").decode(),
    }
