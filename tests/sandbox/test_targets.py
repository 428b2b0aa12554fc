"""What a clone changes on its target, and what gets it stuck; as recorded on KubeVirt v1.9."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace

from .world import CLONES, NAMESPACE, READY, RESTORES, SNAPSHOTS, VMS, World, a_clone, processing

EXISTS = "restore source and restore target are different but restore target already exists"
OWN_PATCHES = [
    '{"op":"replace","path":"/spec/template/spec/domain/devices/interfaces/0/macAddress",'
    '"value":""}',
    '{"op":"replace","path":"/spec/template/spec/domain/firmware/serial","value":""}',
    '{"op":"replace","path":"/spec/template/spec/domain/firmware/uuid","value":""}',
]
WEBHOOK = (
    'admission webhook "virtualmachinerestore-validator.snapshot.kubevirt.io" denied the request: '
)
ONE_COLON = 'patch format is not valid - one ":" expected in a single key-value json patch: '


def domain_of(world: World, name: str) -> dict[str, Any]:
    return world.get(VMS, name)["spec"]["template"]["spec"]["domain"]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, {"masquerade": {}, "name": "default"}, id="no MAC asked for: none"),
        pytest.param(
            {"newMacAddresses": {"default": "02-00-00-00-00-9A"}},
            {"macAddress": "02-00-00-00-00-9A", "masquerade": {}, "name": "default"},
            id="dashes are kept as they are",
        ),
        pytest.param(
            {"newMacAddresses": {"default": ""}},
            {"masquerade": {}, "name": "default"},
            id="empty MAC",
        ),
        pytest.param(
            {"newMacAddresses": {"nosuch": "02:00:00:00:00:98"}},
            {"masquerade": {}, "name": "default"},
            id="unknown interface is ignored",
        ),
    ],
)
def test_macs_of_the_target(world: World, spec: dict[str, Any], expected: dict[str, Any]) -> None:
    world.clone("p", target="t", **spec)
    world.until_phase("p", "Succeeded")
    assert domain_of(world, "t")["devices"]["interfaces"] == [expected]


def test_each_interface_is_treated_by_its_name(make_world: Callable[..., World]) -> None:
    world = make_world("vm-two-interfaces")
    world.clone("p", "vm-two-nics", "t", newMacAddresses={"backup": "02-00-00-00-00-77"})
    world.until_phase("p", "Succeeded")
    macs = [item.get("macAddress") for item in domain_of(world, "t")["devices"]["interfaces"]]
    assert macs == [None, "02-00-00-00-00-77"]


def test_a_serial_is_set_even_if_the_source_was_written_without_firmware(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-no-firmware")
    world.clone("p-nofw", "vm-nofw", "p-nofw-t", newSMBiosSerial="SN-X")
    world.until_phase("p-nofw", "Succeeded")
    source, target = domain_of(world, "vm-nofw"), domain_of(world, "p-nofw-t")
    assert target["firmware"]["serial"] == "SN-X"
    assert target["firmware"]["uuid"] != source["firmware"]["uuid"]


def test_patches_are_applied_and_may_set_the_run_strategy(world: World) -> None:
    patches = [
        '{"op":"add","path":"/spec/template/metadata/labels/extra","value":"yes"}',
        '{ "op": "replace", "path": "/spec/runStrategy", "value": "Manual" }',
    ]
    world.clone("p-ok", target="p-ok-t", patches=patches)
    world.until_phase("p-ok", "Succeeded")
    spec = world.get(VMS, "p-ok-t")["spec"]
    assert spec["template"]["metadata"]["labels"]["extra"] == "yes"
    assert spec["runStrategy"] == "Manual"


def test_the_target_of_a_started_source_is_halted(make_world: Callable[..., World]) -> None:
    world = make_world("targets")
    world.clone("p-run", "run-1", "p-run-t")
    world.until_phase("p-run", "Succeeded")
    assert world.get(VMS, "p-run-t")["spec"]["runStrategy"] == "Halted"


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        pytest.param(
            {"newMacAddresses": {"default": "02:00:00:00:00:99"}, "newSMBiosSerial": "SN-NEW"},
            ONE_COLON + '"value":"02:00:00:00:00:99"',
            id="MAC with colons",
        ),
        pytest.param(
            {"newSMBiosSerial": "SN:1"}, ONE_COLON + '"value":"SN:1"', id="serial with a colon"
        ),
        pytest.param({"newSMBiosSerial": "SN,1"}, ONE_COLON + '1"', id="serial with a comma"),
        pytest.param(
            {
                "patches": [
                    '{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"zone":"a"}}'
                ]
            },
            ONE_COLON + '"value":{"zone":"a"',
            id="value that is an object",
        ),
        pytest.param({"patches": ["5"]}, ONE_COLON + "5", id="JSON that is no patch"),
        pytest.param(
            {"patches": ['{"op":"replace","path":"/metadata/name","value":"other"}']},
            "patching is valid only for elements under /spec/ only: " + '"path":"/metadata/name"',
            id="patch of the name",
        ),
    ],
)
def test_a_restore_that_is_refused_is_tried_for_ever(
    world: World, spec: dict[str, Any], complaint: str
) -> None:
    uid = world.clone("p", target="t", **spec)["metadata"]["uid"]
    snapshot, restore = f"tmp-snapshot-{uid}", f"tmp-restore-{uid}"
    world.until_event("p", "RestoreCreationFailed", 3)
    stuck = ["MODIFIED", "RestoreInProgress", processing(), snapshot, None, None]
    assert world.timeline("p")[2:] == [stuck]
    [_, _, (kind, reason, _, message)] = world.events("p")
    assert (kind, reason) == ("Warning", "RestoreCreationFailed")
    assert message == f"failed creating restore {restore} for clone p: {WEBHOOK}{complaint}"
    assert world.find(VMS, "t") is None
    assert world.names(RESTORES) == []


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ({"apiGroup": "foo.example.com"}, "invalid apiGroup"),
        ({}, "missing apiGroup"),
    ],
)
def test_the_group_of_the_target_is_looked_at_by_the_restore_only(
    world: World, target: dict[str, Any], complaint: str
) -> None:
    clone = a_clone("t-ag", target="t-ag-t")
    clone["spec"]["target"] = {"kind": "VirtualMachine", "name": "t-ag-t", **target}
    world.registry.create(CLONES, NAMESPACE, clone)
    world.until_event("t-ag", "RestoreCreationFailed", 2)
    assert world.events("t-ag")[-1][3].endswith(WEBHOOK + complaint)
    assert world.phase("t-ag") == "RestoreInProgress"


def test_the_group_of_the_source_is_never_looked_at(world: World) -> None:
    clone = a_clone("t-sag", target="t-sag-t")
    clone["spec"]["source"]["apiGroup"] = "foo.example.com"
    world.registry.create(CLONES, NAMESPACE, clone)
    world.until_phase("t-sag", "Succeeded")


@pytest.mark.parametrize(
    ("patch", "complaint"),
    [
        (
            '[{"op":"remove","path":"/spec/runStrategy"}]',
            "error patching VM t: cannot decode vm patches {patches}: "
            "json: cannot unmarshal array into Go value of type jsonpatch.Operation",
        ),
        (
            '{"op":"frob","path":"/spec/runStrategy"}',
            "error patching VM t: failed to apply patch for VM {patches}: Unexpected kind: frob",
        ),
        (
            '{"op":"replace","path":"/spec/nosuch/x","value":1}',
            "error patching VM t: failed to apply patch for VM {patches}: replace operation does "
            "not apply: doc is missing path: /spec/nosuch/x: missing value",
        ),
        (
            '{"op":"add","path":"/spec/template/spec/domain/devices/interfaces/0/macAddress",'
            '"value":"zz"}',
            'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: '
            "interface spec.template.spec.domain.devices.interfaces[0].name has malformed MAC "
            "address (zz).",
        ),
    ],
)
def test_a_patch_that_fails_is_told_by_the_restore_only(
    world: World, patch: str, complaint: str
) -> None:
    uid = world.clone("p", target="t", patches=[patch])["metadata"]["uid"]
    restore = f"tmp-restore-{uid}"
    world.until_event(restore, "VirtualMachineRestoreError", 3)
    listed = "[\n" + ",\n".join([*OWN_PATCHES, patch]) + "\n]"
    sentence = complaint.replace("{patches}", listed)
    [(kind, reason, _, message)] = world.events(restore)
    assert (kind, reason) == ("Warning", "VirtualMachineRestoreError")
    assert message == f"VirtualMachineRestore encountered error {sentence}"
    assert world.reasons(RESTORES, restore) == [
        f"Progressing=False:{sentence}",
        f"Ready=False:{sentence}",
    ]
    assert [event[1] for event in world.events("p")] == [
        "SnapshotCreated",
        "SnapshotReady",
        "RestoreCreated",
    ]
    assert world.find(VMS, "t") is None


def test_an_existing_target_holds_the_clone_until_it_is_deleted(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-cirros", "targets")
    uid = world.clone("t-taken", target="taken")["metadata"]["uid"]
    restore_name, snapshot_name = f"tmp-restore-{uid}", f"tmp-snapshot-{uid}"
    world.until_event(restore_name, "VirtualMachineRestoreError", 3)
    restore = world.get(RESTORES, restore_name)
    assert restore["spec"] == {
        "patches": OWN_PATCHES,
        "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "taken"},
        "targetReadinessPolicy": "WaitGracePeriod",
        "virtualMachineSnapshotName": snapshot_name,
    }
    assert restore["metadata"]["finalizers"] == ["snapshot.kubevirt.io/vmrestore-protection"]
    assert restore["metadata"]["ownerReferences"][0]["name"] == "t-taken"
    assert restore["status"] == {
        "complete": False,
        "conditions": [
            {
                "lastProbeTime": None,
                "lastTransitionTime": "2026-11-22T07:54:15Z",
                "reason": EXISTS,
                "status": "False",
                "type": kind,
            }
            for kind in ("Progressing", "Ready")
        ],
    }
    [(kind, reason, _, message)] = world.events(restore_name)
    assert (kind, reason) == ("Warning", "VirtualMachineRestoreError")
    assert message == f"VirtualMachineRestore encountered error {EXISTS}"
    assert world.get(SNAPSHOTS, snapshot_name)["status"]["phase"] == "Succeeded"
    assert world.timeline("t-taken")[-1] == [
        "MODIFIED",
        "RestoreInProgress",
        processing(),
        snapshot_name,
        restore_name,
        None,
    ]
    world.delete(VMS, "taken")
    world.until_phase("t-taken", "Succeeded")
    assert world.timeline("t-taken")[-1][1:] == ["Succeeded", READY, None, None, "taken"]


def test_of_two_clones_to_one_target_one_succeeds(world: World) -> None:
    world.clone("t-d1", target="dup")
    world.clone("t-d2", target="dup")
    world.until_phase("t-d1", "Succeeded")
    world.until(lambda: "restoreName" in world.get(CLONES, "t-d2").get("status", {}))
    restore = world.get(CLONES, "t-d2")["status"]["restoreName"]
    world.until_event(restore, "VirtualMachineRestoreError", 2)
    assert world.events(restore)[0][3].endswith(EXISTS)
    assert world.phase("t-d2") == "RestoreInProgress"


def test_another_restore_of_the_target_refuses_a_second_one(
    make_world: Callable[..., World],
) -> None:
    world = make_world("vm-cirros", "targets")
    first = world.clone("one", target="taken")["metadata"]["uid"]
    world.until_event(f"tmp-restore-{first}", "VirtualMachineRestoreError")
    second = world.clone("two", target="taken")["metadata"]["uid"]
    world.until_event("two", "RestoreCreationFailed", 2)
    assert world.events("two")[-1][3] == (
        f"failed creating restore tmp-restore-{second} for clone two: {WEBHOOK}"
        f'VirtualMachineRestore "tmp-restore-{first}" in progress'
    )


@pytest.mark.parametrize("name", ["Upper_Case", "a" * 260])
def test_an_invalid_target_name_is_accepted_and_gets_stuck(world: World, name: str) -> None:
    uid = world.clone("t-inv", target=name)["metadata"]["uid"]
    world.until_event(f"tmp-restore-{uid}", "VirtualMachineRestoreError", 2)
    assert world.phase("t-inv") == "RestoreInProgress"
    assert [event[1] for event in world.events("t-inv")] == [
        "SnapshotCreated",
        "SnapshotReady",
        "RestoreCreated",
    ]


@pytest.mark.parametrize("name", ["a" * 70, "a.b.c"])
def test_long_names_and_dots_are_fine(world: World, name: str) -> None:
    world.clone("t-long", target=name)
    world.until_phase("t-long", "Succeeded")


def test_a_changed_target_does_not_move_a_finished_clone(world: World) -> None:
    world.clone("p-plain", target="p-plain-t")
    world.until_phase("p-plain", "Succeeded")
    world.clock.move(5)
    world.change(CLONES, "p-plain", lambda c: c["spec"]["target"].update(name="elsewhere"))
    world.until(
        lambda: (
            world.get(CLONES, "p-plain")["status"]["conditions"][0]["lastTransitionTime"]
            == "2026-11-22T07:54:20Z"
        )
    )
    assert world.get(CLONES, "p-plain")["status"]["targetName"] == "p-plain-t"


def test_a_stuck_clone_does_not_burn_the_processor(make_world: Callable[..., World]) -> None:
    world = make_world("vm-cirros", "targets")
    uid = world.clone("t-taken", target="taken")["metadata"]["uid"]
    world.until_event(f"tmp-restore-{uid}", "VirtualMachineRestoreError", 8)
    pace = Pace(speed=float("inf"))
    assert [pace.retry(failures) for failures in (0, 1, 2)] == [0.005, 0.01, 0.02]
    assert pace.retry(20) == 0.5
    assert Pace(speed=1).retry(40) == 1000.0
