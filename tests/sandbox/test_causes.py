"""Causes of a clone that stops, each brought about by ordinary requests, seeds and a pace.

Those that were recorded on a live cluster are tested beside the recording's other facts.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace

from .test_targets import EXISTS, WEBHOOK
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
    pending,
    processing,
)

AT_ONCE = float("inf")
NOW = "2026-11-22T07:54:15Z"
FREEZE_FAILED = (
    "Internal error occurred: unexpected return code 400 (400 Bad Request), message: server error. "
    "command Freeze failed: \"LibvirtError(Code=1, Domain=10, Message='internal error: unable to "
    "execute QEMU agent command 'guest-fsfreeze-freeze': failed to open /data: "
    "Permission denied')\""
)


def states(world: World, snapshot: str) -> list[str]:
    return world.reasons(SNAPSHOTS, snapshot)


def test_a_guest_that_cant_be_frozen_keeps_the_snapshot_waiting(
    make_world: Callable[..., World],
) -> None:
    pace = Pace(speed=AT_ONCE, failure_deadline=NEVER)
    world = make_world("vm-freeze", "storage-classes", pace=pace)
    uid = world.clone("c", "vm-freeze", "t")["metadata"]["uid"]
    snapshot = f"tmp-snapshot-{uid}"
    world.until(lambda: "error" in (world.find(SNAPSHOTS, snapshot) or {}).get("status", {}))
    status = world.get(SNAPSHOTS, snapshot)["status"]
    assert status["error"] == {"message": FREEZE_FAILED, "time": NOW}
    assert (status["phase"], status["readyToUse"]) == ("InProgress", False)
    assert status["indications"] == ["GuestAgent", "Online"]
    assert states(world, snapshot) == ["Progressing=False:In error state", "Ready=False:Not ready"]
    content = world.get(CONTENTS, status["virtualMachineSnapshotContentName"])["status"]
    assert content == {"error": status["error"], "readyToUse": False}
    assert world.timeline("c")[-1][1:] == ["SnapshotInProgress", processing(), snapshot, None, None]

    # The guest recovers: the freeze is tried again, and the error is gone.
    world.change(VMS, "vm-freeze", lambda vm: vm["metadata"].pop("annotations"))
    world.until_phase("c", "Succeeded")
    assert world.timeline("c")[-1][2] == READY


def test_a_guest_that_is_never_frozen_fails_the_snapshot_at_its_deadline(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-freeze", "storage-classes")
    uid = world.clone("c", "vm-freeze", "t")["metadata"]["uid"]
    snapshot = f"tmp-snapshot-{uid}"
    world.until(lambda: len(states(world, snapshot)) == 3)
    assert states(world, snapshot) == [
        "Progressing=False:In error state",
        "Ready=False:Not ready",
        "Failure=True:snapshot deadline exceeded",
    ]
    status = world.get(SNAPSHOTS, snapshot)["status"]
    assert (status["phase"], status["error"]["message"]) == ("Failed", FREEZE_FAILED)
    # The clone is never told.
    world.touch(CLONES, "c")
    assert world.phase("c") == "SnapshotInProgress"
    assert [item[1] for item in world.events("c")] == ["SnapshotCreated"]


def test_a_guest_with_an_agent_is_frozen_and_its_vm_runs(make_world: Callable[..., World]) -> None:
    world = make_world("vm-freeze", "storage-classes")
    world.change(VMS, "vm-freeze", lambda vm: vm["metadata"].pop("annotations"))
    world.until(lambda: world.get(VMS, "vm-freeze")["status"].get("printableStatus"))
    status = world.get(VMS, "vm-freeze")["status"]
    assert status["printableStatus"] == "Running"
    assert [(item["type"], item["status"]) for item in status["conditions"]] == [
        ("Ready", "True"),
        ("AgentConnected", "True"),
    ]
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-freeze"))
    world.until(lambda: world.get(SNAPSHOTS, "s").get("status", {}).get("readyToUse"))
    assert world.get(SNAPSHOTS, "s")["status"]["indications"] == ["GuestAgent", "Online"]

    # Stopped and started again: there is no node on which an agent could connect.
    world.change(VMS, "vm-freeze", lambda vm: vm["spec"].update(runStrategy="Halted"))
    world.until(lambda: world.get(VMS, "vm-freeze")["status"]["printableStatus"] == "Stopped")
    world.change(VMS, "vm-freeze", lambda vm: vm["spec"].update(runStrategy="Always"))
    world.until(lambda: world.get(VMS, "vm-freeze")["status"]["printableStatus"] == "Starting")


def test_a_guest_that_does_not_run_or_has_no_agent_need_not_be_frozen(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-freeze", "storage-classes")
    for strategy, printable in (("Halted", "Stopped"), ("Always", "Starting")):
        world.change(VMS, "vm-freeze", lambda vm, to=strategy: vm["spec"].update(runStrategy=to))
        world.until(
            lambda is_now=printable: (
                world.get(VMS, "vm-freeze")["status"].get("printableStatus") == is_now
            )
        )
        world.clone(f"c-{strategy.lower()}", "vm-freeze", f"t-{strategy.lower()}")
        world.until_phase(f"c-{strategy.lower()}", "Succeeded")


def test_a_driver_without_room_fails_the_snapshot_at_its_deadline(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-full-storage", "storage-classes")
    uid = world.clone("c", "vm-full", "t")["metadata"]["uid"]
    snapshot = f"tmp-snapshot-{uid}"
    world.until(lambda: len(states(world, snapshot)) == 3)
    taken = world.get(SNAPSHOTS, snapshot)
    volume = world.get(CLAIMS, "disk-full")["spec"]["volumeName"]
    assert taken["status"]["error"]["message"] == (
        f"VolumeSnapshot vmsnapshot-{taken['metadata']['uid']}-volume-data error: Failed to check "
        f"and update snapshot content: failed to take snapshot of the volume {volume}: "
        '"rpc error: code = ResourceExhausted desc = no space left on device"'
    )
    assert states(world, snapshot)[2] == "Failure=True:snapshot deadline exceeded"
    assert "indications" not in taken["status"]
    assert world.phase("c") == "SnapshotInProgress"


def test_the_snapshot_support_of_a_new_vm_is_unknown_at_first(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-data", "storage-classes", pace=Pace(speed=AT_ONCE, vm_status=NEVER))
    world.clone("c", "vm-data", "t")
    sentence = "Virtual Machine volume data snapshot support unknown"
    world.until_event("c", "VMVolumeSnapshotsInvalid", 1)
    world.until(lambda: "; ".join(world.reasons(CLONES, "c")) == pending(sentence))
    assert world.phase("c") == ""


def test_a_new_vm_gets_its_status_when_its_time_has_come(make_world: Callable[..., World]) -> None:
    world = make_world("vm-data", "storage-classes", pace=Pace(speed=10, vm_status=3))
    world.clone("c", "vm-data", "t")
    world.until_event("c", "VMVolumeSnapshotsInvalid", 1)
    world.until_phase("c", "Succeeded")


def test_a_restore_deleted_midway_leaves_the_clone_stuck(make_world: Callable[..., World]) -> None:
    world = make_world("vm-cirros", "targets")
    uid = world.clone("c", target="taken")["metadata"]["uid"]
    restore = f"tmp-restore-{uid}"
    world.until_event(restore, "VirtualMachineRestoreError", 1)
    world.delete(RESTORES, restore)
    world.until(lambda: world.find(RESTORES, restore) is None)
    world.delete(VMS, "taken")
    world.touch(CLONES, "c")
    assert world.names(RESTORES) == []
    status = world.get(CLONES, "c")["status"]
    assert (status["phase"], status["restoreName"]) == ("RestoreInProgress", restore)
    assert [item[1] for item in world.events("c")] == [
        "SnapshotCreated",
        "SnapshotReady",
        "RestoreCreated",
    ]


def test_of_two_clones_to_one_target_the_second_is_refused_and_then_finds_it_there() -> None:
    world = World(Pace(speed=1000, restore=100, clock=(clock := _Seconds())))
    _settle(world)
    first = world.clone("one", target="dup")["metadata"]["uid"]
    second = world.clone("two", target="dup")["metadata"]["uid"]
    for _ in range(5):
        clock.now += 0.01
        _settle(world)
    assert [world.phase(name) for name in ("one", "two")] == ["RestoreInProgress"] * 2
    assert "restoreName" not in world.get(CLONES, "two")["status"]
    assert world.events("two")[-1][::3] == (
        "Warning",
        f"failed creating restore tmp-restore-{second} for clone two: {WEBHOOK}"
        f'VirtualMachineRestore "tmp-restore-{first}" in progress',
    )
    for _ in range(50):
        clock.now += 0.1
        _settle(world)
    assert [world.phase(name) for name in ("one", "two")] == ["Succeeded", "RestoreInProgress"]
    assert world.reasons(RESTORES, f"tmp-restore-{second}") == [
        f"Progressing=False:{EXISTS}",
        f"Ready=False:{EXISTS}",
    ]
    made_by = world.get(VMS, "dup")["metadata"]["annotations"]["restore.kubevirt.io/lastRestoreUID"]
    assert made_by.startswith(f"tmp-restore-{first}-")


class _Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _settle(world: World) -> None:
    while world.kubevirt.step():
        pass


@pytest.mark.parametrize("source", ["vm-cirros", "vmsnapshot/snap-1"])
def test_a_cache_that_lags_leaves_one_refusal_that_means_nothing(source: str) -> None:
    seeds = ["vm-cirros", "snapshots"]
    with ControlPlane(seeds=seeds, speed=AT_ONCE, faults=["stale-cache"]) as plane:
        world = World.of(plane)
        if source != "vm-cirros":
            world.until(lambda: world.get(SNAPSHOTS, "snap-1").get("status", {}).get("readyToUse"))
        uid = world.clone("c", source, "t")["metadata"]["uid"]
        world.until_phase("c", "Succeeded")
        world.until_event("c", "PVCBound", 1)
        events = world.events("c")
    restore = f"tmp-restore-{uid}"
    assert [item[:3] for item in events if item[1] != "SnapshotCreated"] == [
        ("Normal", "SnapshotReady", 2),
        ("Normal", "RestoreCreated", 1),
        ("Warning", "RestoreCreationFailed", 1),
        ("Normal", "RestoreReady", 1),
        ("Normal", "TargetVMCreated", 1),
        ("Normal", "PVCBound", 1),
    ]
    assert [item[3] for item in events if item[0] == "Warning"] == [
        f"failed creating restore {restore} for clone c: {WEBHOOK}"
        f'VirtualMachineRestore "{restore}" in progress'
    ]


def test_a_cache_that_lags_changes_nothing_but_events() -> None:
    seen = []
    for faults in ([], ["stale-cache"]):
        with ControlPlane(seeds=["vm-cirros"], speed=AT_ONCE, faults=faults) as plane:
            version = plane.registry.store.version
            plane.registry.create(CLONES, NAMESPACE, a_clone("c", target="t"))
            world = World.of(plane)
            world.until_phase("c", "Succeeded")
            world.until(lambda world=world: not world.names(SNAPSHOTS))
            _, changes = plane.registry.store.changes_since(version, 0)
            phases = [
                change.object.get("status", {}).get("phase")
                for change in changes
                if change.type_key == CLONES
            ]
            seen.append(phases)
    assert seen[0] == seen[1]
