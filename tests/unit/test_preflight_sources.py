"""What the checks say of a source that can't be taken now, and of claims that are in the way.

The number of a recording is in brackets.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubectl_virt_clone.clone.checks.facts import Facts, Finding, as_started, start_revision
from kubectl_virt_clone.clone.checks.sources import (
    claim_findings,
    claimed_by,
    loss_findings,
    source_state_findings,
    started_findings,
    taken_findings,
    use_findings,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import malformed, read
from tests.unit.test_preflight import a_clone, a_kubevirt, a_snapshot, a_vm
from tests.unit.test_preflight_volumes import a_vm_with, claimed

SNAPSHOT = "VirtualMachineSnapshot"
SINCE = "2026-11-30T22:03:20Z"
POLICY = {"volumeNamePolicy": "PrefixTargetName"}
LOST = "VolumeSnapshots (vmsnapshot-1-volume-data) missing"


def state(source: dict[str, Any] | None, kind: str = "VirtualMachine", **facts: Any) -> Any:
    known = Facts(namespace="ns", source=Lookup(source), **facts)
    return read(source_state_findings(a_clone(kind=kind), known))


def named(name: str, obj: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], "name": name, **metadata}}


def test_a_source_that_is_going_is_told_with_who_holds_it() -> None:  # [28]
    held = named("going", a_vm(), deletionTimestamp=SINCE, finalizers=["example.com/hold", "b"])
    message = f'the VirtualMachine "going" is being deleted since {SINCE}, held by'
    assert state(held) == [
        Finding(
            "source-deleting",
            "error",
            f"{message} example.com/hold, b: KubeVirt takes no snapshot of it",
        )
    ]
    snapshot = named("s", a_snapshot(), deletionTimestamp=SINCE)
    (found,) = state(snapshot, SNAPSHOT)
    assert found.message == (
        f'the VirtualMachineSnapshot "s" is being deleted since {SINCE}: KubeVirt takes no snapshot'
        " of it"
    )


def test_a_source_that_another_snapshot_holds_is_told_with_how_to_wait_for_that() -> None:  # [28]
    assert state({**a_vm(), "status": {"snapshotInProgress": "nightly-1"}}) == [
        Finding(
            "source-locked",
            "warning",
            'the snapshot "nightly-1" of the VM is in progress, and the clone waits for it',
            "kubectl wait --for=condition=Ready vmsnapshot.snapshot.kubevirt.io/nightly-1"
            " --timeout=10m -n ns",
        )
    ]


THEN = {
    "runStrategy": "Always",
    "dataVolumeTemplates": [{"metadata": {"name": "old"}}],
    "template": {
        "metadata": {"labels": {"app": "shop"}},
        "spec": {
            "domain": {"cpu": {"cores": 1}, "devices": {"disks": [{"name": "root"}], "rng": {}}},
            "volumes": [{"name": "root"}],
        },
    },
}
NOW = {
    "runStrategy": "Always",
    "template": {
        "metadata": {"labels": {"app": "shop", "tier": "new"}},
        "spec": {
            "domain": {
                "cpu": {"cores": 2},
                "devices": {"disks": [{"name": "root"}, {"name": "b"}]},
            },
            "volumes": [{"name": "root"}, {"name": "b"}],
        },
    },
}


def a_started_vm(*, started: object = 1, now: int = 2, created: object = True) -> dict[str, Any]:
    status = {"created": created, "observedGeneration": started}
    metadata = {"name": "shop", "uid": "c400303d", "generation": now}
    return {"metadata": metadata, "spec": NOW, "status": status}


def test_a_vm_that_was_changed_since_its_start_is_cloned_as_it_was_started() -> None:  # [24]
    assert start_revision(a_started_vm()) == "revision-start-vm-c400303d-1"
    revision = Lookup({"data": {"spec": THEN}})
    taken = as_started(a_started_vm(), revision)
    assert taken["metadata"] == a_started_vm()["metadata"]
    assert taken["spec"] == {
        "runStrategy": "Always",
        "template": {
            "metadata": {"labels": {"app": "shop"}},
            "spec": {
                "domain": {
                    "cpu": {"cores": 1},
                    "devices": {"disks": [{"name": "root"}, {"name": "b"}], "rng": {}},
                },
                "volumes": [{"name": "root"}, {"name": "b"}],
            },
        },
    }
    assert THEN["dataVolumeTemplates"] == [{"metadata": {"name": "old"}}]  # nothing is changed
    for unknown in (None, Lookup(), Lookup(unreadable="no"), Lookup({"data": None})):
        assert as_started(a_started_vm(), unknown) == a_started_vm()


@pytest.mark.parametrize(
    "unchanged",
    [{"started": 2}, {"created": False}, {"created": None}, {"started": None}, {"started": "1"}],
)
def test_a_vm_that_was_not_changed_or_does_not_run_has_no_other_revision(
    unchanged: dict[str, Any],
) -> None:
    assert start_revision(a_started_vm(**unchanged)) == ""


def started(revision: Lookup | None, kind: str = "VirtualMachine") -> list[Finding]:
    facts = Facts(namespace="ns", source=Lookup(a_started_vm()), revision=revision)
    return read(started_findings(a_clone(kind=kind), facts))


def test_a_change_since_the_start_is_told_with_what_undoes_it() -> None:  # [24]
    message = (
        'the VM "shop" was changed since its start: its clone is what it was then, with the disks,'
        " volumes and metadata of now"
    )
    finding = Finding("source-changed-since-start", "info", message, "virtctl restart shop -n ns")
    revision = Lookup({"data": {"spec": THEN}})
    assert started(revision) == [finding]
    assert started(revision, SNAPSHOT) == started(None) == []
    assert started(Lookup({"data": {"spec": {**NOW, "runStrategy": "Manual"}}})) == []
    for lookup, why in ((Lookup(), "it does not exist"), (Lookup(unreadable="no"), "no")):
        message = f"the VM was changed since its start; what it was then can't be read: {why}"
        unknown = Finding("source-changed-since-start", "unknown", message)
        assert started(lookup) == [unknown]


@pytest.mark.parametrize(
    ("tracked", "what"),
    [
        ("Initializing", "and can't take a snapshot of it until it was started once"),
        (
            "Enabled",
            "but not a snapshot of it, though each such clone leaves a claim that nobody uses",
        ),
    ],
)
def test_a_source_whose_blocks_are_tracked_is_told(tracked: str, what: str) -> None:  # [22]
    vm = named("ledger", a_vm(), labels={"app": "ledger", "cbt": "true"})
    vm["status"] = {"changedBlockTracking": {"state": tracked}}
    kubevirt = a_kubevirt("v1.9.0")
    labels = {"cbt": "true", "other": "x"}
    selector = {"virtualMachineLabelSelector": {"matchLabels": labels}}
    configuration = kubevirt.objects[0]["spec"]["configuration"]
    configuration["changedBlockTrackingLabelSelectors"] = selector
    message = f"changed block tracking of the VM is {tracked}: KubeVirt refuses to clone such a VM,"
    expected = Finding("tracking-state", "error", f"{message} {what}")
    assert state(vm) == [expected]
    assert state(vm, kubevirt=a_kubevirt("v1.9.0")) == [expected]
    (found,) = state(vm, kubevirt=kubevirt)
    assert found.hint == "kubectl label vm/ledger cbt- -n ns"


@pytest.mark.parametrize("tracked", ["Disabled", "PendingRestart"])
def test_a_source_whose_blocks_are_tracked_no_more_or_not_yet_is_well(tracked: str) -> None:  # [22]
    assert state({**a_vm(), "status": {"changedBlockTracking": {"state": tracked}}}) == []


@pytest.mark.parametrize(("length", "told"), [(63, []), (64, ["source-name-too-long"])])
def test_a_name_that_is_no_value_of_a_label_is_told(length: int, told: list[str]) -> None:  # [65]
    vm = named("x" * length, a_vm_with(claimed("data", "disk")))
    assert [item.id for item in state(vm)] == told
    content = {"spec": {"source": {"virtualMachine": vm}}}
    found = state(a_snapshot(), SNAPSHOT, content=Lookup(content))
    assert [item.id for item in found] == told
    assert state(named("x" * 64, a_vm())) == []
    assert state(None) == state(a_vm(), "Pod") == []


def lost(snapshot: dict[str, Any] | None, vm: dict[str, Any], kind: str = SNAPSHOT) -> Any:
    content = Lookup({"spec": {"source": {"virtualMachine": vm}}})
    facts = Facts(source=Lookup(snapshot), content=content)
    return read(loss_findings(a_clone(kind=kind), facts))


def test_a_snapshot_that_lost_its_volumes_never_gets_ready() -> None:  # [64]
    gone = a_snapshot()
    gone["status"] = {"phase": "Succeeded", "readyToUse": False, "error": {"message": LOST}}
    message = f'the snapshot "s" has lost its data, and will never be ready: {LOST}'
    assert lost(gone, a_vm()) == [
        Finding("snapshot-gone", "error", message, "--source vm/web"),
    ]
    for change in ({"readyToUse": True}, {"phase": "InProgress"}, {"error": {"message": "busy"}}):
        again = {**gone, "status": {**gone["status"], **change}}
        assert lost(again, a_vm()) == []
    assert lost(None, a_vm()) == lost(gone, a_vm(), "VirtualMachine") == []


def test_a_snapshot_without_a_claim_is_told_and_one_without_an_image_is_not() -> None:  # [41]
    part = a_snapshot()
    part["status"]["snapshotVolumes"] = {"excludedVolumes": ["image", "data"]}
    vm = a_vm_with({"name": "image", "containerDisk": {}}, claimed("data", "disk"))
    message = 'the snapshot "s" was taken without "data"'
    assert lost(part, vm) == [Finding("snapshot-partial", "warning", message, "--source vm/web")]
    assert lost(part, a_vm()) == []


def of_claims(claim: dict[str, Any] | None, kind: str = "VirtualMachine") -> Any:
    vm = a_vm_with(claimed("data", "disk"))
    claims = None if claim is None else Listing((claim,))
    facts = Facts(namespace="ns", source=Lookup(vm), claims=claims)
    return read(claim_findings(a_clone(kind=kind), facts))


def test_a_claim_that_is_going_is_told_with_who_holds_it() -> None:  # [54]
    metadata = {"name": "disk", "deletionTimestamp": SINCE, "finalizers": ["example.com/hold"]}
    message = f'the claim "disk" of the volume "data" is being deleted since {SINCE}, held by'
    expected = Finding("claim-deleting", "error", f"{message} example.com/hold")
    assert of_claims({"metadata": metadata}) == [expected]
    assert of_claims({"metadata": metadata}, SNAPSHOT) == []
    assert of_claims({"metadata": {**metadata, "name": "another"}}) == of_claims(None) == []


@pytest.mark.parametrize(
    ("kind", "phase", "told"),
    [
        ("DataVolume", "Pending", True),
        ("DataVolume", "Running", True),
        ("DataVolume", "Succeeded", False),
        ("DataVolume", "", False),
        ("VirtualMachine", "Pending", False),
    ],
)
def test_a_claim_that_is_still_filled_is_told(kind: str, phase: str, told: bool) -> None:  # [4e]
    annotations = {"cdi.kubevirt.io/storage.pod.phase": phase}
    owners = [{"kind": kind, "name": "src-root"}]
    metadata = {"name": "disk", "annotations": annotations, "ownerReferences": owners}
    expected = Finding(
        "claim-filling",
        "warning",
        'the DataVolume "src-root" of the volume "data" is still being filled',
        "kubectl wait '--for=jsonpath={.status.phase}=Succeeded' datavolume/src-root --timeout=30m"
        " -n ns",
    )
    assert of_claims({"metadata": metadata}) == [expected] * told


def a_pod_on(claim: str, phase: str = "Running") -> dict[str, Any]:
    volumes = [{"name": "x"}, {"name": "d", "persistentVolumeClaim": {"claimName": claim}}]
    return {
        "metadata": {"name": "rescue"},
        "spec": {"volumes": volumes},
        "status": {"phase": phase},
    }


def in_use(*pods: dict[str, Any], kind: str = "VirtualMachine", vm: Any = True) -> list[Finding]:
    source = Lookup(a_vm_with(claimed("data", "disk")) if vm else None)
    facts = Facts(namespace="ns", source=source, pods=Listing(pods))
    return read(use_findings(a_clone(kind=kind), facts))


@pytest.mark.parametrize("phase", ["Running", "Pending", "Failed", ""])
def test_a_pod_on_a_claim_of_a_stopped_vm_is_told(phase: str) -> None:  # [55]
    message = (
        'the pod "rescue" uses the claim "disk": KubeVirt waits for its end, and gives up after 5'
        " minutes"
    )
    hint = "kubectl wait --for=delete pod/rescue --timeout=10m -n ns"
    pod = a_pod_on("disk", phase)
    assert in_use(pod) == [Finding("claim-in-use", "warning", message, hint)]
    assert in_use(pod, kind=SNAPSHOT) == in_use(pod, vm=False) == []


def test_a_pod_that_has_succeeded_or_uses_another_claim_is_well() -> None:  # [55]
    assert in_use(a_pod_on("disk", "Succeeded"), a_pod_on("other"), {"metadata": {}}) == []
    unread = Facts(source=Lookup(a_vm_with(claimed("data", "disk"))))
    assert list(use_findings(a_clone(), unread)) == []


def taken(there: tuple[str, ...] = (), earlier: Any = None, **spec: Any) -> Any:
    vm = a_vm_with(claimed("data", "disk"), {"name": "image", "containerDisk": {}})
    claims = Listing(tuple({"metadata": {"name": name}} for name in there))
    facts = Facts(source=Lookup(vm), claims=claims, claimed=earlier or {})
    return read(taken_findings(a_clone(**{"target": "web", **POLICY, **spec}), facts))


def test_a_claim_that_has_the_name_already_is_told() -> None:  # [50, 51]
    assert taken(("web-data", "web-image")) == [
        Finding(
            "claim-exists",
            "error",
            'there is a claim "web-data" already: KubeVirt would take it, with what is in it, for'
            ' the volume "data" of the target',
            "--volume-name-policy RandomizeNames",
        )
    ]
    assert taken(("web", "data", "web-data-1")) == []
    assert taken(("web-data",), volumeNamePolicy="RandomizeNames") == []
    assert taken(("web-data",), volumeNamePolicy=None) == []
    assert taken(("web-data",), target="") == []
    assert read(taken_findings(a_clone(target="web", **POLICY), Facts())) == []


def test_two_clones_of_a_request_whose_claims_have_one_name_are_told() -> None:  # [52]
    first = claimed_by(a_clone(target="web", **POLICY), a_vm_with(claimed("1-data", "d")))
    assert first == {"web-1-data": 'the target "web"'}
    message = 'the claim "web-1-data" of the volume "data" would be that of the target "web" too'
    hint = "--volume-name-policy RandomizeNames"
    assert taken(earlier=first, target="web-1") == [Finding("claim-exists", "error", message, hint)]
    assert taken(earlier=first, target="web-2") == []


def test_malformed_objects_are_judged_too() -> None:
    vm = a_vm_with(claimed("data", "disk"))
    for obj in malformed({**vm, "status": {"changedBlockTracking": {"state": "Enabled"}}}):
        for kind in ("VirtualMachine", SNAPSHOT):
            facts = Facts(source=Lookup(obj), content=Lookup(obj), claims=Listing((obj,)))
            clone = a_clone(kind=kind, **POLICY)
            for find in (source_state_findings, loss_findings, claim_findings, taken_findings):
                assert isinstance(list(find(clone, facts)), list)
