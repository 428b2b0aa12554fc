"""What proves that a VM is a clone's target, once the clone's object is gone."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from kubectl_virt_clone.clone.progress.descent import (
    Descent,
    claims_of,
    descent,
    may_descend,
)
from tests.unit.builders import malformed

Object = dict[str, Any]
MARK = "restore.kubevirt.io/lastRestoreUID"
RESTORED = "tmp-restore-u-1-u-2"
WHOLE, HOLLOW, UNPROVEN = Descent.WHOLE, Descent.HOLLOW, Descent.UNPROVEN
SNAPSHOT = {"metadata": {"name": "golden", "creationTimestamp": "2026-11-22T08:00:00Z"}}


def a_vm(name: str, claim: str, serial: str, **annotations: str) -> Object:
    """A VM with an image, a claim and a dump of its memory; as a source it has a mark of old."""
    return {
        "metadata": {
            "annotations": {"note": "hello", **annotations},
            "creationTimestamp": "2026-11-22T08:00:01Z",
            "labels": {"app": "web"},
            "name": name,
            "namespace": "default",
        },
        "spec": {
            "runStrategy": "Halted",
            "template": {
                "metadata": {"annotations": {"note": "hello"}, "labels": {"app": "web"}},
                "spec": {
                    "domain": {
                        "devices": {"interfaces": [{"name": "default", "masquerade": {}}]},
                        "firmware": {"serial": serial, "uuid": f"u-{serial}"},
                    },
                    "volumes": [
                        {"name": "image", "containerDisk": {"image": "cirros"}},
                        {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
                    ],
                },
            },
        },
    }


def a_source() -> Object:
    source = a_vm("web", "disk", "S-1")
    volumes = source["spec"]["template"]["spec"]["volumes"]
    volumes.append({"name": "dump", "memoryDump": {"claimName": "dump"}})
    return {**source, "spec": {**source["spec"], "runStrategy": "Always"}}


def a_target(change: Callable[[Object], Any] = lambda vm: None) -> Object:
    target = a_vm("copy", "restore-u-2-data", "S-2", **{MARK: RESTORED})
    change(target)
    return target


def a_claim_that_goes() -> Object:
    claim = a_claim()
    return {**claim, "metadata": {**claim["metadata"], "deletionTimestamp": "2026-11-22T08:00:02Z"}}


def a_content(**more: Any) -> Object:
    backups = [{"volumeName": "data", "volumeSnapshotName": "vmsnapshot-s-volume-data"}]
    return {"spec": {"source": {"virtualMachine": a_source()}, "volumeBackups": backups, **more}}


def a_claim(phase: str = "Bound", **source: Any) -> Object:
    """The claim that KubeVirt's restore makes (restore.go, CreateRestorePVCDef)."""
    made = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot"}
    return {
        "metadata": {"name": "restore-u-2-data"},
        "spec": {"dataSource": {**made, "name": "vmsnapshot-s-volume-data", **source}},
        "status": {"phase": phase},
    }


def a_clone(**spec: Any) -> Object:
    source = {"apiGroup": "snapshot.kubevirt.io", "kind": "VirtualMachineSnapshot"}
    target = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "copy"}
    return {"spec": {"source": {**source, "name": "golden"}, "target": target, **spec}}


@pytest.mark.parametrize(
    ("made", "mark", "taken", "may"),
    [
        ("2026-11-22T08:00:00Z", "tmp-restore-u", "2026-11-22T08:00:00Z", True),
        ("2026-11-22T08:00:01Z", "tmp-restore-u", "2026-11-22T08:00:00Z", True),
        ("2026-11-22T07:59:59Z", "tmp-restore-u", "2026-11-22T08:00:00Z", False),
        ("2026-11-22T08:00:01Z", "my-restore-u", "2026-11-22T08:00:00Z", False),
        ("2026-11-22T08:00:01Z", "", "2026-11-22T08:00:00Z", False),
        ("2026-11-22T08:00:01Z", None, "2026-11-22T08:00:00Z", False),
        ("2026-11-22T08:00:01Z", "tmp-restore-u", None, False),
        (None, "tmp-restore-u", "2026-11-22T08:00:00Z", False),
    ],
)
def test_a_vm_may_descend_from_a_snapshot_if_a_clone_restored_it_afterwards(
    made: Any, mark: Any, taken: Any, may: bool
) -> None:
    vm = {"metadata": {"annotations": {MARK: mark}, "creationTimestamp": made}}

    assert may_descend(vm, {"metadata": {"creationTimestamp": taken}}) is may


def test_the_claims_of_a_vm_are_known_by_their_volumes() -> None:
    assert claims_of(a_source()) == {"data": "disk", "dump": "dump"}
    assert claims_of({}) == {}


@pytest.mark.parametrize(
    ("claims", "found"),
    [
        ([a_claim()], WHOLE),
        ([{"metadata": {"name": "other"}}, a_claim()], WHOLE),
        ([a_claim("Pending")], HOLLOW),
        ([a_claim("")], HOLLOW),
        ([a_claim("Pending", name="vmsnapshot-x-volume-data")], UNPROVEN),
        ([a_claim(name="vmsnapshot-x-volume-data")], UNPROVEN),
        ([a_claim(name="")], UNPROVEN),
        ([a_claim(kind="PersistentVolumeClaim")], UNPROVEN),
        ([{**a_claim(), "spec": {}}], UNPROVEN),
        ([a_claim_that_goes()], UNPROVEN),
        ([{**a_claim(), "metadata": {"name": "other"}}], UNPROVEN),
        ([], UNPROVEN),
    ],
)
def test_the_claims_have_to_be_filled_from_the_snapshot(
    claims: list[Object], found: Descent
) -> None:
    assert descent(a_target(), a_clone(), SNAPSHOT, a_content(), claims) is found


def test_of_several_volumes_all_have_to_be_bound() -> None:
    content, target = a_content(), a_target()
    claims = [a_claim("Pending"), a_claim(name="vmsnapshot-s-volume-logs")]
    claims[1]["metadata"] = {"name": "restore-u-2-logs"}
    for vm, claim in (
        (content["spec"]["source"]["virtualMachine"], "logs"),
        (target, "restore-u-2-logs"),
    ):
        volume = {"name": "logs", "persistentVolumeClaim": {"claimName": claim}}
        vm["spec"]["template"]["spec"]["volumes"].insert(2, volume)
    logs = {"volumeName": "logs", "volumeSnapshotName": "vmsnapshot-s-volume-logs"}
    content["spec"]["volumeBackups"].append(logs)

    assert descent(target, a_clone(), SNAPSHOT, content, claims) is HOLLOW
    claims[0]["status"]["phase"] = "Bound"
    assert descent(target, a_clone(), SNAPSHOT, content, claims) is WHOLE


def volumes_of(vm: Object) -> list[Object]:
    volumes = vm["spec"]["template"]["spec"]["volumes"]
    assert isinstance(volumes, list)
    return volumes


@pytest.mark.parametrize(
    "change",
    [
        lambda vm: vm["spec"].update(runStrategy="Always"),
        lambda vm: vm["spec"].update(running=True),
        lambda vm: vm["metadata"]["labels"].update(mine="1"),
        lambda vm: vm["metadata"].update(finalizers=["x"]),
        lambda vm: vm["spec"]["template"]["spec"].update(hostname="copy"),
    ],
)
def test_a_target_that_was_started_or_has_more_since_is_the_target(
    change: Callable[[Object], Any],
) -> None:
    assert descent(a_target(change), a_clone(), SNAPSHOT, a_content(), [a_claim()]) is WHOLE


@pytest.mark.parametrize(
    "change",
    [
        lambda vm: vm["metadata"]["labels"].update(app="db"),
        lambda vm: vm["metadata"].update(labels=None),
        lambda vm: vm["metadata"].update(name="other"),
        lambda vm: vm["metadata"].update(deletionTimestamp="2026-11-22T08:00:02Z"),
        lambda vm: vm["metadata"]["annotations"].update({MARK: "my-restore-u"}),
        lambda vm: vm["metadata"].update(creationTimestamp="2026-11-22T07:59:59Z"),
        lambda vm: volumes_of(vm)[0]["containerDisk"].update(image="fedora"),
        lambda vm: volumes_of(vm).pop(),
        lambda vm: volumes_of(vm).append({"name": "more", "emptyDisk": {}}),
        lambda vm: volumes_of(vm).reverse(),
        lambda vm: volumes_of(vm)[1]["persistentVolumeClaim"].update(claimName="mine"),
        lambda vm: volumes_of(vm)[1]["persistentVolumeClaim"].update(claimName="restore--data"),
        lambda vm: volumes_of(vm)[1]["persistentVolumeClaim"].update(claimName=7),
        lambda vm: vm["spec"]["template"]["spec"].update(volumes={}),
        lambda vm: vm["spec"]["template"]["spec"]["domain"]["firmware"].update(serial=None),
        lambda vm: vm.update(spec=[]),
    ],
)
def test_a_vm_that_is_otherwise_than_foretold_may_be_anybodys(
    change: Callable[[Object], Any],
) -> None:
    claims = [a_claim(), {**a_claim(), "metadata": {"name": "mine"}}]

    assert descent(a_target(change), a_clone(), SNAPSHOT, a_content(), claims) is UNPROVEN


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ({}, WHOLE),
        ({"labelFilters": ["*"]}, WHOLE),
        ({"labelFilters": ["!app"]}, UNPROVEN),
        ({"annotationFilters": ["!note"]}, UNPROVEN),
        ({"template": {"labelFilters": ["!app"]}}, UNPROVEN),
        ({"template": {"annotationFilters": ["!note"]}}, UNPROVEN),
        ({"newSMBiosSerial": "S-2"}, WHOLE),
        ({"newSMBiosSerial": "S-3"}, UNPROVEN),
        ({"volumeNamePolicy": "PrefixTargetName"}, UNPROVEN),
        ({"patches": ['{"op":"add","path":"/metadata/labels/app","value":"db"}']}, UNPROVEN),
        ({"patches": ['{"op":"remove","path":"/metadata/labels/none"}']}, UNPROVEN),
        ({"patches": ['{"op":"remove","path":"/spec/template/spec/volumes/1"}']}, UNPROVEN),
    ],
)
def test_another_request_has_another_target(spec: Object, found: Descent) -> None:
    assert descent(a_target(), a_clone(**spec), SNAPSHOT, a_content(), [a_claim()]) is found


def test_a_target_lacks_what_its_filters_drop() -> None:
    def bare(vm: Object) -> None:
        for metadata in (vm["metadata"], vm["spec"]["template"]["metadata"]):
            del metadata["labels"]["app"], metadata["annotations"]["note"]

    own = {"labelFilters": ["!app"], "annotationFilters": ["!note"]}
    clone = a_clone(**own, template=own)

    assert descent(a_target(bare), clone, SNAPSHOT, a_content(), [a_claim()]) is WHOLE


def test_a_volume_that_a_patch_takes_away_needs_no_claim() -> None:
    removed = a_target(lambda vm: volumes_of(vm).pop())
    patch = '{"op":"remove","path":"/spec/template/spec/volumes/1"}'

    assert descent(removed, a_clone(patches=[patch]), SNAPSHOT, a_content(), []) is WHOLE


def test_of_a_volume_that_a_patch_renames_it_is_not_known_what_it_holds() -> None:
    renamed = a_target(lambda vm: volumes_of(vm)[1].update(name="disk"))
    patch = '{"op":"replace","path":"/spec/template/spec/volumes/1/name","value":"disk"}'
    clone = a_clone(patches=[patch])

    assert descent(renamed, clone, SNAPSHOT, a_content(), [a_claim()]) is UNPROVEN


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"spec": {"source": {}}},
        a_content(source={"virtualMachine": {"metadata": {}}}),
        a_content(volumeBackups=[]),
        a_content(volumeBackups=[{"volumeName": "data"}]),
    ],
)
def test_without_what_the_snapshot_holds_nothing_is_proven(content: Object) -> None:
    assert descent(a_target(), a_clone(), SNAPSHOT, content, [a_claim()]) is UNPROVEN


def test_a_claim_of_no_snapshot_is_not_that_of_a_volume_without_one() -> None:
    content = a_content(volumeBackups=[{"volumeName": "data"}])

    assert descent(a_target(), a_clone(), SNAPSHOT, content, [a_claim(name="")]) is UNPROVEN
    assert descent(a_target(), a_clone(), SNAPSHOT, a_content(volumeBackups=[]), []) is UNPROVEN


def test_whatever_is_malformed_proves_nothing() -> None:
    whole = [a_target(), a_clone(), deepcopy(SNAPSHOT), a_content()]
    for place, value in enumerate(whole):
        for broken in malformed(value):
            given = [*whole[:place], broken, *whole[place + 1 :]]
            assert descent(*given, [a_claim()]) in Descent
