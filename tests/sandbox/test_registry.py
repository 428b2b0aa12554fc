"""The registry in process: admission order, garbage collection, events, old pages."""

from __future__ import annotations

from typing import Any

import pytest

from kubevirt_sandbox.storage.listing import ListQuery
from kubevirt_sandbox.storage.registry import AdmissionRequest, Registry
from kubevirt_sandbox.storage.status import ApiError, denied

CLONES = "virtualmachineclones.clone.kubevirt.io"
CLAIMS = "persistentvolumeclaims"
Obj = dict[str, Any]


@pytest.fixture
def registry() -> Registry:
    """A registry with the namespace ``default`` and nobody who admits or reconciles."""
    made = Registry()
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
    made.create("namespaces", "", body)
    return made


def a_clone(name: str, **metadata: Any) -> Obj:
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": name, **metadata},
        "spec": {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm"}},
    }


def owned_by(*owners: Obj) -> list[Obj]:
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
        for owner in owners
    ]


class Recording:
    """A plugin that notes what it is asked and lets a test change or refuse."""

    def __init__(self, refuse: bool = False) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.refuse = refuse

    def mutate(self, request: AdmissionRequest) -> Obj:
        self.asked.append(("mutate", request.operation, request.subresource))
        return request.object

    def validate(self, request: AdmissionRequest) -> None:
        self.asked.append(("validate", request.operation, request.subresource))
        if self.refuse:
            raise denied("test.example.com", "no")


def names(registry: Registry, key: str = CLONES) -> list[str]:
    return [obj["metadata"]["name"] for obj in registry.list(key, "default").items]


def test_webhooks_are_asked_on_every_operation(registry: Registry) -> None:
    plugin = Recording()
    registry.admission.append(plugin)
    stored = registry.create(CLONES, "default", a_clone("a"))
    stored["status"] = {"phase": "Failed"}
    registry.update(CLONES, "default", "a", stored, subresource="status")
    registry.delete(CLONES, "default", "a")
    assert plugin.asked == [
        ("mutate", "CREATE", ""),
        ("validate", "CREATE", ""),
        ("mutate", "UPDATE", "status"),
        ("validate", "UPDATE", "status"),
        ("validate", "DELETE", ""),
    ]


def test_the_schema_is_checked_between_mutating_and_validating(registry: Registry) -> None:
    plugin = Recording(refuse=True)
    registry.admission.append(plugin)
    body = a_clone("a")
    body["spec"] = {}
    with pytest.raises(ApiError) as refused:
        registry.create(CLONES, "default", body)
    assert refused.value.code == 422
    assert [step for step, _, _ in plugin.asked] == ["mutate"]


def test_what_a_webhook_refuses_is_not_stored(registry: Registry) -> None:
    registry.admission.append(Recording(refuse=True))
    with pytest.raises(ApiError) as refused:
        registry.create(CLONES, "default", a_clone("a"))
    assert refused.value.status == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'admission webhook "test.example.com" denied the request: no',
        "code": 400,
    }
    assert names(registry) == []


def test_what_a_caller_gets_is_a_copy(registry: Registry) -> None:
    body = a_clone("a", labels={"k": "v"})
    created = registry.create(CLONES, "default", body)
    created["metadata"]["labels"]["k"] = "changed"
    body["metadata"]["labels"]["k"] = "changed"
    registry.get(CLONES, "default", "a")["metadata"]["labels"]["k"] = "changed"
    assert registry.get(CLONES, "default", "a")["metadata"]["labels"] == {"k": "v"}


def test_a_status_does_not_slip_in_through_the_main_endpoint(registry: Registry) -> None:
    stored = registry.create(CLONES, "default", a_clone("a"))
    stored["status"] = {"phase": "Succeeded"}
    assert "status" not in registry.update(CLONES, "default", "a", stored)


def test_an_object_lives_as_long_as_one_of_its_owners(registry: Registry) -> None:
    first = registry.create(CLONES, "default", a_clone("first"))
    second = registry.create(CLONES, "default", a_clone("second"))
    child = a_clone("child", ownerReferences=owned_by(first, second))
    registry.create(CLONES, "default", child)
    registry.delete(CLONES, "default", "first")
    left = registry.get(CLONES, "default", "child")["metadata"]["ownerReferences"]
    assert left == owned_by(second)
    registry.delete(CLONES, "default", "second")
    assert names(registry) == []


def test_the_child_of_an_owner_that_is_gone_is_collected(registry: Registry) -> None:
    owner = registry.create(CLONES, "default", a_clone("owner"))
    registry.delete(CLONES, "default", "owner")
    registry.create(CLONES, "default", a_clone("late", ownerReferences=owned_by(owner)))
    assert names(registry) == []


def test_grandchildren_are_collected(registry: Registry) -> None:
    owner = registry.create(CLONES, "default", a_clone("owner"))
    child = registry.create(CLONES, "default", a_clone("child", ownerReferences=owned_by(owner)))
    registry.create(CLONES, "default", a_clone("grand", ownerReferences=owned_by(child)))
    registry.delete(CLONES, "default", "owner")
    assert names(registry) == []


def test_a_terminating_namespace_waits_for_finalizers(registry: Registry) -> None:
    registry.create("namespaces", "", {**_namespace("gone")})
    held = registry.create(CLONES, "gone", a_clone("held", finalizers=["example.com/hold"]))
    registry.delete("namespaces", "", "gone")
    assert registry.get("namespaces", "", "gone")["status"] == {"phase": "Terminating"}
    with pytest.raises(ApiError) as refused:
        registry.create(CLONES, "gone", a_clone("late"))
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")
    held = registry.get(CLONES, "gone", "held")
    held["metadata"]["finalizers"] = []
    registry.update(CLONES, "gone", "held", held)
    with pytest.raises(ApiError) as missing:
        registry.get("namespaces", "", "gone")
    assert missing.value.code == 404


def _namespace(name: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def test_the_default_namespace_stays(registry: Registry) -> None:
    with pytest.raises(ApiError) as refused:
        registry.delete("namespaces", "", "default")
    assert str(refused.value) == (
        'namespaces "default" is forbidden: this namespace may not be deleted'
    )


def test_a_page_after_compaction_is_expired(registry: Registry) -> None:
    for name in "abc":
        registry.create(CLONES, "default", a_clone(name))
    page = registry.list(CLONES, "default", ListQuery(limit=1))
    registry.create(CLONES, "default", a_clone("d"))
    registry.store.compact()
    with pytest.raises(ApiError) as refused:
        registry.list(CLONES, "default", ListQuery(limit=1, token=page.token))
    assert (refused.value.code, refused.value.reason) == (410, "Expired")


def test_a_version_from_the_future_times_out(registry: Registry) -> None:
    wanted = registry.store.version + 1000
    with pytest.raises(ApiError) as refused:
        registry.list(CLONES, "default", ListQuery(version=str(wanted)))
    assert (refused.value.code, refused.value.reason) == (504, "Timeout")


def test_a_claim_begins_pending_whatever_is_sent(registry: Registry) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Mi"}},
        },
        "status": {"phase": "Bound"},
    }
    created = registry.create(CLAIMS, "default", claim)
    assert created["status"] == {"phase": "Pending"}
    assert created["spec"]["volumeMode"] == "Filesystem"


def test_a_claim_says_how_much_it_wants_and_how(registry: Registry) -> None:
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"}}
    with pytest.raises(ApiError) as refused:
        registry.create(CLAIMS, "default", {**claim, "spec": {}})
    assert str(refused.value) == (
        'PersistentVolumeClaim "data" is invalid: [spec.accessModes: Required value: at least 1 '
        "access mode is required, spec.resources[storage]: Required value]"
    )


def test_an_event_is_in_the_namespace_of_what_it_is_about(registry: Registry) -> None:
    about = {"kind": "VirtualMachineClone", "name": "a", "namespace": "other"}
    head = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": "a.1"}}
    with pytest.raises(ApiError) as refused:
        registry.create("events", "default", {**head, "involvedObject": about})
    assert str(refused.value) == (
        'Event "a.1" is invalid: involvedObject.namespace: Invalid value: "other": does not match '
        "event.namespace"
    )


def test_labels_without_a_value_are_empty(registry: Registry) -> None:
    created = registry.create(CLONES, "default", a_clone("a", labels={"k": None}))
    assert created["metadata"]["labels"] == {"k": ""}


@pytest.mark.parametrize("metadata", [{"labels": {"k": 1}}, {"labels": []}, {"finalizers": "x"}])
def test_metadata_of_the_wrong_type_cannot_be_decoded(
    registry: Registry, metadata: dict[str, Any]
) -> None:
    with pytest.raises(ApiError) as refused:
        registry.create(CLONES, "default", a_clone("a", **metadata))
    assert (refused.value.code, refused.value.reason) == (400, "BadRequest")
    assert "json: cannot unmarshal" in str(refused.value)
