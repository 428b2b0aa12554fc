"""The steps of snapshots and restores that nothing is wrong with, and what holds them up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace

from .test_drivers import FAST, a_claim, is_bound, restored
from .world import CLAIMS, CONTENTS, NAMESPACE, RESTORES, SNAPSHOTS, VMS, World, a_snapshot

Obj = dict[str, Any]
LOCKED = "Progressing=True:Source locked and operation in progress; Ready=False:Not ready"
UNLOCKED = "Progressing=False:Source not locked; Ready=False:Not ready"
SUCCEEDED = "Progressing=False:Operation complete; Ready=True:Ready"


def told(world: World, type_key: str, name: str) -> list[str]:
    """What an object said one after the other, without repeats."""
    _, changes = world.registry.store.changes_since(1, 0)
    found: list[str] = []
    for change in changes:
        if change.type_key == type_key and change.object["metadata"]["name"] == name:
            conditions = change.object.get("status", {}).get("conditions", [])
            line = "; ".join(f"{i['type']}={i['status']}:{i['reason']}" for i in conditions)
            if line and line not in found[-1:]:
                found.append(line)
    return found


def pair(progress: str, ready: str, *, going: bool = True) -> str:
    return f"Progressing={going}:{progress}; Ready=False:{ready}"


def lock_reason(world: World, name: str) -> str:
    return "".join(world.reasons(SNAPSHOTS, name)[:1]).removeprefix("Progressing=False:")


@pytest.fixture
def data(make_world: Callable[..., World]) -> World:
    world = make_world("storage-classes", "vm-data", "vm-cirros", pace=FAST)
    world.until(lambda: is_bound(world, "disk-good"))
    return world


@pytest.mark.parametrize("source", ["vm-data", "vm-cirros"])
def test_a_healthy_clone_has_these_steps(data: World, source: str) -> None:
    uid = data.clone("c", source, "t")["metadata"]["uid"]
    data.until_phase("c", "Succeeded")
    data.until(lambda: data.names(SNAPSHOTS) == [])
    claims = [pair("Creating new PVCs", "Waiting for new PVCs")] if source == "vm-data" else []
    assert told(data, RESTORES, f"tmp-restore-{uid}") == [
        pair("Initializing VirtualMachineRestore", "Initializing VirtualMachineRestore"),
        *claims,
        pair("Updating target spec", "Waiting for target update"),
        "Progressing=False:Operation complete; Ready=True:Operation complete",
        pair("VM restore is deleting", "VM restore is deleting", going=False),
    ]
    assert told(data, SNAPSHOTS, f"tmp-snapshot-{uid}")[:3] == [UNLOCKED, LOCKED, SUCCEEDED]


def test_of_two_snapshots_the_second_waits_for_the_first(data: World) -> None:
    for name in ("one", "two"):
        data.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot(name, "vm-data"))
    data.until(lambda: data.reasons(SNAPSHOTS, "two")[1:] == ["Ready=True:Ready"])
    waits = 'Progressing=False:Source not locked snapshot "one" in progress; Ready=False:Not ready'
    assert told(data, SNAPSHOTS, "one") == [UNLOCKED, LOCKED, SUCCEEDED]
    assert told(data, SNAPSHOTS, "two") == [UNLOCKED, waits, LOCKED, SUCCEEDED]
    vm = data.get(VMS, "vm-data")
    assert "snapshotInProgress" not in vm["status"]
    assert vm["metadata"]["finalizers"] == ["kubevirt.io/virtualMachineControllerFinalize"]


def test_a_lock_of_somebody_else_is_waited_for(data: World) -> None:
    vm = data.get(VMS, "vm-data")
    held = {**vm, "status": {**vm["status"], "snapshotInProgress": "nightly-1"}}
    data.registry.update(VMS, NAMESPACE, "vm-data", held, subresource="status")
    data.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-data"))
    reason = 'Source not locked snapshot "nightly-1" in progress'
    data.until(lambda: lock_reason(data, "s") == reason)

    def free(obj: Obj) -> Obj:
        kept = {key: item for key, item in obj["status"].items() if key != "snapshotInProgress"}
        return {**obj, "status": kept}

    data.registry.patch(VMS, NAMESPACE, "vm-data", free, subresource="status")
    data.until(lambda: data.reasons(SNAPSHOTS, "s")[1:] == ["Ready=True:Ready"])


@pytest.mark.parametrize(
    ("release", "told_by"),
    [("1.4", "Source not locked"), ("1.9", "Source not locked source default/vm-data {}")],
)
def test_a_claim_that_is_not_bound_can_not_be_snapshotted(
    make_world: Callable[..., World], release: str, told_by: str
) -> None:
    pace = Pace(speed=200.0, failure_deadline=1e6)
    world = make_world("storage-classes", "vm-data", pace=pace, release=release)
    world.until(lambda: is_bound(world, "disk-good"))
    world.change(CLAIMS, "disk-good", lambda obj: obj["metadata"].update(finalizers=["a.b/hold"]))
    world.delete(CLAIMS, "disk-good")
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-data"))
    going = told_by.format("volume is being deleted: disk-good")
    world.until(lambda: lock_reason(world, "s") == going)
    world.change(CLAIMS, "disk-good", lambda obj: obj["metadata"].update(finalizers=[]))
    gone = told_by.format("volume doesnt exist: disk-good")
    world.until(lambda: lock_reason(world, "s") == gone)
    world.registry.create(CLAIMS, NAMESPACE, a_claim("disk-good", "first-consumer"))
    unbound = told_by.format("volume not bound: disk-good")
    world.until(lambda: lock_reason(world, "s") == unbound)
    world.annotate(CLAIMS, "disk-good", **{"volume.kubernetes.io/selected-node": "lab-node"})
    world.until(lambda: world.reasons(SNAPSHOTS, "s")[1:] == ["Ready=True:Ready"])


@pytest.mark.parametrize(("phase", "holds"), [("Failed", True), ("Succeeded", False)])
def test_a_pod_holds_up_the_snapshot_of_a_stopped_vm(
    data: World, phase: str, *, holds: bool
) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "disk-good"}}
    pod: Obj = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}
    data.registry.create("pods", NAMESPACE, {**pod, "spec": {"volumes": [claim]}})
    stored = {**data.get("pods", "p"), "status": {"phase": phase}}
    data.registry.update("pods", NAMESPACE, "p", stored, subresource="status")
    snapshot = a_snapshot("s", "vm-data", failureDeadline="0s")
    data.registry.create(SNAPSHOTS, NAMESPACE, snapshot)
    if holds:
        reason = "Source not locked source is offline but 1 pods using PVCs [disk-good]"
        data.until(lambda: lock_reason(data, "s") == reason)
        data.delete("pods", "p")
    data.until(lambda: data.reasons(SNAPSHOTS, "s")[1:] == ["Ready=True:Ready"])


def test_a_memory_dump_is_snapshotted_and_not_restored(data: World) -> None:
    data.registry.create(CLAIMS, NAMESPACE, a_claim("dump"))

    def dump(vm: Obj) -> None:
        volumes = vm["spec"]["template"]["spec"]["volumes"]
        volumes.append({"name": "dump", "memoryDump": {"claimName": "dump"}})

    data.change(VMS, "vm-data", dump)
    data.until(lambda: len(data.get(VMS, "vm-data")["status"]["volumeSnapshotStatuses"]) == 2)
    data.until(lambda: is_bound(data, "dump"))
    data.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-data"))
    data.until(lambda: data.reasons(SNAPSHOTS, "s")[1:] == ["Ready=True:Ready"])
    included = data.get(SNAPSHOTS, "s")["status"]["snapshotVolumes"]
    assert included == {"includedVolumes": ["data", "dump"]}
    data.clone("c", "vmsnapshot/s", "t")
    data.until_phase("c", "Succeeded")
    assert [item["name"] for item in data.get(VMS, "t")["spec"]["template"]["spec"]["volumes"]] == [
        "data"
    ]
    assert restored(data).endswith("-data")


@pytest.mark.parametrize(("release", "says"), [("1.6", False), ("1.9", True)])
def test_a_snapshot_without_all_volumes_says_that_it_is_partial(
    make_world: Callable[..., World], release: str, *, says: bool
) -> None:
    world = make_world("storage-classes", "vm-no-snapshot-class", pace=FAST, release=release)
    world.until(lambda: is_bound(world, "data"))
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-pvc"))
    world.until(lambda: world.reasons(SNAPSHOTS, "s")[1:] == ["Ready=True:Ready"])
    status = world.get(SNAPSHOTS, "s")["status"]
    assert status["snapshotVolumes"] == {"excludedVolumes": ["data"]}
    assert status.get("indications") == (["PartialSnapshot"] if says else None)
    message = (
        "Not all snapshotable volumes were included in the snapshot. Check status.snapshotVolumes "
        "for excluded volumes and VM VolumeSnapshotStatus for details."
    )
    indication = [{"indication": "PartialSnapshot", "message": message}]
    assert status.get("sourceIndications") == (indication if says else None)
    world.clone("c", "vmsnapshot/s", "t")
    world.until_phase("c", "Failed")


def test_a_failed_snapshot_takes_its_content_along(data: World) -> None:
    snapshot = a_snapshot("s", "vm-data", failureDeadline="1ns")
    data.registry.create(SNAPSHOTS, NAMESPACE, snapshot)
    data.until(lambda: len(data.reasons(SNAPSHOTS, "s")) == 3)
    assert data.get(SNAPSHOTS, "s")["status"]["phase"] == "Failed"
    data.until(lambda: data.names(CONTENTS) == [])
    assert "snapshotInProgress" not in data.get(VMS, "vm-data")["status"]


def test_a_claim_of_the_targets_name_is_taken_as_it_is(data: World) -> None:
    data.registry.create(CLAIMS, NAMESPACE, a_claim("bill-data"))
    data.until(lambda: is_bound(data, "bill-data"))
    before = data.get(CLAIMS, "bill-data")
    data.clone("c", "vm-data", "bill", volumeNamePolicy="PrefixTargetName")
    data.until_phase("c", "Succeeded")
    assert data.get(CLAIMS, "bill-data") == before
    [volume] = data.get(VMS, "bill")["spec"]["template"]["spec"]["volumes"]
    assert volume == {"name": "data", "persistentVolumeClaim": {"claimName": "bill-data"}}


def test_a_restore_tells_that_the_class_of_a_pending_claim_is_missing(data: World) -> None:
    data.registry.create(CLAIMS, NAMESPACE, a_claim("cart-data", "absent"))
    clone = data.clone("c", "vm-data", "cart", volumeNamePolicy="PrefixTargetName")
    restore = f"tmp-restore-{clone['metadata']['uid']}"
    missing = "StorageClass absent does not exist"
    wanted = pair(missing, missing, going=False).split("; ")
    data.until(lambda: data.reasons(RESTORES, restore) == wanted)
    data.delete(CLAIMS, "cart-data")
    data.until_phase("c", "Succeeded")
    assert "dataSource" in data.get(CLAIMS, "cart-data")["spec"]
