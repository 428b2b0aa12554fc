"""VirtualMachineSnapshotContents: the VM as it was, and the VolumeSnapshots of its claims.

When a snapshot is taken and what it then says of itself is in ``snapshots``.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubevirt_sandbox.kubevirt.controllers.controller import Client
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.virtualmachines import agent_of
from kubevirt_sandbox.kubevirt.controllers.volumes import is_bound, snapshotted_claims_of
from kubevirt_sandbox.kubevirt.drivers.classes import (
    Snapshots,
    class_of,
    driver_of,
    snapshot_support,
)
from kubevirt_sandbox.kubevirt.objects import (
    Obj,
    annotations_of,
    entries,
    is_deleting,
    location,
    section,
    text,
)
from kubevirt_sandbox.kubevirt.resources import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CONTENTS,
    VOLUME_SNAPSHOTS,
)
from kubevirt_sandbox.kubevirt.revisions import copy_revisions, renamed
from kubevirt_sandbox.kubevirt.run_strategy import is_started
from kubevirt_sandbox.storage.status import ApiError

FREEZE_ERROR = "virt-clone-sandbox/freeze-error"
"""Annotation of a VM whose guest can't be frozen: what its agent answers."""
SOURCE_NAME = "snapshot.kubevirt.io/source-vm-name"
SOURCE_NAMESPACE = "snapshot.kubevirt.io/source-vm-namespace"

# Read from KubeVirt's source: no freeze that failed was recorded on a live cluster.
_FREEZE_FAILED = (
    "Internal error occurred: unexpected return code 400 (400 Bad Request), message: server error."
    " command Freeze failed: \"LibvirtError(Code=1, Domain=10, Message='internal error: unable to"
    " execute QEMU agent command 'guest-fsfreeze-freeze': {}')\""
)


@dataclass(frozen=True)
class Progress:
    """How far the VolumeSnapshots of a content are.

    ``stuck``: nothing comes of them unless somebody does something. ``refusal`` is the API
    server's, which no status ever tells.
    """

    stuck: bool = False
    refusal: ApiError | None = None
    freezing: bool = False


def content_name(snapshot: Obj) -> str:
    """What the content of a snapshot is called."""
    return f"vmsnapshot-content-{text(snapshot, 'metadata', 'uid')}"


def _kept_metadata(obj: Obj) -> Obj:
    return {key: item for key, item in section(obj, "metadata").items() if key != "managedFields"}


def indications_of(vm: Obj) -> list[str]:
    """How the guest took part in a snapshot; empty for a VM that does not run."""
    if not is_started(vm):
        return []
    return ["GuestAgent" if agent_of(vm) else "NoGuestAgent", "Online"]


class Contents:
    """Makes contents of VMs, and keeps their status."""

    def __init__(self, client: Client, recorder: Recorder) -> None:
        self._client = client
        self._recorder = recorder

    def of(self, snapshot: Obj) -> Obj | None:
        """The content of a snapshot, or None while there is none."""
        namespace, _ = location(snapshot)
        return self._client.read(SNAPSHOT_CONTENTS, namespace, content_name(snapshot))

    def create(self, snapshot: Obj, vm: Obj) -> Obj:
        """Stores the VM as it is now, with those of its claims that can be snapshotted."""
        namespace, snapshot_name = location(snapshot)
        uid = text(snapshot, "metadata", "uid")
        backups = [
            {
                "persistentVolumeClaim": {
                    "metadata": _kept_metadata(claim),
                    "spec": section(claim, "spec"),
                },
                "volumeName": volume,
                "volumeSnapshotName": f"vmsnapshot-{uid}-volume-{volume}",
            }
            for volume, name in snapshotted_claims_of(vm).items()
            if (claim := self._snapshottable(namespace, name)) is not None
        ]
        metadata = {"name": content_name(snapshot), "namespace": namespace}
        vm_name = text(vm, "metadata", "name")
        kept = renamed(section(vm, "spec"), vm_name, snapshot_name)
        spec: Obj = {
            "source": {"virtualMachine": {"metadata": _kept_metadata(vm), "spec": kept}},
            "virtualMachineSnapshotName": snapshot_name,
        }
        if backups:
            spec["volumeBackups"] = backups
        content = self._client.create(SNAPSHOT_CONTENTS, {"metadata": metadata, "spec": spec})
        copy_revisions(self._client, section(vm, "spec"), vm_name, content, snapshot_name)
        return content

    def _snapshottable(self, namespace: str, name: str) -> Obj | None:
        claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        if claim is None or not is_bound(claim):
            return None
        return claim if snapshot_support(class_of(claim), self._client).enabled else None

    def take(self, content: Obj, vm: Obj | None) -> tuple[Obj, Progress]:
        """Makes the VolumeSnapshots that a content lacks, and writes how far all of them are."""
        known = section(content, "status")
        created = bool(known.get("creationTime"))
        statuses, missing = [], []
        progress = Progress()
        for backup in entries(content, "spec", "volumeBackups"):
            name = text(backup, "volumeSnapshotName")
            stored = self._client.read(VOLUME_SNAPSHOTS, location(content)[0], name)
            if stored is None and created:
                gone = f"VolumeSnapshot {name} no longer exists"
                self._recorder.warning(content, "VolumeSnapshotMissing", gone)
                missing.append(name)
                continue
            if stored is None:
                error = _freeze_error(vm)
                if error:
                    failed = self._write(content, {**known, "readyToUse": False}, error)
                    return failed, Progress(stuck=True, freezing=True)
                try:
                    stored = self._create_snapshot(content, backup)
                except ApiError as refusal:
                    # Nothing is written, so that nobody but the controller's log knows.
                    return content, Progress(stuck=True, refusal=refusal)
            if section(stored, "status").get("readyToUse") is not True:
                progress = Progress(stuck=progress.stuck or self._is_stuck(stored))
            statuses.append(_status_of(stored))
        return self._summed_up(content, statuses, missing), progress

    def _summed_up(self, content: Obj, statuses: list[Obj], missing: list[str]) -> Obj:
        status: Obj = {"readyToUse": not missing and all(item["readyToUse"] for item in statuses)}
        created = section(content, "status").get("creationTime")
        if not missing and all("creationTime" in item for item in statuses):
            created = created or self._client.now()
        if created:
            status["creationTime"] = created
        if statuses:
            status["volumeSnapshotStatus"] = statuses
        error = f"VolumeSnapshots ({','.join(missing)}) missing" if missing else ""
        for item in statuses:
            if "error" in item and not error:
                said = text(item, "error", "message")
                error = f"VolumeSnapshot {item['volumeSnapshotName']} error: {said}"
        return self._write(content, status, error)

    def _write(self, content: Obj, status: Obj, error: str) -> Obj:
        known = section(content, "status", "error")
        status = {key: item for key, item in status.items() if key != "error"}
        if error:
            same = known.get("message") == error
            status["error"] = known if same else {"message": error, "time": self._client.now()}
        return self._client.update_status(SNAPSHOT_CONTENTS, content, status)

    def _create_snapshot(self, content: Obj, backup: Obj) -> Obj:
        name = text(backup, "volumeSnapshotName")
        claim = section(backup, "persistentVolumeClaim")
        namespace, owner_name = location(content)
        vm = section(content, "spec", "source", "virtualMachine", "metadata")
        owner = {
            "apiVersion": SNAPSHOT_CONTENTS.api_version,
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": SNAPSHOT_CONTENTS.kind,
            "name": owner_name,
            "uid": text(content, "metadata", "uid"),
        }
        spec: Obj = {"source": {"persistentVolumeClaimName": text(claim, "metadata", "name")}}
        support = snapshot_support(class_of(claim), self._client)
        if support.snapshot_class:
            spec["volumeSnapshotClassName"] = support.snapshot_class
        metadata = {
            "labels": {SOURCE_NAME: text(vm, "name"), SOURCE_NAMESPACE: text(vm, "namespace")},
            "name": name,
            "namespace": namespace,
            "ownerReferences": [owner],
        }
        stored = self._client.create(VOLUME_SNAPSHOTS, {"metadata": metadata, "spec": spec})
        made = f"Successfully created VolumeSnapshot {name}"
        self._recorder.normal(content, "SuccessfulVolumeSnapshotCreate", made)
        return stored

    def _is_stuck(self, stored: Obj) -> bool:
        """Whether the driver of an unready VolumeSnapshot has said, or shown, that it won't."""
        name = text(stored, "spec", "source", "persistentVolumeClaimName")
        claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, location(stored)[0], name)
        driver = driver_of(claim, self._client) if claim else None
        if driver is None or is_deleting(stored):
            return True
        if driver.snapshots is Snapshots.FAILING:
            return "error" in section(stored, "status")
        begun = bool(text(stored, "status", "boundVolumeSnapshotContentName"))
        return begun and driver.snapshots is Snapshots.DOWN


def _status_of(stored: Obj) -> Obj:
    """What a content says of one VolumeSnapshot."""
    status = section(stored, "status")
    told: Obj = {
        "readyToUse": status.get("readyToUse") is True,
        "volumeSnapshotName": text(stored, "metadata", "name"),
    }
    told |= {key: status[key] for key in ("creationTime", "error") if key in status}
    return told


def _freeze_error(vm: Obj | None) -> str:
    """Why a running guest with an agent can't be frozen; empty where it can, or need not be."""
    refused = annotations_of(vm or {}).get(FREEZE_ERROR)
    if vm and refused and is_started(vm) and agent_of(vm):
        return _FREEZE_FAILED.format(refused)
    return ""
