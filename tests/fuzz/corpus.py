"""Whole objects to begin with: the builders' and the sandbox's own seeds."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from tests.unit.builders import UID, a_clone, a_condition, a_restore, a_snapshot, a_vm, an_event

Object = dict[str, Any]
FILTERS = ["*", "!app", "a.c"]
SPEC = {
    "labelFilters": FILTERS,
    "annotationFilters": FILTERS,
    "template": {"labelFilters": FILTERS, "annotationFilters": FILTERS},
    "newMacAddresses": {"default": "02-00-00-00-00-99", "nosuch": "02:00"},
    "newSMBiosSerial": "SN 1",
    "patches": [
        '{"op":"add","path":"/metadata/labels/a","value":"b"}',
        '{"op":"replace","path":"/spec/runStrategy","value":"Always"}',
    ],
    "volumeNamePolicy": "PrefixTargetName",
}
PHASES = ("", "SnapshotInProgress", "RestoreInProgress", "CreatingTargetVM", "Succeeded", "Failed")


@cache
def seeds() -> tuple[Object, ...]:
    """Everything that the sandbox begins with."""
    folder = files("kubevirt_sandbox.kubevirt") / "seed"
    texts = [
        path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name.endswith(".yaml")
    ]
    return tuple(obj for text in texts for obj in yaml.safe_load_all(text) if obj)


def _of_kind(*kinds: str) -> list[Object]:
    return [obj for obj in seeds() if obj["kind"] in kinds]


def clones() -> list[Object]:
    """Clones in every phase: bare ones, one with all fields, one of a snapshot."""
    metadata = {"labels": {"a": "b"}, "annotations": {"c": "d"}, "finalizers": ["x"]}
    whole = [a_clone(phase, sentence="why", metadata=metadata, spec=SPEC) for phase in PHASES]
    source = {"kind": "VirtualMachineSnapshot", "apiGroup": "snapshot.kubevirt.io", "name": "s"}
    return [*whole, a_clone(), a_clone("RestoreInProgress", spec={"source": source})]


def vms() -> list[Object]:
    """VMs of the seeds; one with everything that a clone looks at."""
    seeded = _of_kind("VirtualMachine")
    metadata = {
        "labels": {"app": "x", "kubevirt.io/vm": "v"},
        "annotations": {"restore.kubevirt.io/lastRestoreUID": f"tmp-restore-{UID}-1"},
        "name": "vm-cirros-clone",
        "namespace": "default",
        "creationTimestamp": "2026-11-22T07:55:00Z",
        "ownerReferences": [{"uid": "1"}],
    }
    status = {
        "printableStatus": "Running",
        "volumeSnapshotStatuses": [{"name": "disk", "enabled": False, "reason": "why"}],
        "conditions": [a_condition("Ready", "False", "why")],
    }
    dressed = [{**vm, "metadata": metadata, "status": status} for vm in seeded[:3]]
    return [a_vm(), *seeded, *dressed]


def snapshots() -> list[Object]:
    """Snapshots that are ready, in progress, failed."""
    error = {"time": "2026-11-22T07:55:00Z", "message": "no"}
    failed = a_snapshot(phase="Failed")
    failed["status"]["error"] = error
    ready = a_snapshot()
    ready["status"]["virtualMachineSnapshotContentName"] = "content"
    ready["metadata"]["ownerReferences"] = [{"uid": "1"}, {"uid": UID}]
    ready["metadata"]["labels"] = {"kubectl-virt-clone/shared-snapshot": "true"}
    return [ready, a_snapshot(phase="InProgress"), failed, *_of_kind("VirtualMachineSnapshot")]


def contents() -> list[Object]:
    """What snapshots hold."""
    backups = [{"volumeName": "disk", "persistentVolumeClaim": claim} for claim in claims()[:2]]
    return [
        {"kind": "VirtualMachineSnapshotContent", "metadata": {"name": "content"}, "spec": spec}
        for spec in ({"source": {"virtualMachine": vm}, "volumeBackups": backups} for vm in vms())
    ]


def restores() -> list[Object]:
    """Restores that wait, have failed, are complete."""
    waiting = a_restore(sentence="restore source and restore target are different")
    waiting["status"]["restores"] = [
        {"volumeName": "disk", "persistentVolumeClaim": "restore-1-disk"}
    ]
    return [waiting, a_restore(complete=True, sentence="Operation complete")]


def claims() -> list[Object]:
    """Claims, one of them restored."""
    annotations = {"restore.kubevirt.io/name": f"tmp-restore-{UID}"}
    restored = {
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "restore-1-disk", "namespace": "default", "annotations": annotations},
        "spec": {"storageClassName": "first-consumer"},
        "status": {"phase": "Pending"},
    }
    return [restored, *_of_kind("PersistentVolumeClaim")]


def events() -> list[Object]:
    """Events of a clone and of its restore."""
    refused = an_event("RestoreCreationFailed", "admission webhook denied", severity="Warning")
    return [
        an_event("SnapshotCreated", "created"),
        an_event("SnapshotReady", "ready", count=3),
        an_event("TargetVMCreated", "made"),
        {**refused, "count": 7, "series": {"count": 7, "lastObservedTime": None}},
        an_event("Failed", "Operation failed", kind="VirtualMachineRestore", severity="Warning"),
    ]


def classes() -> list[Object]:
    """Storage classes."""
    return _of_kind("StorageClass")


def kubevirts() -> list[Object]:
    """KubeVirt itself."""
    return _of_kind("KubeVirt")
