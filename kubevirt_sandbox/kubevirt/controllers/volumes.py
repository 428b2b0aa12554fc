"""A VM's volumes and their claims, as KubeVirt looks at them.

What the storage behind a claim does is in ``drivers``; snapshots and restores are elsewhere.
"""

from __future__ import annotations

from kubevirt_sandbox.kubevirt.controllers.controller import Client
from kubevirt_sandbox.kubevirt.drivers.classes import class_of, driver_of, snapshot_support
from kubevirt_sandbox.kubevirt.objects import Obj, entries, location, text
from kubevirt_sandbox.kubevirt.resources import PERSISTENT_VOLUME_CLAIMS

RESTORE_NAME = "restore.kubevirt.io/name"
"""Annotation of a restored claim: the restore that made it."""


def claim_of(volume: Obj) -> str:
    """The claim behind a VM's volume, empty for a volume that is none (an image, cloud-init)."""
    return text(volume, "persistentVolumeClaim", "claimName") or text(volume, "dataVolume", "name")


def snapshotted_claim_of(volume: Obj) -> str:
    """The claim that a snapshot takes of a volume: that of a memory dump, too."""
    return claim_of(volume) or text(volume, "memoryDump", "claimName")


def volumes_of(vm: Obj) -> list[Obj]:
    """The volumes of a VM's template."""
    return entries(vm, "spec", "template", "spec", "volumes")


def claims_of(vm: Obj) -> dict[str, str]:
    """Volume name → claim name, for the volumes that are claims."""
    return {text(item, "name"): claim_of(item) for item in volumes_of(vm) if claim_of(item)}


def snapshotted_claims_of(vm: Obj) -> dict[str, str]:
    """Volume name → claim name, for the volumes that a snapshot takes."""
    found = {text(item, "name"): snapshotted_claim_of(item) for item in volumes_of(vm)}
    return {volume: claim for volume, claim in found.items() if claim}


def snapshot_statuses(vm: Obj, client: Client) -> list[Obj]:
    """``status.volumeSnapshotStatuses``: for each volume whether it can be snapshotted."""
    namespace, _ = location(vm)
    return [_snapshot_status(volume, namespace, client) for volume in volumes_of(vm)]


def _snapshot_status(volume: Obj, namespace: str, client: Client) -> Obj:
    name, used = text(volume, "name"), snapshotted_claim_of(volume)
    if not used:
        reason = f"Snapshot is not supported for this volumeSource type [{name}]"
        return {"enabled": False, "name": name, "reason": reason}
    claim = client.read(PERSISTENT_VOLUME_CLAIMS, namespace, used)
    if claim is None:
        return {"enabled": False, "name": name, "reason": "PVC not found"}
    support = snapshot_support(class_of(claim), client)
    if support.enabled:
        return {"enabled": True, "name": name}
    reason = support.complaint or (
        "No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass "
        f"[{class_of(claim)}] [{name}]"
    )
    return {"enabled": False, "name": name, "reason": reason}


def is_bound(claim: Obj | None) -> bool:
    """Whether a claim has its volume."""
    return text(claim, "status", "phase") == "Bound"


def waits_for_consumer(claim: Obj, client: Client) -> bool:
    """Whether a claim is bound only once a VM that uses it starts.

    Raises ValueError with KubeVirt's sentence where the claim's class does not exist.
    """
    driver = driver_of(claim, client)
    if driver is None:
        raise ValueError(f"StorageClass {class_of(claim)} does not exist")
    return driver.first_consumer
