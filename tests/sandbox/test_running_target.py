"""A target that exists and runs: Succeeded, though nothing was cloned; as recorded on v1.9."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace

from .world import CLONES, READY, RESTORES, VMS, World, processing

WAITING = (
    "Waiting for target VM to be powered off. Please stop the restore target to proceed with "
    "restore, or the operation will fail after 5m0s"
)


@pytest.fixture
def running(make_world: Callable[..., World]) -> World:
    """A world in which the five minutes last three quarters of a second."""
    return make_world("vm-plain", "targets", pace=Pace(speed=400))


def test_the_restore_waits_and_then_the_clone_says_succeeded(running: World) -> None:
    before = running.get(VMS, "run-1")
    uid = running.clone("onto-running", "web-1", "run-1")["metadata"]["uid"]
    restore = f"tmp-restore-{uid}"
    running.until(
        lambda: running.reasons(RESTORES, restore)[:1] == [f"Progressing=False:{WAITING}"]
    )
    assert running.reasons(RESTORES, restore)[1] == f"Ready=False:{WAITING}"
    assert running.timeline("onto-running")[-1][1:3] == ["RestoreInProgress", processing()]

    # The five minutes are looked at only when something makes KubeVirt look at the restore.
    def succeeded_after_a_touch() -> bool:
        running.touch(RESTORES, restore)
        return running.phase("onto-running") == "Succeeded"

    running.until(succeeded_after_a_touch)
    assert running.timeline("onto-running")[-1][1:] == ["Succeeded", READY, None, None, "run-1"]
    assert [event[1] for event in running.events("onto-running")] == [
        "SnapshotCreated",
        "SnapshotReady",
        "RestoreCreated",
        "RestoreReady",
        "TargetVMCreated",
        "PVCBound",
    ]
    running.until(lambda: running.find(RESTORES, restore) is None)
    [waited, failed] = running.events(restore)
    assert (waited[0], waited[1], waited[3]) == (
        "Warning",
        "RestoreTargetNotReady",
        "Restore target VMI still exists, please stop the restore target to proceed with restore",
    )
    assert failed == (
        "Warning",
        "Operation failed",
        1,
        "VirtualMachineRestore failed Restore target failed to be ready within 5m0s. Please power "
        "off the target VM before attempting restore",
    )
    after = running.get(VMS, "run-1")
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["labels"] == {"mine": "yes"}
    assert after["metadata"]["annotations"].keys() == {
        "kubevirt.io/latest-observed-api-version",
        "kubevirt.io/storage-observed-api-version",
    }
    assert after["spec"] == before["spec"]


def test_nothing_happens_while_nobody_touches_the_restore(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-plain", "targets", pace=Pace(speed=100, power_off_grace=10))
    uid = world.clone("c", "web-1", "run-1")["metadata"]["uid"]
    world.until_event(f"tmp-restore-{uid}", "RestoreTargetNotReady", 2)
    version = world.registry.store.version
    # Twice the grace period, with no change at all.
    assert world.registry.store.changes_since(version, 0.2) == (version, [])
    assert world.phase("c") == "RestoreInProgress"


def test_a_target_that_is_stopped_in_time_is_in_the_way_all_the_same(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-plain", "targets", pace=Pace(speed=100))
    uid = world.clone("c", "web-1", "run-1")["metadata"]["uid"]
    world.until_event(f"tmp-restore-{uid}", "RestoreTargetNotReady")
    world.change(VMS, "run-1", lambda vm: vm["spec"].update(runStrategy="Halted"))
    world.until_event(f"tmp-restore-{uid}", "VirtualMachineRestoreError")
    assert world.get(CLONES, "c")["status"]["phase"] == "RestoreInProgress"
