"""A clone from creation to its end; phases, conditions and events as recorded on KubeVirt v1.9."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace

from .world import (
    CLONES,
    CONTENTS,
    READY,
    RESTORES,
    SNAPSHOTS,
    VMS,
    World,
    a_vm,
    pending,
    processing,
)

TPM = "Clone of source with backendstorage is not supported: VM default/vm-tpm"


def happy_timeline(uid: str, target: str) -> list[list[str | None]]:
    snapshot, restore = f"tmp-snapshot-{uid}", f"tmp-restore-{uid}"
    return [
        ["ADDED", None, "", None, None, None],
        ["MODIFIED", "SnapshotInProgress", processing(), snapshot, None, None],
        ["MODIFIED", "RestoreInProgress", processing(), snapshot, restore, None],
        ["MODIFIED", "Succeeded", READY, None, None, target],
    ]


def happy_events(uid: str, name: str, target: str) -> list[tuple[str, str, int, str]]:
    snapshot, restore = f"tmp-snapshot-{uid}", f"tmp-restore-{uid}"
    return [
        ("Normal", "SnapshotCreated", 1, f"created snapshot {snapshot} for clone {name}"),
        ("Normal", "SnapshotReady", 1, f"snapshot {snapshot} for clone {name} is ready to use"),
        ("Normal", "RestoreCreated", 1, f"created restore {restore} for clone {name}"),
        ("Normal", "RestoreReady", 1, f"restore {restore} for clone {name} is ready to use"),
        ("Normal", "TargetVMCreated", 1, f"created target VM {target} for clone {name}"),
        ("Normal", "PVCBound", 1, f"all PVC for clone {name} are bound"),
    ]


def test_a_halted_vm_without_claims_is_cloned(world: World) -> None:
    uid = world.clone("clone-1", target="vm-cirros-clone")["metadata"]["uid"]
    clone = world.until_phase("clone-1", "Succeeded")
    now = "2026-11-22T07:54:15Z"
    assert clone["status"] == {
        "conditions": [
            {
                "lastProbeTime": None,
                "lastTransitionTime": now,
                "reason": "Ready",
                "status": "False",
                "type": "Progressing",
            },
            {
                "lastProbeTime": None,
                "lastTransitionTime": now,
                "reason": "Ready",
                "status": "True",
                "type": "Ready",
            },
        ],
        "phase": "Succeeded",
        "targetName": "vm-cirros-clone",
    }
    world.until(lambda: not world.names(CONTENTS) + world.names(SNAPSHOTS) + world.names(RESTORES))
    assert world.timeline("clone-1") == happy_timeline(uid, "vm-cirros-clone")
    assert world.events("clone-1") == happy_events(uid, "clone-1", "vm-cirros-clone")
    assert clone["metadata"]["generation"] == 1
    assert "finalizers" not in clone["metadata"]


def test_the_children_record_events_of_their_own(world: World) -> None:
    uid = world.clone("clone-1", target="t")["metadata"]["uid"]
    world.until_phase("clone-1", "Succeeded")
    restore = f"tmp-restore-{uid}"
    assert world.events(restore) == [
        (
            "Normal",
            "VirtualMachineRestoreComplete",
            1,
            f"Successfully completed VirtualMachineRestore {restore}",
        )
    ]
    [(kind, reason, count, message)] = world.events(f"tmp-snapshot-{uid}")
    assert (kind, reason, count) == ("Normal", "SuccessfulVirtualMachineSnapshotContentCreate", 1)
    assert re.fullmatch(
        r"Successfully created VirtualMachineSnapshotContent vmsnapshot-content-[0-9a-f-]{36}",
        message,
    )


def test_the_target_is_the_source_with_another_identity(world: World) -> None:
    uid = world.clone("clone-1", target="vm-cirros-clone")["metadata"]["uid"]
    world.until_phase("clone-1", "Succeeded")
    source, target = world.get(VMS, "vm-cirros"), world.get(VMS, "vm-cirros-clone")
    mark = target["metadata"]["annotations"].pop("restore.kubevirt.io/lastRestoreUID")
    assert re.fullmatch(f"tmp-restore-{uid}-[0-9a-f-]{{36}}", mark)
    assert target["metadata"]["annotations"] == source["metadata"]["annotations"]
    assert target["metadata"]["labels"] == source["metadata"]["labels"]
    assert "ownerReferences" not in target["metadata"]
    assert target["metadata"]["uid"] != source["metadata"]["uid"]
    expected = source["spec"]
    domain = expected["template"]["spec"]["domain"]
    new_firmware = target["spec"]["template"]["spec"]["domain"]["firmware"]
    assert domain["firmware"].values() not in list(new_firmware.values())
    assert new_firmware["serial"] != "SN-0001"
    domain["firmware"] = new_firmware
    del domain["devices"]["interfaces"][0]["macAddress"]
    assert target["spec"] == expected


def test_phases_take_their_time(make_world: Callable[..., World]) -> None:
    world = make_world(pace=Pace(speed=20))
    uid = world.clone("slow", target="slow-t")["metadata"]["uid"]
    world.until_phase("slow", "SnapshotInProgress")
    [snapshot] = world.names(SNAPSHOTS)
    assert snapshot == f"tmp-snapshot-{uid}"
    world.until_phase("slow", "Succeeded")
    assert world.timeline("slow") == happy_timeline(uid, "slow-t")


def test_a_missing_source_is_waited_for(world: World) -> None:
    uid = world.clone("c-nosrc", "nosuch", "c-nosrc-t")["metadata"]["uid"]
    sentence = "Source doesnt exist: VirtualMachine default/nosuch"
    world.until_event("c-nosrc", "SourceDoesNotExist", 2)
    assert world.events("c-nosrc") == [("Normal", "SourceDoesNotExist", 2, sentence)]
    assert "phase" not in world.get(CLONES, "c-nosrc")["status"]
    world.registry.create(VMS, "default", a_vm("nosuch"))
    world.until_phase("c-nosrc", "Succeeded")
    first, *rest = happy_timeline(uid, "c-nosrc-t")
    waiting = ["MODIFIED", None, pending(sentence), None, None, None]
    assert world.timeline("c-nosrc") == [first, waiting, *rest]
    assert world.events("c-nosrc") == [
        ("Normal", "SourceDoesNotExist", 2, sentence),
        *happy_events(uid, "c-nosrc", "c-nosrc-t"),
    ]


def test_a_volume_without_snapshot_support_is_waited_for(make_world: Callable[..., World]) -> None:
    world = make_world("vm-no-snapshot-class")
    world.clone("c-pvc", "vm-pvc", "c-pvc-t")
    sentence = "Virtual Machine volume data does not support snapshots"
    world.until_event("c-pvc", "VMVolumeSnapshotsInvalid", 2)
    assert world.timeline("c-pvc") == [
        ["ADDED", None, "", None, None, None],
        ["MODIFIED", None, pending(sentence), None, None, None],
    ]
    assert world.events("c-pvc") == [("Normal", "VMVolumeSnapshotsInvalid", 2, sentence)]
    assert world.get(VMS, "vm-pvc")["status"]["volumeSnapshotStatuses"] == [
        {
            "enabled": False,
            "name": "data",
            "reason": "No VolumeSnapshotClass: Volume snapshots are not configured for this "
            "StorageClass [nosnap] [data]",
        }
    ]


def test_a_persistent_tpm_fails_the_clone(make_world: Callable[..., World]) -> None:
    world = make_world("vm-backend-storage")
    world.clone("c-tpm", "vm-tpm", "c-tpm-t")
    world.until_event("c-tpm", "SourceVMWithBackendStorageInvalid", 2)
    failed = ["Failed", f"Progressing=False:Failed; Ready=False:{TPM}", None, None, None]
    assert world.timeline("c-tpm") == [
        ["ADDED", None, "", None, None, None],
        ["MODIFIED", *failed],
    ]
    world.clock.move(30)
    world.annotate(CLONES, "c-tpm", touch="1")
    world.until_event("c-tpm", "SourceVMWithBackendStorageInvalid", 3)
    [one, other] = world.get(CLONES, "c-tpm")["status"]["conditions"]
    assert {one["lastTransitionTime"], other["lastTransitionTime"]} == {"2026-11-22T07:54:15Z"}

    # The source loses its TPM: the phase stays, the conditions no longer say why.
    world.change(
        VMS, "vm-tpm", lambda vm: vm["spec"]["template"]["spec"]["domain"]["devices"].pop("tpm")
    )
    world.annotate(CLONES, "c-tpm", touch="2")
    world.until(lambda: "; ".join(world.reasons(CLONES, "c-tpm")) == processing())
    assert world.timeline("c-tpm")[2:] == [
        ["MODIFIED", *failed],
        ["MODIFIED", *failed],
        ["MODIFIED", "Failed", processing(), None, None, None],
    ]
    assert world.events("c-tpm") == [("Normal", "SourceVMWithBackendStorageInvalid", 3, TPM)]


def test_persistent_efi_variables_fail_the_clone(make_world: Callable[..., World]) -> None:
    world = make_world("vm-backend-storage")
    world.clone("c-efi", "vm-efi", "c-efi-t")
    world.until_phase("c-efi", "Failed")


def test_deleting_the_target_after_success_deletes_the_clone(world: World) -> None:
    uid = world.clone("x-1", target="x-1-t")["metadata"]["uid"]
    world.until_phase("x-1", "Succeeded")
    world.delete(VMS, "x-1-t")
    world.until(lambda: world.find(CLONES, "x-1") is None)
    last = ["DELETED", "Succeeded", READY, None, None, "x-1-t"]
    assert world.timeline("x-1") == [*happy_timeline(uid, "x-1-t"), last]
    assert world.events("x-1") == happy_events(uid, "x-1", "x-1-t")


def test_deleting_the_source_after_success_leaves_an_event(world: World) -> None:
    uid = world.clone("x-2", target="x-2-t")["metadata"]["uid"]
    world.until_phase("x-2", "Succeeded")
    world.delete(VMS, "vm-cirros")
    world.until_event("x-2", "SourceDoesNotExist")
    world.clock.move(2)
    world.annotate(CLONES, "x-2", touch="1")
    world.until_event("x-2", "SourceDoesNotExist", 2)
    world.until(lambda: len(world.timeline("x-2")) > len(happy_timeline("", "")) + 1)
    status = world.get(CLONES, "x-2")["status"]
    assert status["phase"] == "Succeeded"
    assert "; ".join(world.reasons(CLONES, "x-2")) == READY
    # A look at a finished clone renews the times of its conditions.
    assert {c["lastTransitionTime"] for c in status["conditions"]} == {"2026-11-22T07:54:17Z"}
    sentence = "Source doesnt exist: VirtualMachine default/vm-cirros"
    assert world.events("x-2") == [
        *happy_events(uid, "x-2", "x-2-t"),
        ("Normal", "SourceDoesNotExist", 2, sentence),
    ]


def test_deleting_the_clone_leaves_the_target(world: World) -> None:
    first = world.clone("x-3", target="x-3-t")["metadata"]["uid"]
    world.until_phase("x-3", "Succeeded")
    world.delete(CLONES, "x-3")
    assert "ownerReferences" not in world.get(VMS, "x-3-t")["metadata"]

    # The same again, with the target still there: stuck, and silent about it.
    second = world.clone("x-3", target="x-3-t")["metadata"]["uid"]
    world.until_event(f"tmp-restore-{second}", "VirtualMachineRestoreError", 2)
    assert world.get(CLONES, "x-3")["status"]["restoreName"] == f"tmp-restore-{second}"
    assert world.phase("x-3") == "RestoreInProgress"
    assert world.events("x-3") == [
        *happy_events(first, "x-3", "x-3-t"),
        *happy_events(second, "x-3", "x-3-t")[:3],
    ]


@pytest.mark.parametrize("storage", ["vm-slow-storage", "snapshots"])
def test_deleting_the_clone_midway_collects_its_children(
    make_world: Callable[..., World], storage: str
) -> None:
    world = make_world(storage, pace=Pace(speed=100, slow_snapshot=1e6, failure_deadline=1e6))
    source = "vm-slow" if storage == "vm-slow-storage" else "vm-snap"
    for other in world.names(SNAPSHOTS):
        # Of a VM one snapshot is taken at a time.
        world.delete(SNAPSHOTS, other)
    uid = world.clone("midway", source, "t")["metadata"]["uid"]
    world.until_phase("midway", "SnapshotInProgress")
    child = f"tmp-snapshot-{uid}"
    name = "virtualMachineSnapshotContentName"
    world.until(lambda: name in world.get(SNAPSHOTS, child).get("status", {}))
    content = world.get(SNAPSHOTS, child)["status"][name]
    assert content in world.names(CONTENTS)
    world.delete(CLONES, "midway")
    world.until(lambda: world.find(SNAPSHOTS, child) is None)
    world.until(lambda: world.find(CONTENTS, content) is None)


def test_the_children_name_the_clone_as_their_owner(make_world: Callable[..., World]) -> None:
    world = make_world("vm-slow-storage", pace=Pace(speed=100, slow_snapshot=1e6))
    uid = world.clone("c", "vm-slow", "t")["metadata"]["uid"]
    world.until_phase("c", "SnapshotInProgress")
    child = world.get(SNAPSHOTS, f"tmp-snapshot-{uid}")
    assert child["metadata"]["ownerReferences"] == [
        {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": "VirtualMachineClone",
            "name": "c",
            "uid": uid,
        }
    ]
    assert child["metadata"]["finalizers"] == ["snapshot.kubevirt.io/vmsnapshot-protection"]


def test_a_gate_switched_off_midway_holds_the_clone_until_it_is_back(world: World) -> None:
    uid = world.clone("g-wait", "g-later", "g-wait-t")["metadata"]["uid"]
    world.until_event("g-wait", "SourceDoesNotExist", 2)
    world.gates(featureGates=[], disabledFeatureGates=["Snapshot"])
    world.registry.create(VMS, "default", a_vm("g-later"))
    stuck = world.until_phase("g-wait", "SnapshotInProgress")
    assert "snapshotName" not in stuck["status"]
    assert "; ".join(world.reasons(CLONES, "g-wait")) == processing()
    missing = "Source doesnt exist: VirtualMachine default/g-later"
    assert world.events("g-wait") == [("Normal", "SourceDoesNotExist", 2, missing)]
    world.gates(featureGates=[], disabledFeatureGates=[])
    world.until_phase("g-wait", "Succeeded")
    assert world.events("g-wait")[1:] == happy_events(uid, "g-wait", "g-wait-t")


def test_twenty_clones_show_the_recorded_phases_each(world: World) -> None:
    uids = {
        name: world.clone(name, target=f"{name}-t")["metadata"]["uid"]
        for name in (f"many-{number}" for number in range(20))
    }
    world.until(lambda: all(world.phase(name) == "Succeeded" for name in uids))
    for name, uid in uids.items():
        assert world.timeline(name) == happy_timeline(uid, f"{name}-t")
