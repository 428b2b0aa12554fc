"""Quotas: what KubeVirt makes for a clone, and whether there is room for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import SERIES, Facts
from kubectl_virt_clone.clone.checks.quotas import amount, demand, quota_findings
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import a_clone, a_vm, malformed, read

VM = {
    **a_vm(),
    "spec": {
        "template": {
            "spec": {"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": "disk"}}]}
        }
    },
}
CLAIM = {
    "metadata": {"name": "disk"},
    "spec": {"storageClassName": "fast", "resources": {"requests": {"storage": "64Mi"}}},
}


def a_quota(name: str, used: str, hard: str, **spec: Any) -> dict[str, Any]:
    status = {"used": {name: used}, "hard": {name: hard}}
    return {"metadata": {"name": "q"}, "spec": spec, "status": status}


def facts(*quotas: dict[str, Any], **more: Any) -> Facts:
    known = {"source": Lookup(VM), "claims": Listing((CLAIM,)), "quotas": Listing(quotas)}
    return Facts(**{**known, **more})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", "3"),
        ("64Mi", "67108864"),
        ("1.5Gi", "1610612736"),
        ("2k", "2000"),
        ("100m", "0.1"),
        ("1E", "1000000000000000000"),
        ("1e3", "1000"),
        ("12E-1", "1.2"),
        (".5", "0.5"),
        ("", None),
        ("lots", None),
        ("1 Gi", None),
        (3, None),
    ],
)
def test_a_quantity_is_read_as_kubernetes_reads_it(text: object, value: str | None) -> None:
    assert amount(text) == (None if value is None else Decimal(value))


# Recordings 29, 58 and 66: each of these held a clone up, or made it fail.
@pytest.mark.parametrize(
    ("limited", "used", "hard"),
    [
        ("persistentvolumeclaims", "1", "1"),
        ("count/persistentvolumeclaims", "1", "1"),
        ("requests.storage", "128Mi", "128Mi"),
        ("requests.storage", "65Mi", "128Mi"),
        ("fast.storageclass.storage.k8s.io/requests.storage", "64Mi", "100Mi"),
        ("fast.storageclass.storage.k8s.io/persistentvolumeclaims", "0", "0"),
        ("count/volumesnapshots.snapshot.storage.k8s.io", "0", "0"),
        ("count/virtualmachinesnapshots.snapshot.kubevirt.io", "2", "2"),
        ("count/virtualmachinerestores.snapshot.kubevirt.io", "0", "0"),
    ],
)
def test_a_quota_without_room_is_told(limited: str, used: str, hard: str) -> None:
    (found,) = read(quota_findings(a_clone(""), facts(a_quota(limited, used, hard))))

    assert (found.id, found.level) == ("quota", "warning")
    assert found.message == (f'the quota "q" leaves no room for it: {limited} is {used} of {hard}')
    assert found.hint == "kubectl describe quota/q -n default"


@pytest.mark.parametrize(
    "quota",
    [
        a_quota("persistentvolumeclaims", "1", "2"),
        a_quota("requests.storage", "64Mi", "128Mi"),
        a_quota("slow.storageclass.storage.k8s.io/requests.storage", "0", "0"),
        a_quota("pods", "9", "9"),
        a_quota("persistentvolumeclaims", "many", "1"),
        a_quota("persistentvolumeclaims", "1", "1", scopes=["Terminating"]),
        # The server is asked whether it takes the VM (admission.py).
        a_quota("count/virtualmachines.kubevirt.io", "1", "1"),
    ],
)
def test_a_quota_that_has_room_or_is_about_something_else_is_not(quota: dict[str, Any]) -> None:
    assert list(quota_findings(a_clone(""), facts(quota))) == []


def test_clones_of_one_request_are_counted_together() -> None:
    first = facts(a_quota("persistentvolumeclaims", "1", "2"))
    second = facts(*first.quotas.objects, demanded=demand(a_clone(""), first))

    assert list(quota_findings(a_clone(""), first)) == []
    (found,) = read(quota_findings(a_clone(""), second))
    assert " with the clones before it: persistentvolumeclaims is 1 of 2" in found.message
    vms = facts(a_quota("count/virtualmachines.kubevirt.io", "1", "2"), demanded=second.demanded)
    assert [item.id for item in quota_findings(a_clone(""), vms)] == ["quota"]


def test_clones_of_a_series_share_one_snapshot() -> None:
    first = demand(a_clone(""), facts(form=SERIES))
    second = demand(a_clone(""), facts(form=SERIES, demanded=first))

    name = "count/volumesnapshots.snapshot.storage.k8s.io"
    assert (first[name], second.get(name)) == (1, None)
    assert second["persistentvolumeclaims"] == 1


def test_whatever_is_malformed_is_judged() -> None:
    for broken in malformed(a_quota("persistentvolumeclaims", "1", "1")):
        list(quota_findings(a_clone(""), facts(broken)))
    for broken in malformed(CLAIM):
        demand(a_clone(""), facts(claims=Listing((broken,))))
