"""Takes VolumeSnapshots: the snapshot controller and the driver's sidecar in one.

Of a VolumeSnapshotContent there is nothing but its name.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.volumes import is_bound
from kubevirt_sandbox.kubevirt.drivers.classes import Driver, Snapshots, class_of, driver_of
from kubevirt_sandbox.kubevirt.objects import Obj, is_deleting, location, section, text
from kubevirt_sandbox.kubevirt.pace import Pace, Timers
from kubevirt_sandbox.kubevirt.resources import (
    PERSISTENT_VOLUME_CLAIMS,
    STORAGE_CLASSES,
    VOLUME_SNAPSHOTS,
)

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change

PROTECTION = (
    "snapshot.storage.kubernetes.io/volumesnapshot-as-source-protection",
    "snapshot.storage.kubernetes.io/volumesnapshot-bound-protection",
)
CLAIM_PROTECTION = "snapshot.storage.kubernetes.io/pvc-as-source-protection"
"""Finalizer of a claim whose snapshot is not ready yet."""
SNAPSHOT_FAILED = (
    'Failed to check and update snapshot content: failed to take snapshot of the volume {}: "{}"'
)


class VolumeSnapshotController:
    """Makes VolumeSnapshots ready, as fast and as far as their driver does."""

    name = "volumesnapshots"

    def __init__(self, client: Client, recorder: Recorder, pace: Pace) -> None:
        self._client = client
        self._recorder = recorder
        self._pace = pace
        self._timers = Timers(pace)
        self._unready: dict[tuple[str, str], str] = {}
        self._unfilled: dict[tuple[str, str], set[str]] = {}

    def observe(self, change: Change) -> Iterable[Wish]:
        """Snapshots that changed, and unready ones of a class that changed.

        Not those that a claim held back: nobody looks at them until they are looked at anyhow.
        """
        place = location(change.object)
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified:
            self._remember(change, *place)
        if change.type_key == VOLUME_SNAPSHOTS.qualified:
            if change.event == "DELETED":
                self._unready.pop(place, None)
                return ()
            return [(*place, 0.0)]
        if change.type_key == STORAGE_CLASSES.qualified:
            return [(*item, 0.0) for item, name in self._unready.items() if name == place[1]]
        return ()

    def _remember(self, change: Change, namespace: str, claim: str) -> None:
        """Notes which claims are to be filled from a snapshot and have no volume yet."""
        source = (namespace, text(change.object, "spec", "dataSource", "name"))
        if not source[1]:
            return
        waiting = self._unfilled.setdefault(source, set())
        if change.event == "DELETED" or is_bound(change.object):
            waiting.discard(claim)
        else:
            waiting.add(claim)
        if not waiting:
            del self._unfilled[source]

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Takes one snapshot a step further, or lets it go."""
        snapshot = self._client.read(VOLUME_SNAPSHOTS, namespace, name)
        if snapshot is None:
            return None
        source = text(snapshot, "spec", "source", "persistentVolumeClaimName")
        claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, source)
        driver = driver_of(claim, self._client) if claim else None
        if is_deleting(snapshot):
            return self._let_go(snapshot, claim, driver)
        if section(snapshot, "status").get("readyToUse") is True:
            return None
        snapshot = self._begun(snapshot)
        if claim is None or driver is None or not is_bound(claim):
            return None
        return self._take(snapshot, claim, driver)

    def _let_go(self, snapshot: Obj, claim: Obj | None, driver: Driver | None) -> Requeue | None:
        if location(snapshot) in self._unfilled:
            using = "Snapshot is being used to restore a PVC"
            self._recorder.warning(snapshot, "SnapshotDeletePending", using)
            return Requeue()
        if driver is not None and driver.snapshots is Snapshots.DOWN:
            self._unready[location(snapshot)] = class_of(claim or {})
            return None
        self._protect(claim, wanted=False)
        for finalizer in PROTECTION:
            current = self._client.read(VOLUME_SNAPSHOTS, *location(snapshot))
            if current is not None:
                self._client.release(VOLUME_SNAPSHOTS, current, finalizer)
        return None

    def _begun(self, snapshot: Obj) -> Obj:
        """The snapshot with its finalizers, bound to a content."""
        if text(snapshot, "status", "boundVolumeSnapshotContentName"):
            return snapshot
        namespace, name = location(snapshot)
        waiting = f"Waiting for a snapshot {namespace}/{name} to be created by the CSI driver."
        self._recorder.normal(snapshot, "CreatingSnapshot", waiting)
        metadata = {**snapshot["metadata"], "finalizers": list(PROTECTION)}
        snapshot = self._client.update(VOLUME_SNAPSHOTS, {**snapshot, "metadata": metadata})
        content = f"snapcontent-{text(snapshot, 'metadata', 'uid')}"
        status = {"boundVolumeSnapshotContentName": content, "readyToUse": False}
        return self._client.update_status(VOLUME_SNAPSHOTS, snapshot, status)

    def _take(self, snapshot: Obj, claim: Obj, driver: Driver) -> Requeue | None:
        status = dict(section(snapshot, "status"))
        self._unready[location(snapshot)] = class_of(claim)
        if driver.snapshots in (Snapshots.DOWN, Snapshots.FAILING):
            self._protect(claim, wanted=True)
            if driver.snapshots is Snapshots.FAILING:
                volume = text(claim, "spec", "volumeName")
                message = SNAPSHOT_FAILED.format(volume, driver.snapshot_error)
                if text(status, "error", "message") != message:
                    status["error"] = {"message": message, "time": self._client.now()}
                    self._client.update_status(VOLUME_SNAPSHOTS, snapshot, status)
            return None
        slow = driver.snapshots is Snapshots.SLOW
        needed = self._pace.slow_snapshot if slow else self._pace.snapshot
        left = self._timers.remaining(text(snapshot, "metadata", "uid"), needed)
        if left > 0:
            return Requeue(left)
        self._timers.forget(text(snapshot, "metadata", "uid"))
        self._unready.pop(location(snapshot), None)
        self._protect(claim, wanted=False)
        status.pop("error", None)
        size = section(claim, "status", "capacity").get("storage")
        status |= {"creationTime": self._client.now(), "readyToUse": True, "restoreSize": size}
        written = self._client.update_status(VOLUME_SNAPSHOTS, snapshot, status)
        place = "/".join(location(written))
        created = f"Snapshot {place} was successfully created by the CSI driver."
        self._recorder.normal(written, "SnapshotCreated", created)
        self._recorder.normal(written, "SnapshotReady", f"Snapshot {place} is ready to use.")
        return None

    def _protect(self, claim: Obj | None, *, wanted: bool) -> None:
        """Holds a claim as long as its snapshot is not taken; ours are held only if that lasts."""
        if claim is None:
            return
        finalizers = claim["metadata"].get("finalizers") or []
        if wanted and CLAIM_PROTECTION not in finalizers and not is_deleting(claim):
            metadata = {**claim["metadata"], "finalizers": [*finalizers, CLAIM_PROTECTION]}
            self._client.update(PERSISTENT_VOLUME_CLAIMS, {**claim, "metadata": metadata})
        elif not wanted:
            self._client.release(PERSISTENT_VOLUME_CLAIMS, claim, CLAIM_PROTECTION)
