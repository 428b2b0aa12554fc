"""What a VM was started with, its instance type and its preference: recordings 23, 24 and 27."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace

from .world import CLONES, NAMESPACE, SNAPSHOTS, VMS, World, a_snapshot

REVISIONS = "controllerrevisions.apps"
INSTANCES = "virtualmachineinstances.kubevirt.io"
TYPES = "virtualmachineinstancetypes.instancetype.kubevirt.io"
MakeWorld = Callable[..., World]


def start(world: World, name: str) -> str:
    """Starts a VM; the name of the revision of its start."""
    world.change(VMS, name, lambda vm: vm["spec"].update(runStrategy="Always"))
    world.until(lambda: world.find(INSTANCES, name))
    revision: str = world.get(INSTANCES, name)["status"]["virtualMachineRevisionName"]
    return revision


def change_guest(vm: Any) -> None:
    template = vm["spec"]["template"]
    template["metadata"]["labels"]["tier"] = "new"
    vm["metadata"]["labels"] = {"edited": "yes"}
    guest = template["spec"]
    guest["domain"]["cpu"] = {"cores": 2}
    guest["networks"].append({"name": "lan", "multus": {"networkName": "lan"}})
    guest["domain"]["devices"]["interfaces"].append({"name": "lan", "bridge": {}})
    guest["volumes"].append({"name": "extra", "emptyDisk": {"capacity": "1Gi"}})
    guest["domain"]["devices"]["disks"].append({"name": "extra", "disk": {"bus": "virtio"}})


def conditions(world: World, name: str) -> dict[str, str]:
    found = world.get(VMS, name)["status"]["conditions"]
    return {item["type"]: item.get("message", "") for item in found}


def test_a_start_keeps_the_spec_in_a_revision(world: World) -> None:
    vm = world.get(VMS, "vm-cirros")
    name = start(world, "vm-cirros")
    assert name == f"revision-start-vm-{vm['metadata']['uid']}-2"
    revision = world.get(REVISIONS, name)
    assert revision["data"] == {"spec": {**vm["spec"], "runStrategy": "Always"}}
    assert revision["revision"] == 2
    [owner] = revision["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == (
        "VirtualMachine",
        vm["metadata"]["uid"],
        True,
    )


def test_a_clone_of_a_started_vm_is_what_was_started_on_the_disks_of_today(world: World) -> None:
    start(world, "vm-cirros")
    before = world.get(VMS, "vm-cirros")
    world.change(VMS, "vm-cirros", change_guest)
    world.until(lambda: "RestartRequired" in conditions(world, "vm-cirros"))
    today = world.get(VMS, "vm-cirros")
    assert (today["status"]["desiredGeneration"], today["status"]["observedGeneration"]) == (3, 2)
    mac = {"default": "02-00-00-00-00-01", "lan": "02-00-00-00-00-77"}
    world.clone("c", target="t", newMacAddresses=mac)
    world.until_phase("c", "Succeeded")

    copy = world.get(VMS, "t")
    template, was = copy["spec"]["template"], before["spec"]["template"]
    assert copy["metadata"]["labels"] == {"edited": "yes"}
    assert template["metadata"] == was["metadata"]
    assert "cpu" not in template["spec"]["domain"]
    assert template["spec"]["networks"] == was["spec"]["networks"]
    names = [item["name"] for item in template["spec"]["domain"]["devices"]["interfaces"]]
    assert names == ["default"]
    for part in (template["spec"]["volumes"], template["spec"]["domain"]["devices"]["disks"]):
        assert part[-1]["name"] == "extra"


def test_a_patch_of_what_the_start_lacks_does_not_apply(world: World) -> None:
    start(world, "vm-cirros")
    world.change(VMS, "vm-cirros", change_guest)
    patch = '{"op":"remove","path":"/spec/template/metadata/labels/tier"}'
    uid = world.clone("c", target="t", patches=[patch])["metadata"]["uid"]
    world.until_event(f"tmp-restore-{uid}", "VirtualMachineRestoreError")
    sentence = "Unable to remove nonexistent key: tier: missing value"
    assert world.events(f"tmp-restore-{uid}")[0][3].endswith(sentence)


def test_a_network_is_plugged_into_the_instance(world: World) -> None:
    start(world, "vm-cirros")
    world.change(VMS, "vm-cirros", change_guest)
    world.until(lambda: len(world.get(INSTANCES, "vm-cirros")["spec"]["networks"]) == 2)
    instance = world.get(INSTANCES, "vm-cirros")["spec"]
    assert [i["name"] for i in instance["domain"]["devices"]["interfaces"]] == ["default", "lan"]
    assert "cpu" not in instance["domain"]


@pytest.mark.parametrize("change", ["label", "network"])
def test_what_can_be_changed_while_it_runs_needs_no_restart(world: World, change: str) -> None:
    start(world, "vm-cirros")

    def edit(vm: Any) -> None:
        if change == "label":
            vm["spec"]["template"]["metadata"]["labels"]["tier"] = "new"
        else:
            vm["spec"]["template"]["spec"]["networks"].append({"name": "x", "pod": {}})

    world.change(VMS, "vm-cirros", edit)
    world.until(lambda: world.get(VMS, "vm-cirros")["status"]["desiredGeneration"] == 3)
    assert list(conditions(world, "vm-cirros")) == ["Ready"]


def test_a_clone_of_a_vm_that_was_stopped_is_the_vm_as_it_is_written(world: World) -> None:
    start(world, "vm-cirros")
    world.change(VMS, "vm-cirros", change_guest)
    world.change(VMS, "vm-cirros", lambda vm: vm["spec"].update(runStrategy="Halted"))
    world.until(lambda: not world.find(INSTANCES, "vm-cirros"))
    world.clone("c", target="t")
    world.until_phase("c", "Succeeded")
    template = world.get(VMS, "t")["spec"]["template"]
    assert template["metadata"]["labels"]["tier"] == "new"
    assert template["spec"]["domain"]["cpu"] == {"cores": 2}


def revision_of(world: World, vm: str, field: str = "instancetypeRef") -> str:
    world.until(lambda: field in world.get(VMS, vm).get("status", {}))
    name: str = world.get(VMS, vm)["status"][field]["controllerRevisionRef"]["name"]
    return name


def test_a_vm_keeps_its_instance_type_and_preference_as_revisions(make_world: MakeWorld) -> None:
    world = make_world("sources/instancetypes")
    for field, kind in (("instancetypeRef", "Instancetype"), ("preferenceRef", "Preference")):
        plural = f"virtualmachine{kind.lower()}s.instancetype.kubevirt.io"
        name = "small" if kind == "Instancetype" else "plain"
        stored = world.get(plural, name)
        revision = revision_of(world, "vm-typed", field)
        assert revision == f"vm-typed-{name}-v1beta1-{stored['metadata']['uid']}-1"
        data = world.get(REVISIONS, revision)["data"]
        assert (data["kind"], data["spec"]) == (f"VirtualMachine{kind}", stored["spec"])


def test_the_copy_of_a_stopped_vm_has_the_instance_type_of_today(make_world: MakeWorld) -> None:
    world = make_world("sources/instancetypes")
    before = revision_of(world, "vm-typed")
    world.delete(TYPES, "small")
    bigger = {
        "apiVersion": "instancetype.kubevirt.io/v1beta1",
        "kind": "VirtualMachineInstancetype",
        "metadata": {"name": "small"},
        "spec": {"cpu": {"guest": 4}, "memory": {"guest": "256Mi"}},
    }
    world.registry.create(TYPES, NAMESPACE, bigger)
    world.clone("c", "vm-typed", "t")
    world.until_phase("c", "Succeeded")
    assert world.get(VMS, "t")["spec"]["instancetype"] == {
        "kind": "VirtualMachineInstancetype",
        "name": "small",
    }
    data = world.get(REVISIONS, revision_of(world, "t"))["data"]
    assert data["spec"] == bigger["spec"]
    assert revision_of(world, "vm-typed") == before


def test_the_copy_of_a_started_vm_has_copies_of_its_revisions(make_world: MakeWorld) -> None:
    world = make_world("sources/instancetypes")
    world.until(lambda: world.find(INSTANCES, "vm-typed-runs"))
    world.clone("c", "vm-typed-runs", "t")
    world.until_phase("c", "Succeeded")
    uid = world.get(TYPES, "small")["metadata"]["uid"]
    copied = f"t-small-v1beta1-{uid}-1"
    assert world.get(VMS, "t")["spec"]["instancetype"]["revisionName"] == copied
    assert world.get(VMS, "t")["spec"]["preference"]["revisionName"].startswith("t-plain-")
    [owner] = world.get(REVISIONS, copied)["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"]) == ("VirtualMachine", "t")
    assert revision_of(world, "t") == copied
    world.until(lambda: not [n for n in world.names(REVISIONS) if n.startswith("tmp-snapshot")])


def test_the_copy_of_a_removed_instance_type_is_made_and_cant_start(make_world: MakeWorld) -> None:
    world = make_world("sources/instancetypes")
    revision_of(world, "vm-typed")
    world.delete(TYPES, "small")
    world.clone("c", "vm-typed", "t")
    world.until_phase("c", "Succeeded")
    world.change(VMS, "t", lambda vm: vm["spec"].update(runStrategy="Always"))
    message = 'virtualmachineinstancetypes.instancetype.kubevirt.io "small" not found'
    world.until(lambda: conditions(world, "t").get("Failure") == message)
    status = world.get(VMS, "t")["status"]
    assert (status["printableStatus"], world.find(INSTANCES, "t")) == ("Stopped", None)
    assert status["conditions"][1]["reason"] == "FailedFindInstancetype"


def test_a_revision_that_is_missing_holds_a_snapshot_up_until_its_deadline(
    make_world: MakeWorld,
) -> None:
    world = make_world("sources/instancetypes", pace=Pace(speed=1000))

    def name_revision(vm: Any) -> None:
        vm["spec"]["instancetype"]["revisionName"] = "nosuch"

    revision_of(world, "vm-typed")
    world.change(VMS, "vm-typed", name_revision)
    message = 'controllerrevisions.apps "nosuch" not found'
    world.until(lambda: conditions(world, "vm-typed").get("Failure") == message)
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-typed"))
    world.until(lambda: world.find(SNAPSHOTS, "s").get("status"))
    first = world.get(SNAPSHOTS, "s")["status"]
    assert first.keys() == {"conditions", "phase", "readyToUse", "sourceUID"}
    reason = "Source locked and operation in progress"
    assert (first["conditions"][0]["reason"], first["phase"]) == (reason, "InProgress")
    world.until(lambda: world.get(SNAPSHOTS, "s")["status"]["phase"] == "Failed")


def test_a_tpm_of_a_preference_is_not_seen_by_the_clone(make_world: MakeWorld) -> None:
    world = make_world("sources/instancetypes")
    revision_of(world, "vm-preferred-tpm", "preferenceRef")
    world.clone("c", "vm-preferred-tpm", "t")
    world.until_phase("c", "Succeeded")
    start(world, "t")
    instance = world.get(INSTANCES, "t")
    assert instance["spec"]["domain"]["devices"]["tpm"] == {"persistent": True}
    world.until(lambda: world.get(INSTANCES, "t")["status"]["phase"] == "Pending")
    assert conditions(world, "t") == {
        "Ready": "virt-launcher pod has not yet been scheduled",
        "Synchronized": "no default storage class found",
    }
    assert world.events("t") == [
        (
            "Normal",
            "SuccessfulCreate",
            1,
            "Started the virtual machine by creating the new virtual machine instance t",
        )
    ]


def test_a_state_class_lets_the_tpm_be_kept(make_world: MakeWorld) -> None:
    world = make_world("sources/instancetypes")
    kubevirt = world.registry.get("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    kubevirt["spec"]["configuration"]["vmStateStorageClass"] = "standard"
    world.registry.update("kubevirts.kubevirt.io", "kubevirt", "kubevirt", kubevirt)
    start(world, "vm-preferred-tpm")
    world.until(lambda: conditions(world, "vm-preferred-tpm"))
    assert list(conditions(world, "vm-preferred-tpm")) == ["Ready"]
    assert world.names(CLONES) == []
