"""A VM's volumes, and a storage driver that binds and snapshots PersistentVolumeClaims.

Which volumes can be snapshotted and when a claim is bound; snapshots and restores are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.objects import Obj, annotations_of, entries, location, section, text
from kubevirt_sandbox.kubevirt.pace import Pace, Timers
from kubevirt_sandbox.kubevirt.resources import PERSISTENT_VOLUME_CLAIMS, VIRTUAL_MACHINES, Resource
from kubevirt_sandbox.kubevirt.run_strategy import is_started

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change

STORAGE_CLASS_OBJECTS = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass")
SNAPSHOT_CLASSES = Resource(
    "snapshot.storage.k8s.io", "v1", "volumesnapshotclasses", "VolumeSnapshotClass"
)
RESTORE_NAME = "restore.kubevirt.io/name"
"""Annotation of a restored claim: the restore that made it."""
BOUND = ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller")
PROVISIONED = (
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
)


class Snapshots(Enum):
    """How the driver of a storage class takes snapshots."""

    PROMPT = "prompt"
    SLOW = "slow"
    NEVER_READY = "never ready"
    FAILING = "failing"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True)
class StorageClass:
    """What the simulated driver does for the claims of one storage class."""

    snapshots: Snapshots = Snapshots.PROMPT
    first_consumer: bool = False


STORAGE_CLASSES = {
    "nosnap": StorageClass(Snapshots.UNSUPPORTED),
    "none": StorageClass(Snapshots.UNSUPPORTED),
    "slow": StorageClass(Snapshots.SLOW),
    "never": StorageClass(Snapshots.NEVER_READY),
    "full": StorageClass(Snapshots.FAILING),
    "first-consumer": StorageClass(first_consumer=True),
}
"""By name; claims of any other class (or of none) are bound and snapshotted at once."""


def storage_class_of(claim: Obj) -> StorageClass:
    """How the driver treats a claim."""
    return STORAGE_CLASSES.get(text(claim, "spec", "storageClassName"), StorageClass())


def snapshots_of(claim: Obj, client: Client) -> Snapshots:
    """How a claim is snapshotted; where its class lacks that, a VolumeSnapshotClass gives it.

    It is found by the driver, as KubeVirt finds it.
    """
    support = storage_class_of(claim).snapshots
    if support is not Snapshots.UNSUPPORTED:
        return support
    name = text(claim, "spec", "storageClassName")
    driver = text(client.read(STORAGE_CLASS_OBJECTS, "", name), "provisioner")
    drivers = {text(item, "driver") for item in client.read_all(SNAPSHOT_CLASSES)}
    return Snapshots.PROMPT if driver and driver in drivers else support


def claim_of(volume: Obj) -> str:
    """The claim behind a VM's volume, empty for a volume that is none (an image, cloud-init)."""
    return text(volume, "persistentVolumeClaim", "claimName") or text(volume, "dataVolume", "name")


def volumes_of(vm: Obj) -> list[Obj]:
    """The volumes of a VM's template."""
    return entries(vm, "spec", "template", "spec", "volumes")


def claims_of(vm: Obj) -> dict[str, str]:
    """Volume name → claim name, for the volumes that are claims."""
    return {text(item, "name"): claim_of(item) for item in volumes_of(vm) if claim_of(item)}


def snapshot_statuses(vm: Obj, client: Client) -> list[Obj]:
    """``status.volumeSnapshotStatuses``: for each volume whether it can be snapshotted."""
    namespace, _ = location(vm)
    return [_snapshot_status(volume, namespace, client) for volume in volumes_of(vm)]


def _snapshot_status(volume: Obj, namespace: str, client: Client) -> Obj:
    name = text(volume, "name")
    if not claim_of(volume):
        reason = f"Snapshot is not supported for this volumeSource type [{name}]"
        return {"enabled": False, "name": name, "reason": reason}
    claim = client.read(PERSISTENT_VOLUME_CLAIMS, namespace, claim_of(volume))
    if claim is None:
        return {"enabled": False, "name": name, "reason": "PVC not found"}
    if snapshots_of(claim, client) is Snapshots.UNSUPPORTED:
        reason = (
            "No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass "
            f"[{text(claim, 'spec', 'storageClassName')}] [{name}]"
        )
        return {"enabled": False, "name": name, "reason": reason}
    return {"enabled": True, "name": name}


def is_bound(claim: Obj | None) -> bool:
    """Whether a claim has its volume."""
    return text(claim, "status", "phase") == "Bound"


def waits_for_consumer(claim: Obj, client: Client) -> bool:
    """Whether a claim is bound only once a VM that uses it starts.

    The StorageClass object says so, or the table where there is none.
    """
    name = text(claim, "spec", "storageClassName")
    stored = client.read(STORAGE_CLASS_OBJECTS, "", name) if name else None
    if stored is None:
        return storage_class_of(claim).first_consumer
    return stored.get("volumeBindingMode") == "WaitForFirstConsumer"


class VolumeController:
    """Binds claims: at once, or once a VM that uses them is started, as their class says."""

    name = "volumes"

    def __init__(self, client: Client, pace: Pace) -> None:
        self._client = client
        self._pace = pace
        self._timers = Timers(pace)
        self._consumers: dict[tuple[str, str], set[str]] = {}
        self._used: dict[tuple[str, str], set[str]] = {}

    def observe(self, change: Change) -> Iterable[Wish]:
        """Claims that changed, and those of a VM that was started."""
        namespace, name = location(change.object)
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified and change.event != "DELETED":
            return [(namespace, name, 0.0)]
        if change.type_key == VIRTUAL_MACHINES.qualified:
            return self._consumer_changed(change, namespace, name)
        return ()

    def _consumer_changed(self, change: Change, namespace: str, vm: str) -> Iterator[Wish]:
        started = change.event != "DELETED" and is_started(change.object)
        claims = set(claims_of(change.object).values()) if started else set()
        before = self._used.pop((namespace, vm), set())
        for claim in before - claims:
            self._consumers.get((namespace, claim), set()).discard(vm)
        if claims:
            self._used[namespace, vm] = claims
        for claim in sorted(claims - before):
            self._consumers.setdefault((namespace, claim), set()).add(vm)
            yield namespace, claim, 0.0

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Binds one claim when it is time."""
        claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        if claim is None or is_bound(claim):
            return None
        bound_before = bool(text(claim, "spec", "volumeName"))
        idle = not bound_before and not self._consumers.get((namespace, name))
        if idle and waits_for_consumer(claim, self._client):
            self._client.update_status(
                PERSISTENT_VOLUME_CLAIMS, claim, {**section(claim, "status"), "phase": "Pending"}
            )
            return None
        uid = text(claim, "metadata", "uid")
        left = 0.0 if bound_before else self._timers.remaining(uid, self._pace.bind)
        if left > 0:
            return Requeue(left)
        self._timers.forget(uid)
        self._bind(claim, uid)
        return None

    def _bind(self, claim: Obj, uid: str) -> None:
        if not text(claim, "spec", "volumeName"):
            spec = {**section(claim, "spec"), "volumeName": f"pvc-{uid}"}
            metadata = {**claim["metadata"], "annotations": self._bound_annotations(claim)}
            bound = {**claim, "metadata": metadata, "spec": spec}
            claim = self._client.update(PERSISTENT_VOLUME_CLAIMS, bound)
        requested = section(claim, "spec", "resources", "requests")
        status = {
            "phase": "Bound",
            "accessModes": section(claim, "spec").get("accessModes", []),
            "capacity": requested,
        }
        self._client.update_status(PERSISTENT_VOLUME_CLAIMS, claim, status)

    def _bound_annotations(self, claim: Obj) -> Obj:
        """A claim's annotations with those that Kubernetes adds to a provisioned one."""
        name = text(claim, "spec", "storageClassName")
        stored = self._client.read(STORAGE_CLASS_OBJECTS, "", name) if name else None
        provisioner = text(stored, "provisioner")
        provisioned = dict.fromkeys(PROVISIONED, provisioner) if provisioner else {}
        return {**annotations_of(claim), **dict.fromkeys(BOUND, "yes"), **provisioned}
