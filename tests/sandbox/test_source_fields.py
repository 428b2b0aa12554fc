"""Sources beside their disks: gates, shared volumes, fields, names (recordings 31, 34, 37, 38)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.storage.status import ApiError
from kubevirt_sandbox.storage.webhooks import Write

from .world import CLONES, NAMESPACE, RESTORES, SNAPSHOTS, VMS, World, a_snapshot, a_vm

MakeWorld = Callable[..., World]
VALIDATOR = 'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
HOST_DISK = {"hostDisk": {"path": "/data/hd.img", "type": "DiskOrCreate", "capacity": "1Gi"}}
NO_HOST_DISK = f"{VALIDATOR}HostDisk feature gate is not enabled"


def a_vm_with(name: str, **volume: Any) -> dict[str, Any]:
    vm = a_vm(name)
    vm["spec"]["template"]["spec"]["volumes"] = [{"name": "root", **volume}]
    return vm


@pytest.mark.parametrize(
    ("volume", "gate", "sentence"),
    [
        (HOST_DISK, "HostDisk", "HostDisk feature gate is not enabled"),
        (
            {"downwardMetrics": {}},
            "DownwardMetrics",
            "downwardMetrics disks are not allowed: DownwardMetrics feature gate is not enabled.",
        ),
    ],
)
def test_a_volume_may_need_a_gate(
    still_world: World, volume: dict[str, Any], gate: str, sentence: str
) -> None:
    with pytest.raises(ApiError) as caught:
        still_world.registry.create(VMS, NAMESPACE, a_vm_with("x", **volume))
    assert str(caught.value) == VALIDATOR + sentence
    [cause] = caught.value.status["details"]["causes"]
    assert cause["field"] == "spec.template.spec.volumes[0]"
    still_world.gates(featureGates=["Snapshot", gate])
    still_world.registry.create(VMS, NAMESPACE, a_vm_with("x", **volume))


def test_a_vm_that_would_not_be_admitted_again_can_only_go(still_world: World) -> None:
    still_world.gates(featureGates=["Snapshot", "HostDisk"])
    vm = a_vm_with("x", **HOST_DISK)
    vm["metadata"]["finalizers"] = ["example.com/hold"]
    still_world.registry.create(VMS, NAMESPACE, vm)
    still_world.gates(featureGates=["Snapshot"])
    with pytest.raises(ApiError) as caught:
        still_world.touch(VMS, "x")
    assert str(caught.value) == NO_HOST_DISK
    still_world.delete(VMS, "x")
    still_world.change(VMS, "x", lambda obj: obj["metadata"].pop("finalizers"))
    assert still_world.find(VMS, "x") is None


def test_a_snapshot_of_a_vm_that_is_not_admitted_any_more_is_not_restored(world: World) -> None:
    world.gates(featureGates=["Snapshot", "HostDisk"])
    world.registry.create(VMS, NAMESPACE, a_vm_with("x", **HOST_DISK))
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "x"))
    world.until(lambda: world.get(SNAPSHOTS, "s").get("status", {}).get("readyToUse"))
    world.gates(featureGates=["Snapshot"])
    uid = world.clone("c", "vmsnapshot/s", "t")["metadata"]["uid"]
    restore = f"tmp-restore-{uid}"
    world.until(lambda: f"Ready=False:{NO_HOST_DISK}" in world.reasons(RESTORES, restore))
    assert world.phase("c") == "RestoreInProgress"
    world.gates(featureGates=["Snapshot", "HostDisk"])
    world.until_phase("c", "Succeeded")


def test_what_is_no_claim_is_shared_by_its_name(make_world: MakeWorld) -> None:
    world = make_world("sources/vm-shared")
    source = world.get(VMS, "vm-shared")
    world.clone("c", "vm-shared", "t")
    world.until_phase("c", "Succeeded")
    copy = world.get(VMS, "t")["spec"]["template"]["spec"]
    was = source["spec"]["template"]["spec"]
    for part in ("volumes", "accessCredentials"):
        assert copy[part] == was[part]
    assert world.names("persistentvolumeclaims") == ["base-image"]


def test_a_secret_that_the_source_owns_goes_with_it(make_world: MakeWorld) -> None:
    world = make_world("sources/vm-shared")
    uid = world.get(VMS, "vm-shared")["metadata"]["uid"]
    owner = {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "name": "vm-shared",
        "uid": uid,
    }
    world.change(
        "secrets", "shared-ci", lambda obj: obj["metadata"].update(ownerReferences=[owner])
    )
    world.clone("c", "vm-shared", "t")
    world.until_phase("c", "Succeeded")
    world.delete(VMS, "vm-shared")
    world.until(lambda: not world.find("secrets", "shared-ci"))
    volumes = world.get(VMS, "t")["spec"]["template"]["spec"]["volumes"]
    assert volumes[1] == {"name": "ci", "cloudInitNoCloud": {"secretRef": {"name": "shared-ci"}}}


def test_a_secret_is_kept_in_base64(make_world: MakeWorld) -> None:
    secret = make_world("sources/vm-shared").get("secrets", "shared-ci")
    assert (secret["type"], secret["data"]) == ("Opaque", {"userdata": "I2Nsb3VkLWNvbmZpZw=="})
    assert "stringData" not in secret


def test_the_old_field_is_warned_of(still_world: World) -> None:
    write = Write()
    vm = a_vm("x", running=False)
    del vm["spec"]["runStrategy"]
    still_world.registry.create(VMS, NAMESPACE, vm, write=write)
    assert write.warnings == [
        "spec.running is deprecated, please use spec.runStrategy instead.",
    ]


def test_a_data_volume_cant_be_made_without_cdi(world: World) -> None:
    template = {"metadata": {"name": "x-root"}, "spec": {"source": {"blank": {}}}}
    vm = a_vm_with("x", dataVolume={"name": "x-root"})
    vm["spec"]["dataVolumeTemplates"] = [template]
    world.registry.create(VMS, NAMESPACE, vm)
    world.until(lambda: world.get(VMS, "x").get("status"))
    failure = world.get(VMS, "x")["status"]["conditions"][1]
    assert (failure["type"], failure["reason"]) == ("Failure", "FailedCreate")
    assert failure["message"].endswith("(post datavolumes.cdi.kubevirt.io)")
    world.clone("c", "x", "t")
    world.until(lambda: world.reasons(CLONES, "c"))
    sentence = "Virtual Machine volume root does not support snapshots"
    assert world.reasons(CLONES, "c") == ["Progressing=False:Pending", f"Ready=False:{sentence}"]


@pytest.mark.parametrize(
    ("target", "end"),
    [
        ("d" * 63, ""),
        ("e" * 64, ""),
        ("f" * 253, ""),
        ("web.prod.example", ""),
        ("g" * 254, "must be no more than 253 characters"),
        ("Web-1", "is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"),
    ],
)
def test_a_target_may_have_any_name_of_a_vm(world: World, target: str, end: str) -> None:
    uid = world.clone("c", target=target)["metadata"]["uid"]
    if not end:
        world.until_phase("c", "Succeeded")
        return
    world.until_event(f"tmp-restore-{uid}", "VirtualMachineRestoreError")
    message = world.events(f"tmp-restore-{uid}")[0][3]
    assert f'VirtualMachine.kubevirt.io "{target}" is invalid: metadata.name' in message
    assert message.endswith(end)


def test_no_target_of_so_long_a_source_can_be_named(world: World) -> None:
    world.registry.create(VMS, NAMESPACE, a_vm("b" * 253))
    clone = world.clone("c", "b" * 253)
    assert len(clone["spec"]["target"]["name"]) == 265
    restore = f"tmp-restore-{clone['metadata']['uid']}"
    world.until_event(restore, "VirtualMachineRestoreError")
    assert world.events(restore)[0][3].endswith("must be no more than 253 characters")


def test_one_of_two_clones_for_one_target_is_never_made(make_world: MakeWorld) -> None:
    world = make_world(pace=Pace(speed=100))
    uids = {name: world.clone(name, target="both")["metadata"]["uid"] for name in "ab"}
    world.until(lambda: "Succeeded" in (world.phase("a"), world.phase("b")))
    [other] = [name for name in "ab" if world.phase(name) != "Succeeded"]
    sentence = "restore source and restore target are different but restore target already exists"
    restore = f"tmp-restore-{uids[other]}"
    world.until(lambda: f"Ready=False:{sentence}" in world.reasons(RESTORES, restore))
