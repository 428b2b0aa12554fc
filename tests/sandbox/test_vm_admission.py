"""What KubeVirt makes of a VM when it is created; as recorded on v1.9."""

from __future__ import annotations

import re
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.seed.planting import load_seed
from kubevirt_sandbox.storage.status import ApiError

from .world import NAMESPACE, VMS, World, a_vm

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_vm_cirros_is_stored_with_the_recorded_defaults(world: World) -> None:
    world.until(lambda: "status" in world.get(VMS, "vm-cirros"))
    stored = world.get(VMS, "vm-cirros")
    [given] = load_seed("vm-cirros")
    assert stored["metadata"]["annotations"] == {
        "example.com/owner": "team-a",
        "example.com/ticket": "T-1",
        "kubevirt.io/latest-observed-api-version": "v1",
        "kubevirt.io/storage-observed-api-version": "v1",
        "note": "hello",
    }
    assert stored["metadata"]["finalizers"] == ["kubevirt.io/virtualMachineControllerFinalize"]
    assert stored["metadata"]["labels"] == given["metadata"]["labels"]
    assert stored["metadata"]["generation"] == 1
    template = stored["spec"]["template"]
    assert template["metadata"]["annotations"] == {
        "example.com/owner": "team-a",
        "kubevirt.io/pci-topology-version": "v3",
        "sidecar.example.com/inject": "false",
    }
    expected = given["spec"]["template"]["spec"]
    expected["architecture"] = "amd64"
    expected["domain"]["machine"] = {"type": "q35"}
    assert template["spec"] == expected
    not_supported = "Snapshot is not supported for this volumeSource type"
    assert stored["status"] == {
        "conditions": [
            {
                "lastProbeTime": "2026-11-22T07:54:15Z",
                "lastTransitionTime": "2026-11-22T07:54:15Z",
                "message": "VMI does not exist",
                "reason": "VMINotExists",
                "status": "False",
                "type": "Ready",
            }
        ],
        "printableStatus": "Stopped",
        "volumeSnapshotStatuses": [
            {"enabled": False, "name": name, "reason": f"{not_supported} [{name}]"}
            for name in ("containerdisk", "cloudinitdisk")
        ],
    }


def test_a_vm_without_firmware_gets_a_random_serial_and_uuid(still_world: World) -> None:
    still_world.seed("vm-no-firmware")
    firmware = still_world.get(VMS, "vm-nofw")["spec"]["template"]["spec"]["domain"]["firmware"]
    assert firmware.keys() == {"serial", "uuid"}
    assert all(UUID.fullmatch(value) for value in firmware.values())
    assert firmware["serial"] != firmware["uuid"]


@pytest.mark.parametrize(
    ("address", "complaint"),
    [
        ("zz", "has malformed MAC address (zz)."),
        ("00:11:22:33:44:55:66:77", "has MAC address (00:11:22:33:44:55:66:77) that is too long."),
    ],
)
def test_a_malformed_mac_is_refused(still_world: World, address: str, complaint: str) -> None:
    vm = a_vm("bad")
    devices = vm["spec"]["template"]["spec"]["domain"]["devices"]
    devices["interfaces"] = [{"name": "default", "macAddress": address}]
    with pytest.raises(ApiError) as caught:
        still_world.registry.create(VMS, NAMESPACE, vm)
    assert str(caught.value) == (
        'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
        f"interface spec.template.spec.domain.devices.interfaces[0].name {complaint}"
    )


def test_a_started_vm_says_starting_and_stopped_again_when_halted(world: World) -> None:
    world.seed("targets")
    world.until(lambda: "status" in world.get(VMS, "run-1"))
    assert world.get(VMS, "run-1")["status"]["printableStatus"] == "Starting"
    world.change(VMS, "run-1", lambda vm: vm["spec"].update(runStrategy="Halted"))
    world.until(lambda: world.get(VMS, "run-1")["status"]["printableStatus"] == "Stopped")
    assert world.reasons(VMS, "run-1") == ["Ready=False:VMINotExists"]


def test_a_deleted_vm_goes_through_its_finalizer(world: World) -> None:
    world.delete(VMS, "vm-cirros")
    world.until(lambda: world.find(VMS, "vm-cirros") is None)


@pytest.mark.parametrize(
    "template", [{}, {"spec": {"domain": {}}}, {"spec": {"domain": {}, "volumes": None}}]
)
def test_a_half_written_vm_breaks_nothing(world: World, template: dict[str, object]) -> None:
    world.registry.create(VMS, NAMESPACE, a_vm("half", template=template))
    world.until(lambda: "status" in world.get(VMS, "half"))
    world.clone("of-half", "half", "whole")
    world.until_phase("of-half", "Succeeded")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        (
            {"running": True},
            "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, "
            "please use RunStrategy instead",
        ),
        ({"runStrategy": None}, "RunStrategy must be specified"),
        ({"runStrategy": "Sometimes"}, "Invalid RunStrategy (Sometimes)"),
    ],
)
def test_a_vm_has_one_known_run_strategy(
    still_world: World, spec: dict[str, Any], complaint: str
) -> None:
    vm = a_vm("x", **spec)
    vm["spec"] = {key: item for key, item in vm["spec"].items() if item is not None}
    with pytest.raises(ApiError) as caught:
        still_world.registry.create(VMS, NAMESPACE, vm)
    webhook = 'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
    assert str(caught.value) == webhook + complaint


def test_the_pci_topology_of_a_template_is_kept(still_world: World) -> None:
    vm = a_vm("x")
    annotations = {"kubevirt.io/pci-topology-version": "v2"}
    vm["spec"]["template"]["metadata"] = {"annotations": annotations}
    stored = still_world.registry.create(VMS, NAMESPACE, vm)
    assert stored["spec"]["template"]["metadata"] == {"annotations": annotations}


@pytest.mark.parametrize(
    ("template", "field", "kind", "given"),
    [
        ({"spec": {"domain": "x"}}, "spec.domain", "object", "string"),
        ({"spec": {"domain": {"devices": 5}}}, "spec.domain.devices", "object", "integer"),
        ({"spec": {"domain": {"firmware": []}}}, "spec.domain.firmware", "object", "array"),
        ({"spec": {"domain": {}, "hostname": 5}}, "spec.hostname", "string", "integer"),
        ({"spec": {"domain": {}, "volumes": {}}}, "spec.volumes", "array", "object"),
        ({"metadata": {"labels": {"k": 7}}}, "metadata.labels.k", "string", "integer"),
    ],
)
def test_a_well_known_field_has_the_type_that_go_reads(
    still_world: World, template: dict[str, Any], field: str, kind: str, given: str
) -> None:
    with pytest.raises(ApiError) as caught:
        still_world.registry.create(VMS, NAMESPACE, a_vm("x", template=template))
    where = f"spec.template.{field}"
    assert str(caught.value) == (
        f'VirtualMachine.kubevirt.io "x" is invalid: {where}: Invalid value: "{given}": '
        f'{where} in body must be of type {kind}: "{given}"'
    )


def test_a_null_is_no_value_but_an_empty_label(still_world: World) -> None:
    vm = a_vm("x")
    vm["metadata"]["labels"] = {"e": None}
    vm["spec"]["template"]["metadata"] = {"labels": {"e": None}}
    vm["spec"]["template"]["spec"]["hostname"] = None
    stored = still_world.registry.create(VMS, NAMESPACE, vm)
    template = stored["spec"]["template"]
    assert [stored["metadata"]["labels"], template["metadata"]["labels"]] == [{"e": ""}, {"e": ""}]
    assert "hostname" not in template["spec"]
    stored["spec"]["template"]["spec"]["hostname"] = None
    updated = still_world.registry.update(VMS, NAMESPACE, "x", stored)
    assert updated["spec"] == still_world.get(VMS, "x")["spec"]
    assert "hostname" not in updated["spec"]["template"]["spec"]


def test_the_domain_of_a_key_may_have_capitals_in_an_annotation_alone(still_world: World) -> None:
    vm = a_vm("x")
    vm["metadata"]["annotations"] = {"Example.com/Owner": "a"}
    stored = still_world.registry.create(VMS, NAMESPACE, vm)
    assert stored["metadata"]["annotations"]["Example.com/Owner"] == "a"
    vm = a_vm("y")
    vm["metadata"]["labels"] = {"Example.com/Owner": "a"}
    with pytest.raises(ApiError) as caught:
        still_world.registry.create(VMS, NAMESPACE, vm)
    rejected = 'metadata.labels: Invalid value: "Example.com/Owner": prefix part a lowercase'
    assert str(caught.value).startswith(f'VirtualMachine.kubevirt.io "y" is invalid: {rejected}')
