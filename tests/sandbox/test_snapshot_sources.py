"""Snapshots as the source, and as targets' undoing; as recorded on KubeVirt v1.9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.controllers.snapshots import seconds_of
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace
from kubevirt_sandbox.storage.status import ApiError

from .world import (
    CLAIMS,
    CLONES,
    CONTENTS,
    NAMESPACE,
    READY,
    RESTORES,
    SNAPSHOTS,
    VMS,
    World,
    a_clone,
    a_snapshot,
    a_vm,
    pending,
    processing,
)


@pytest.fixture
def snapshots(make_world: Callable[..., World]) -> World:
    """A ready snap-1, a snap-2 that never gets ready and a failed snap-3."""
    world = make_world("vm-cirros", "snapshots")
    world.until(lambda: phases(world) == ["Succeeded", "InProgress", "Failed"])
    return world


def phases(world: World) -> list[str]:
    return [
        world.get(SNAPSHOTS, name).get("status", {}).get("phase", "")
        for name in ("snap-1", "snap-2", "snap-3")
    ]


def test_a_snapshot_holds_the_vm_as_it_was(snapshots: World) -> None:
    vm, snapshot = snapshots.get(VMS, "vm-cirros"), snapshots.get(SNAPSHOTS, "snap-1")
    content_name = f"vmsnapshot-content-{snapshot['metadata']['uid']}"
    status = snapshot["status"]
    assert (status["phase"], status["readyToUse"]) == ("Succeeded", True)
    assert status["sourceUID"] == vm["metadata"]["uid"]
    assert status["virtualMachineSnapshotContentName"] == content_name
    assert status["snapshotVolumes"] == {"excludedVolumes": ["containerdisk", "cloudinitdisk"]}
    content = snapshots.get(CONTENTS, content_name)
    assert content["spec"]["virtualMachineSnapshotName"] == "snap-1"
    held = content["spec"]["source"]["virtualMachine"]
    assert held["spec"] == vm["spec"]
    assert held["metadata"]["uid"] == vm["metadata"]["uid"]
    assert content["status"]["readyToUse"] is True


@pytest.mark.parametrize("had_the_vm", [False, True])
def test_a_snapshot_past_its_deadline_has_failed(snapshots: World, *, had_the_vm: bool) -> None:
    name = "late" if had_the_vm else "snap-3"
    if had_the_vm:
        snapshots.delete(SNAPSHOTS, "snap-2")
        snapshots.until(lambda: "snap-2" not in snapshots.names(SNAPSHOTS))
        late = a_snapshot(name, "vm-snap", failureDeadline="100ms")
        snapshots.registry.create(SNAPSHOTS, NAMESPACE, late)
        snapshots.until(lambda: len(snapshots.reasons(SNAPSHOTS, name)) == 3)
    snapshot = snapshots.get(SNAPSHOTS, name)
    assert snapshot["status"].pop("sourceUID")
    content = snapshot["status"].pop("virtualMachineSnapshotContentName", None)
    assert bool(content) == had_the_vm
    # What is not ready is of no use.
    snapshots.until(lambda: content not in snapshots.names(CONTENTS))
    times = [item.pop("lastTransitionTime") for item in snapshot["status"]["conditions"]]
    assert len(times) == 3
    assert snapshot["status"] == {
        "conditions": [
            {
                "lastProbeTime": None,
                "reason": "Operation failed",
                "status": "False",
                "type": "Progressing",
            },
            {"lastProbeTime": None, "reason": "Not ready", "status": "False", "type": "Ready"},
            {
                "lastProbeTime": None,
                "reason": "snapshot deadline exceeded",
                "status": "True",
                "type": "Failure",
            },
        ],
        "phase": "Failed",
        "readyToUse": False,
    }


def test_a_ready_snapshot_is_cloned_without_a_snapshot_phase(snapshots: World) -> None:
    uid = snapshots.clone("s-ok", "vmsnapshot/snap-1", "s-ok-t")["metadata"]["uid"]
    snapshots.until_phase("s-ok", "Succeeded")
    restore = f"tmp-restore-{uid}"
    assert snapshots.timeline("s-ok") == [
        ["ADDED", None, "", None, None, None],
        ["MODIFIED", "RestoreInProgress", processing(), None, restore, None],
        ["MODIFIED", "Succeeded", READY, None, None, "s-ok-t"],
    ]
    assert snapshots.events("s-ok") == [
        ("Normal", "SnapshotReady", 1, "snapshot snap-1 for clone s-ok is ready to use"),
        ("Normal", "RestoreCreated", 1, f"created restore {restore} for clone s-ok"),
        ("Normal", "RestoreReady", 1, f"restore {restore} for clone s-ok is ready to use"),
        ("Normal", "TargetVMCreated", 1, "created target VM s-ok-t for clone s-ok"),
        ("Normal", "PVCBound", 1, "all PVC for clone s-ok are bound"),
    ]
    snapshots.until(lambda: not snapshots.names(RESTORES))
    assert "snap-1" in snapshots.names(SNAPSHOTS)


def test_the_group_of_a_snapshot_source_is_not_looked_at(snapshots: World) -> None:
    clone = a_clone("s-ag", "vmsnapshot/snap-1", "s-ag-t")
    clone["spec"]["source"]["apiGroup"] = "foo.example.com"
    snapshots.registry.create(CLONES, NAMESPACE, clone)
    snapshots.until_phase("s-ag", "Succeeded")


def test_a_missing_snapshot_is_waited_for(snapshots: World) -> None:
    snapshots.clone("s-no", "vmsnapshot/nosnap", "s-no-t")
    sentence = "Source doesnt exist: VirtualMachineSnapshot default/nosnap"
    snapshots.until_event("s-no", "SourceDoesNotExist", 2)
    assert snapshots.events("s-no") == [("Normal", "SourceDoesNotExist", 2, sentence)]
    assert snapshots.timeline("s-no")[1:] == [
        ["MODIFIED", None, pending(sentence), None, None, None]
    ]
    snapshots.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("nosnap", "vm-cirros"))
    snapshots.until_phase("s-no", "Succeeded")


def test_a_snapshot_that_is_not_ready_is_waited_for(make_world: Callable[..., World]) -> None:
    world = make_world("vm-slow-storage", pace=Pace(speed=10, slow_snapshot=3))
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("snap-2", "vm-slow"))
    uid = world.clone("s-wait", "vmsnapshot/snap-2", "s-wait-t")["metadata"]["uid"]
    world.until_phase("s-wait", "SnapshotInProgress")
    assert world.events("s-wait") == []
    world.until_phase("s-wait", "Succeeded")
    world.until(lambda: "restoreName" not in world.get(CLONES, "s-wait")["status"])
    restore = f"tmp-restore-{uid}"
    assert world.timeline("s-wait")[:3] == [
        ["ADDED", None, "", None, None, None],
        ["MODIFIED", "SnapshotInProgress", processing(), None, None, None],
        ["MODIFIED", "RestoreInProgress", processing(), None, restore, None],
    ]
    assert world.timeline("s-wait")[-1][1:] == ["Succeeded", READY, None, None, "s-wait-t"]


def test_a_failed_snapshot_leaves_the_clone_in_progress_without_an_event(snapshots: World) -> None:
    snapshots.clone("s-fail", "vmsnapshot/snap-3", "s-fail-t")
    snapshots.until_phase("s-fail", "SnapshotInProgress")
    snapshots.annotate(CLONES, "s-fail", touch="1")
    in_progress = ["SnapshotInProgress", processing(), None, None, None]
    assert snapshots.timeline("s-fail")[1][1:] == in_progress
    assert snapshots.events("s-fail") == []

    # Deleted while the clone waits: pending, in the phase that it has.
    snapshots.delete(SNAPSHOTS, "snap-3")
    sentence = "Source doesnt exist: VirtualMachineSnapshot default/snap-3"
    snapshots.until_event("s-fail", "SourceDoesNotExist", 2)
    assert "; ".join(snapshots.reasons(CLONES, "s-fail")) == pending(sentence)
    assert snapshots.phase("s-fail") == "SnapshotInProgress"
    assert snapshots.events("s-fail") == [("Normal", "SourceDoesNotExist", 2, sentence)]


def test_a_temporary_snapshot_deleted_midway_leaves_the_clone_stuck(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-slow-storage", pace=Pace(speed=100, slow_snapshot=1e6))
    uid = world.clone("c", "vm-slow", "t")["metadata"]["uid"]
    world.until_phase("c", "SnapshotInProgress")
    world.delete(SNAPSHOTS, f"tmp-snapshot-{uid}")
    world.until(lambda: world.find(SNAPSHOTS, f"tmp-snapshot-{uid}") is None)
    world.annotate(CLONES, "c", touch="1")
    assert world.phase("c") == "SnapshotInProgress"
    assert world.names(SNAPSHOTS) == []


def test_a_snapshot_cloned_onto_its_own_vm_overwrites_it(snapshots: World) -> None:
    def edit(vm: dict[str, Any]) -> None:
        vm["metadata"]["labels"]["edited"] = "yes"
        guest = vm["spec"]["template"]["spec"]
        guest["domain"]["resources"]["requests"]["memory"] = "256Mi"

    before = snapshots.change(VMS, "vm-cirros", edit)
    uid = snapshots.clone("self", "vmsnapshot/snap-1", "vm-cirros")["metadata"]["uid"]
    snapshots.until_phase("self", "Succeeded")
    after = snapshots.get(VMS, "vm-cirros")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["labels"] == before["metadata"]["labels"]
    mark = after["metadata"]["annotations"].pop("restore.kubevirt.io/lastRestoreUID")
    assert mark.startswith(f"tmp-restore-{uid}-")
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    domain = after["spec"]["template"]["spec"]["domain"]
    assert domain["resources"] == {"requests": {"memory": "128Mi"}}
    # Serial, uuid and MAC are the VM's own: patches are for new targets only.
    assert domain["firmware"] == {
        "serial": "SN-0001",
        "uuid": "5d307ca9-b3ef-428c-8861-06e72d69f223",
    }
    assert domain["devices"]["interfaces"][0]["macAddress"] == "02:00:00:00:00:01"


def test_a_claim_is_restored_under_a_new_name(make_world: Callable[..., World]) -> None:
    # Read in KubeVirt's source: the target is made once the new claims are bound.
    world = make_world("vm-data", pace=Pace(speed=20, bind=2))
    uid = world.clone("c", "vm-data", "t")["metadata"]["uid"]
    restore = f"tmp-restore-{uid}"
    waiting = ["Progressing=True:Creating new PVCs", "Ready=False:Waiting for new PVCs"]
    world.until(lambda: world.reasons(RESTORES, restore) == waiting)
    assert world.find(VMS, "t") is None
    [claim] = [item for item in world.names(CLAIMS) if item.startswith("restore-")]
    assert claim == f"restore-{world.get(RESTORES, restore)['metadata']['uid']}-data"
    world.until_phase("c", "Succeeded")
    assert world.timeline("c")[-1] == ["MODIFIED", "Succeeded", READY, None, None, "t"]
    assert world.events("c")[-1][1] == "PVCBound"
    [volume] = world.get(VMS, "t")["spec"]["template"]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": claim}
    stored = world.get(CLAIMS, claim)
    assert stored["status"]["phase"] == "Bound"
    assert stored["spec"]["storageClassName"] == "standard"
    assert stored["spec"]["dataSource"]["kind"] == "VolumeSnapshot"


def test_claims_may_be_named_after_the_target(make_world: Callable[..., World]) -> None:
    world = make_world("vm-data")
    world.clone("c", "vm-data", "t", volumeNamePolicy="PrefixTargetName")
    world.until_phase("c", "Succeeded")
    assert "t-data" in world.names(CLAIMS)


def test_first_consumer_storage_keeps_the_temporary_objects_until_the_target_starts(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-first-consumer")
    uid = world.clone("c", "vm-later", "t")["metadata"]["uid"]
    status = world.until_phase("c", "Succeeded")["status"]
    assert (status["snapshotName"], status["restoreName"]) == (
        f"tmp-snapshot-{uid}",
        f"tmp-restore-{uid}",
    )
    assert "PVCBound" not in [event[1] for event in world.events("c")]
    world.change(VMS, "t", lambda vm: vm["spec"].update(runStrategy="Always"))
    world.until(lambda: "restoreName" not in world.get(CLONES, "c")["status"])
    world.until(lambda: not world.names(RESTORES) + world.names(SNAPSHOTS))


def test_a_snapshot_needs_its_gate(still_world: World) -> None:
    still_world.gates(disabledFeatureGates=["Snapshot"])
    with pytest.raises(ApiError) as caught:
        still_world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-cirros"))
    assert str(caught.value) == (
        'admission webhook "virtualmachinesnapshot-validator.snapshot.kubevirt.io" denied the '
        "request: snapshot feature gate not enabled"
    )


@pytest.mark.parametrize(
    ("duration", "seconds"), [("5m0s", 300), ("1h", 3600), ("100ms", 0.1), ("1.5s", 1.5), ("0s", 0)]
)
def test_deadlines_are_go_durations(duration: str, seconds: float) -> None:
    assert seconds_of(duration) == pytest.approx(seconds)


def test_a_snapshot_cloned_onto_another_vm_is_stuck(make_world: Callable[..., World]) -> None:
    world = make_world("vm-cirros", "snapshots", "targets")
    world.until(lambda: phases(world)[0] == "Succeeded")
    uid = world.clone("oth", "vmsnapshot/snap-1", "taken")["metadata"]["uid"]
    restore = f"tmp-restore-{uid}"
    world.until_event(restore, "VirtualMachineRestoreError", 2)
    exists = "restore source and restore target are different but restore target already exists"
    assert world.reasons(RESTORES, restore) == [
        f"Progressing=False:{exists}",
        f"Ready=False:{exists}",
    ]
    status = world.get(CLONES, "oth")["status"]
    assert (status["phase"], status.get("snapshotName"), status["restoreName"]) == (
        "RestoreInProgress",
        None,
        restore,
    )
    assert "; ".join(world.reasons(CLONES, "oth")) == processing()
    world.delete(CLONES, "oth")
    world.until(lambda: world.find(RESTORES, restore) is None)
    assert world.get(SNAPSHOTS, "snap-1")["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize(
    ("seed", "vm", "sentence"),
    [
        ("vm-no-snapshot-class", "vm-pvc", "volume data is not backed up in snapshot s"),
        (
            "vm-backend-storage",
            "vm-tpm",
            "Clone of source with backendstorage is not supported: snapshot default/s",
        ),
    ],
)
def test_a_snapshot_that_does_not_hold_the_whole_vm_fails_its_clones(
    make_world: Callable[..., World], seed: str, vm: str, sentence: str
) -> None:
    # Read in KubeVirt's source: the sentence stays in the event only, for the conditions are
    # overwritten at once.
    world = make_world(seed)
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", vm))
    world.until(lambda: world.get(SNAPSHOTS, "s").get("status", {}).get("readyToUse"))
    world.clone("c", "vmsnapshot/s", "t")
    world.until(lambda: world.phase("c") == "Failed" and len(world.timeline("c")) > 2)
    assert world.events("c")[0] == ("Normal", "SnapshotContentInvalid", 1, sentence)
    assert "; ".join(world.reasons(CLONES, "c")) == processing()
    assert world.names(RESTORES) == []


def test_a_temporary_snapshot_deleted_before_the_restore_fails_the_clone(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-cirros", "targets")
    uid = world.clone("c", target="taken")["metadata"]["uid"]
    world.until_event(f"tmp-restore-{uid}", "VirtualMachineRestoreError")
    world.delete(SNAPSHOTS, f"tmp-snapshot-{uid}")
    world.until(lambda: world.find(SNAPSHOTS, f"tmp-snapshot-{uid}") is None)
    world.touch(CLONES, "c")
    world.until_phase("c", "Failed")
    kind, reason, _, message = world.events("c")[-1]
    assert (kind, reason) == ("Normal", "SnapshotDeleted")
    assert message == f"snapshot tmp-snapshot-{uid} does not exist anymore"


def test_each_volume_that_cant_be_snapshotted_has_its_line(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-no-snapshot-class")

    def add_volume(vm: dict[str, Any]) -> None:
        claim = {"name": "more", "persistentVolumeClaim": {"claimName": "nosuch"}}
        vm["spec"]["template"]["spec"]["volumes"].append(claim)

    world.change(VMS, "vm-pvc", add_volume)
    world.until(
        lambda: (
            len(world.get(VMS, "vm-pvc").get("status", {}).get("volumeSnapshotStatuses", ())) > 1
        )
    )
    world.clone("c", "vm-pvc", "t")
    lines = [
        f"Virtual Machine volume {name} does not support snapshots" for name in ("data", "more")
    ]
    world.until_event("c", "VMVolumeSnapshotsInvalid")
    assert world.events("c")[0][3] == "\n".join(lines)
    assert "; ".join(world.reasons(CLONES, "c")) == pending("\n".join(lines))
    assert world.phase("c") == ""


@pytest.mark.parametrize("resource", [SNAPSHOTS, RESTORES])
def test_what_was_asked_of_a_snapshot_or_a_restore_may_not_change(
    still_world: World, resource: str
) -> None:
    still_world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-cirros"))
    restore = {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineRestore",
        "metadata": {"name": "s"},
        "spec": {
            "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "t"},
            "virtualMachineSnapshotName": "s",
        },
    }
    still_world.registry.create(RESTORES, NAMESPACE, restore)
    still_world.annotate(resource, "s", a="b")
    part = {SNAPSHOTS: "source", RESTORES: "target"}[resource]
    with pytest.raises(ApiError) as caught:
        still_world.change(resource, "s", lambda obj: obj["spec"][part].update(name="other"))
    assert caught.value.code == 422
    assert str(caught.value).endswith("denied the request: spec in immutable after creation")


def test_a_storage_class_of_the_users_own_says_when_its_claims_are_bound(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-cirros")
    for name, mode in (("later", "WaitForFirstConsumer"), ("first-consumer", "Immediate")):
        body = {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": name},
            "provisioner": "csi.example.com",
            "volumeBindingMode": mode,
        }
        world.registry.create("storageclasses.storage.k8s.io", "", body)
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name},
            "spec": _claim_spec(name),
        }
        world.registry.create(CLAIMS, NAMESPACE, claim)
    world.until(lambda: world.get(CLAIMS, "first-consumer")["status"]["phase"] == "Bound")
    assert world.get(CLAIMS, "later")["status"]["phase"] == "Pending"


def a_claim(name: str, storage_class: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": _claim_spec(storage_class),
    }


def _claim_spec(storage_class: str) -> dict[str, Any]:
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Mi"}},
        "storageClassName": storage_class,
    }


def a_vm_on(claim: str) -> dict[str, Any]:
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    return a_vm("s", template={"spec": {"domain": {"devices": {}}, "volumes": volumes}})


def test_the_snapshot_of_a_claim_that_is_not_bound_fails_at_its_deadline(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-cirros", pace=Pace(speed=float("inf"), failure_deadline=NEVER))
    world.registry.create(CLAIMS, NAMESPACE, a_claim("later", "first-consumer"))
    world.registry.create(VMS, NAMESPACE, a_vm_on("later"))
    world.until(lambda: "status" in world.get(VMS, "s"))
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("late", "s", failureDeadline="1s"))
    world.clone("c", "s", "t")
    world.until(lambda: world.get(SNAPSHOTS, "late").get("status", {}).get("phase") == "Failed")
    assert world.reasons(SNAPSHOTS, "late") == [
        "Progressing=False:Operation failed",
        "Ready=False:Not ready",
        "Failure=True:snapshot deadline exceeded",
    ]
    world.until_phase("c", "SnapshotInProgress")
    assert world.get(CLAIMS, "later")["status"] == {"phase": "Pending"}

    world.change(VMS, "s", lambda vm: vm["spec"].update(runStrategy="Always"))
    world.until_phase("c", "Succeeded")
    assert world.get(CLAIMS, "later")["status"]["phase"] == "Bound"


def test_a_snapshot_class_for_the_driver_lets_volumes_be_snapshotted(
    make_world: Callable[..., World],
) -> None:
    world = make_world("storage-classes", "vm-no-snapshot-class")
    world.until(lambda: "status" in world.get(VMS, "vm-pvc"))
    refused = world.get(VMS, "vm-pvc")["status"]["volumeSnapshotStatuses"]
    world.clone("c", "vm-pvc", "t")
    for number, driver in enumerate(("another.example.com", "nosnap.example.com")):
        body = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotClass",
            "metadata": {"name": f"class-{number}"},
            "driver": driver,
            "deletionPolicy": "Delete",
        }
        world.touch(VMS, "vm-pvc")
        world.until_event("c", "VMVolumeSnapshotsInvalid", number + 1)
        assert world.get(VMS, "vm-pvc")["status"]["volumeSnapshotStatuses"] == refused
        world.registry.create("volumesnapshotclasses.snapshot.storage.k8s.io", "", body)
    world.until_phase("c", "Succeeded")
    taken = [{"enabled": True, "name": "data"}]
    assert world.get(VMS, "vm-pvc")["status"]["volumeSnapshotStatuses"] == taken
    world.until(lambda: "status" in world.get(VMS, "t"))
    assert world.get(VMS, "t")["status"]["volumeSnapshotStatuses"] == taken


def test_a_snapshot_class_needs_a_driver_and_a_deletion_policy(still_world: World) -> None:
    body = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotClass",
        "metadata": {"name": "c"},
    }
    with pytest.raises(ApiError) as caught:
        still_world.registry.create("volumesnapshotclasses.snapshot.storage.k8s.io", "", body)
    assert str(caught.value) == (
        'VolumeSnapshotClass.snapshot.storage.k8s.io "c" is invalid:'
        " [deletionPolicy: Required value, driver: Required value]"
    )
