"""Changed block tracking, and VMs whose instance ends or is started by hand: recording 22."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace

from .world import CLONES, KUBEVIRTS, NAMESPACE, SNAPSHOTS, VMS, World, a_snapshot, a_vm

INSTANCES = "virtualmachineinstances.kubevirt.io"
LABEL = "changedBlockTracking"
SELECTORS = {"virtualMachineLabelSelector": {"matchLabels": {LABEL: "true"}}}
MakeWorld = Callable[..., World]


def set_up_backups(world: World) -> None:
    """What the administrator of a cluster does."""
    kubevirt = world.registry.get(KUBEVIRTS, "kubevirt", "kubevirt")
    kubevirt["spec"]["configuration"] = {
        "changedBlockTrackingLabelSelectors": SELECTORS,
        "developerConfiguration": {"featureGates": ["Snapshot", "IncrementalBackup"]},
    }
    world.registry.update(KUBEVIRTS, "kubevirt", "kubevirt", kubevirt)


def state(world: World, name: str = "vm-tracked", type_key: str = VMS) -> str | None:
    found = world.get(type_key, name).get("status", {}).get("changedBlockTracking")
    return found["state"] if found else None


def label(world: World, name: str, value: str | None) -> None:
    def edit(vm: Any) -> None:
        labels = vm["metadata"].setdefault("labels", {})
        labels.pop(LABEL, None)
        if value:
            labels[LABEL] = value

    world.change(VMS, name, edit)


def run(world: World, name: str, strategy: str) -> None:
    world.change(VMS, name, lambda vm: vm["spec"].update(runStrategy=strategy))


def set_instance(world: World, name: str, **status: Any) -> None:
    world.change(INSTANCES, name, lambda obj: obj["status"].update(status))


@pytest.fixture
def tracked(make_world: MakeWorld) -> World:
    world = make_world("sources/vm-tracked", pace=Pace(speed=100))
    set_up_backups(world)
    world.until(lambda: state(world) == "Initializing")
    return world


def test_a_vm_is_tracked_only_where_the_administrator_asks_for_it(make_world: MakeWorld) -> None:
    world = make_world("sources/vm-tracked", "vm-cirros")
    world.until(lambda: world.get(VMS, "vm-tracked").get("status"))
    assert state(world) is None
    set_up_backups(world)
    world.until(lambda: state(world) == "Initializing")
    assert state(world, "vm-cirros") is None


def test_a_clone_of_a_tracked_vm_fails_and_stays_so(tracked: World) -> None:
    tracked.clone("c", "vm-tracked", "t")
    tracked.until_phase("c", "Failed")
    sentence = "Clone of source with backendstorage is not supported: VM default/vm-tracked"
    assert tracked.reasons(CLONES, "c") == ["Progressing=False:Failed", f"Ready=False:{sentence}"]
    label(tracked, "vm-tracked", None)
    tracked.until(lambda: state(tracked) == "Disabled")
    tracked.clone("d", "vm-tracked", "u")
    tracked.until_phase("d", "Succeeded")
    assert tracked.phase("c") == "Failed"


def test_a_snapshot_of_one_that_never_started_waits_until_the_label_goes(tracked: World) -> None:
    tracked.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-tracked"))
    tracked.until(lambda: tracked.get(SNAPSHOTS, "s").get("status"))
    status = tracked.get(SNAPSHOTS, "s")["status"]
    assert status.keys() == {"conditions", "phase", "readyToUse", "sourceUID"}
    assert tracked.reasons(SNAPSHOTS, "s")[0] == "Progressing=False:Source not locked"
    label(tracked, "vm-tracked", None)
    tracked.until(lambda: tracked.get(SNAPSHOTS, "s")["status"].get("readyToUse"))


def test_such_a_snapshot_fails_at_its_deadline(tracked: World) -> None:
    tracked.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-tracked"))
    tracked.until(lambda: tracked.get(SNAPSHOTS, "s").get("status", {}).get("phase") == "Failed")
    assert tracked.reasons(SNAPSHOTS, "s") == [
        "Progressing=False:Operation failed",
        "Ready=False:Not ready",
        "Failure=True:snapshot deadline exceeded",
    ]


def test_one_that_was_started_with_it_is_enabled_when_its_instance_is(tracked: World) -> None:
    run(tracked, "vm-tracked", "Always")
    tracked.until(lambda: tracked.find(INSTANCES, "vm-tracked"))
    assert state(tracked, type_key=INSTANCES) == "Initializing"
    set_instance(tracked, "vm-tracked", changedBlockTracking={"state": "Enabled"})
    tracked.until(lambda: state(tracked) == "Enabled")
    run(tracked, "vm-tracked", "Halted")
    tracked.until(lambda: not tracked.find(INSTANCES, "vm-tracked"))
    assert state(tracked) == "Enabled"
    tracked.clone("c", "vm-tracked", "t")
    tracked.until_phase("c", "Failed")


def test_one_that_is_labelled_while_it_runs_can_be_cloned(tracked: World) -> None:
    tracked.registry.create(VMS, NAMESPACE, a_vm("late", runStrategy="Always"))
    tracked.until(lambda: tracked.find(INSTANCES, "late"))
    label(tracked, "late", "true")
    tracked.until(lambda: state(tracked, "late") == "PendingRestart")
    assert state(tracked, "late", INSTANCES) is None
    tracked.clone("c", "late", "t")
    tracked.until_phase("c", "Succeeded")


def printed(world: World, name: str) -> str:
    shown: str = world.get(VMS, name)["status"]["printableStatus"]
    return shown


@pytest.mark.parametrize("strategy", ["Once", "RerunOnFailure"])
def test_an_instance_that_has_ended_stays_and_so_does_its_revision(
    world: World, strategy: str
) -> None:
    run(world, "vm-cirros", strategy)
    world.until(lambda: world.find(INSTANCES, "vm-cirros"))
    set_instance(world, "vm-cirros", phase="Succeeded")
    world.until(lambda: printed(world, "vm-cirros") == "Stopped")

    def edit(vm: Any) -> None:
        vm["spec"]["template"]["metadata"]["labels"]["tier"] = "new"

    world.change(VMS, "vm-cirros", edit)
    world.clone("c", target="t")
    world.until_phase("c", "Succeeded")
    assert "tier" not in world.get(VMS, "t")["spec"]["template"]["metadata"]["labels"]
    assert world.get(INSTANCES, "vm-cirros")["status"]["phase"] == "Succeeded"


@pytest.mark.parametrize(
    ("strategy", "phase"), [("Always", "Succeeded"), ("RerunOnFailure", "Failed")]
)
def test_an_instance_that_has_ended_is_made_anew_where_the_strategy_wants_it(
    world: World, strategy: str, phase: str
) -> None:
    run(world, "vm-cirros", strategy)
    world.until(lambda: world.find(INSTANCES, "vm-cirros"))
    uid = world.get(INSTANCES, "vm-cirros")["metadata"]["uid"]
    set_instance(world, "vm-cirros", phase=phase)
    world.until(
        lambda: (
            (world.find(INSTANCES, "vm-cirros") or {"metadata": {}})["metadata"].get("uid", uid)
            != uid
        )
    )
    assert world.get(INSTANCES, "vm-cirros")["status"]["phase"] == "Scheduling"


def test_a_vm_that_is_started_by_hand_runs_on(world: World) -> None:
    run(world, "vm-cirros", "Manual")
    world.until(lambda: world.get(VMS, "vm-cirros").get("status"))
    assert world.find(INSTANCES, "vm-cirros") is None
    run(world, "vm-cirros", "Always")
    world.until(lambda: world.find(INSTANCES, "vm-cirros"))
    run(world, "vm-cirros", "Manual")
    world.until(lambda: world.get(VMS, "vm-cirros")["status"].get("runStrategy") == "Manual")
    assert world.find(INSTANCES, "vm-cirros")
    world.clone("c", target="t")
    world.until_phase("c", "Succeeded")
    assert world.get(VMS, "t")["spec"]["runStrategy"] == "Halted"


def test_a_snapshot_whose_source_went_fails_at_its_deadline_too() -> None:
    # Recording 28: the source was being deleted, and is gone when the time is up.
    seconds = 0.0
    world = World(Pace(clock=lambda: seconds))
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "nosuch"))
    while world.kubevirt.step():
        pass
    assert world.reasons(SNAPSHOTS, "s")[0] == "Progressing=False:Source does not exist"
    world.touch(SNAPSHOTS, "s")
    seconds = 301.0
    while world.kubevirt.step():
        pass
    assert world.get(SNAPSHOTS, "s")["status"]["phase"] == "Failed"
