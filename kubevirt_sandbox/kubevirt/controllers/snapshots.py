"""The snapshot controller: a VirtualMachineSnapshot from its creation to ready or failed.

Who may take a snapshot of a VM, and what each says of itself; the data are in ``snapshotting``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.admission.restore_webhooks import SNAPSHOT_FINALIZER
from kubevirt_sandbox.kubevirt.controllers.conditions import (
    condition,
    merged,
    progressing_and_ready,
    updated,
)
from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.volumes import is_bound, snapshotted_claim_of, volumes_of
from kubevirt_sandbox.kubevirt.objects import Obj, entries, is_deleting, location, section, text
from kubevirt_sandbox.kubevirt.pace import NEVER, SETTLED_RETRY, Pace, Timers
from kubevirt_sandbox.kubevirt.resources import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    VOLUME_SNAPSHOTS,
)
from kubevirt_sandbox.kubevirt.revisions import as_snapshotted, missing_revision
from kubevirt_sandbox.kubevirt.snapshotting.contents import (
    Contents,
    Progress,
    content_name,
    indications_of,
)
from kubevirt_sandbox.kubevirt.snapshotting.locks import SourceLocks

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.releases import Release
    from kubevirt_sandbox.storage.store import Change

FINISHED = ("Succeeded", "Failed")
DELETING = "VM snapshot is deleting"
IN_ERROR = "In error state"
DEADLINE = "snapshot deadline exceeded"
LOCKED = "Source locked and operation in progress"
INDICATIONS = {
    "GuestAgent": (
        "Guest agent was active and attempted to quiesce the filesystem for application "
        "consistency."
    ),
    "NoGuestAgent": (
        "Guest agent was not available. Snapshot is crash-consistent and may not be "
        "application-consistent."
    ),
    "Online": (
        "Snapshot taken while the VM was running. Consistency depends on guest-agent quiescing."
    ),
    "PartialSnapshot": (
        "Not all snapshotable volumes were included in the snapshot. Check status.snapshotVolumes "
        "for excluded volumes and VM VolumeSnapshotStatus for details."
    ),
}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def seconds_of(duration: str) -> float:
    """A Go duration such as ``1m30s`` in seconds; 0 for a text that is none."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))


def is_ready(snapshot: Obj) -> bool:
    """Whether a snapshot can be restored."""
    return section(snapshot, "status").get("readyToUse") is True


class SnapshotController:
    """Takes snapshots, of each VM one at a time."""

    name = "snapshots"

    def __init__(
        self, client: Client, recorder: Recorder, contents: Contents, pace: Pace, release: Release
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._contents = contents
        self._pace = pace
        self._release = release
        self._timers = Timers(pace)
        self._locks = SourceLocks(client, throttled=pace.throttled)
        self._named: dict[tuple[str, str], str] = {}
        self._stuck: set[tuple[str, str]] = set()
        self._refused: dict[str, int] = {}

    def observe(self, change: Change) -> Iterable[Wish]:
        """Snapshots that changed, and those whose VM, claim or VolumeSnapshot did."""
        namespace, name = location(change.object)
        if change.type_key == SNAPSHOTS.qualified:
            self._locks.remember(change, finished=_phase(change.object) in FINISHED)
            return [(namespace, name, 0.0)] if change.event != "DELETED" else ()
        if change.type_key == VIRTUAL_MACHINES.qualified:
            return [(namespace, item, 0.0) for item in self._locks.freed(change)]
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified and is_bound(change.object):
            return [(namespace, item, 0.0) for item in self._locks.waiting_in(namespace)]
        if change.type_key == SNAPSHOT_CONTENTS.qualified:
            self._named[namespace, name] = text(change.object, "spec", "virtualMachineSnapshotName")
        if change.type_key == VOLUME_SNAPSHOTS.qualified:
            owners = entries(change.object, "metadata", "ownerReferences")
            names = [self._named.get((namespace, text(item, "name"))) for item in owners]
            return [(namespace, item, 0.0) for item in names if item]
        return ()

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Takes one snapshot a step further."""
        snapshot = self._client.read(SNAPSHOTS, namespace, name)
        if snapshot is None:
            return None
        vm = self._client.read(
            VIRTUAL_MACHINES, namespace, text(snapshot, "spec", "source", "name")
        )
        if is_deleting(snapshot):
            self._let_go(snapshot, vm)
            return None
        if _phase(snapshot) == "Failed":
            return None
        content = self._contents.of(snapshot)
        if _phase(snapshot) == "Succeeded":
            if content is not None:
                content, _ = self._contents.take(content, vm)
                self._finish(snapshot, content)
            return None
        if content is not None:
            return self._take(snapshot, content, vm)
        if vm is None and section(snapshot, "status") and self._fails_in(snapshot) <= 0:
            self._fail(snapshot, None)
            return None
        if vm is None:
            self._write(snapshot, self._in_progress(snapshot, None, "Source does not exist"))
            return None
        locked, answer = self._lock(snapshot, vm)
        return self._begin(namespace, name, vm) if locked else answer

    def _begin(self, namespace: str, name: str, vm: Obj) -> Requeue | None:
        """Stores what a snapshot takes of the VM that it has locked, and begins with its data."""
        snapshot = self._client.read(SNAPSHOTS, namespace, name) or {}
        vm = self._client.read(VIRTUAL_MACHINES, *location(vm)) or vm
        taken = as_snapshotted(self._client, vm)
        if missing_revision(self._client, namespace, section(taken, "spec")):
            return self._wait_for_revision(snapshot, vm)
        content = self._contents.create(snapshot, taken)
        made = f"Successfully created VirtualMachineSnapshotContent {content_name(snapshot)}"
        self._recorder.normal(snapshot, "SuccessfulVirtualMachineSnapshotContentCreate", made)
        return self._take(snapshot, content, vm)

    def _wait_for_revision(self, snapshot: Obj, vm: Obj) -> Requeue | None:
        """Tries again until the deadline: only virt-controller's log says what is missing."""
        fails_in = self._fails_in(snapshot)
        if fails_in <= 0:
            self._fail(snapshot, vm)
            return None
        retry = max(self._pace.seconds(self._pace.lock_retry), SETTLED_RETRY)
        return Requeue(min(retry, max(fails_in, SETTLED_RETRY)))

    def _lock(self, snapshot: Obj, vm: Obj) -> tuple[bool, Requeue | None]:
        """Locks the VM for a snapshot: whether it is locked, else when to try again."""
        if not section(snapshot, "status"):
            snapshot = self._write(snapshot, self._in_progress(snapshot, vm, "Source not locked"))
        if self._fails_in(snapshot) <= 0 and self._pace.speed < NEVER:
            self._fail(snapshot, vm)
            return False, None
        trouble = self._locks.trouble(vm, snapshot)
        if trouble is None:
            self._locks.lock(vm, snapshot)
            self._write(snapshot, self._in_progress(snapshot, vm, "", locked=True))
            return True, None
        stuck = trouble.stuck or bool(trouble.holder and self._stays(snapshot, trouble.holder))
        if stuck and self._fails_in(snapshot) <= 0:
            self._fail(snapshot, vm)
            return False, None
        explained = trouble.sentence and self._release.explains_snapshots
        told = f" {trouble.sentence}" if explained else ""
        self._write(snapshot, self._in_progress(snapshot, vm, f"Source not locked{told}"))
        retry = max(self._pace.seconds(self._pace.lock_retry), SETTLED_RETRY)
        fails_in = max(self._fails_in(snapshot), SETTLED_RETRY)
        return False, Requeue(fails_in if trouble.holder else min(retry, fails_in))

    def _stays(self, snapshot: Obj, holder: str) -> bool:
        """Whether the snapshot that has the VM is none, or one that does not get on."""
        place = (location(snapshot)[0], holder)
        return place in self._stuck or self._client.read(SNAPSHOTS, *place) is None

    def _take(self, snapshot: Obj, content: Obj, vm: Obj | None) -> Requeue | None:
        fails_in = self._fails_in(snapshot)
        if fails_in <= 0 and self._pace.speed < NEVER:
            self._fail(snapshot, vm)
            return None
        content, progress = self._contents.take(content, vm)
        self._stuck.discard(location(snapshot))
        if progress.stuck:
            self._stuck.add(location(snapshot))
        if not entries(content, "spec", "volumeBackups"):
            left = self._timers.remaining(text(snapshot, "metadata", "uid"), self._pace.snapshot)
            if left > 0:
                self._write(snapshot, self._in_progress(snapshot, vm, "", locked=True))
                return Requeue(left)
        if "creationTime" in section(content, "status"):
            self._finish(snapshot, content)
            self._locks.unlock(vm, snapshot)
            return None
        if fails_in <= 0 and progress.stuck:
            self._write(snapshot, self._in_progress(snapshot, vm, "", content=content, locked=True))
            self._fail(self._client.read(SNAPSHOTS, *location(snapshot)) or snapshot, vm)
            return None
        self._write(snapshot, self._in_progress(snapshot, vm, "", content=content, locked=True))
        return self._retry(snapshot, progress, fails_in)

    def _retry(self, snapshot: Obj, progress: Progress, fails_in: float) -> Requeue | None:
        wait = fails_in if fails_in > 0 else NEVER
        tries = self._refused.pop(text(snapshot, "metadata", "uid"), 0)
        if progress.refusal is not None:
            # Later each time, but not later than the deadline.
            self._refused[text(snapshot, "metadata", "uid")] = tries + 1
            return Requeue(min(self._pace.retry(tries), wait))
        if progress.freezing:
            wait = min(wait, max(self._pace.seconds(self._pace.freeze_retry), SETTLED_RETRY))
        return Requeue(wait) if wait < NEVER else None

    def _fails_in(self, snapshot: Obj) -> float:
        """Seconds until the deadline; infinity when a snapshot may take as long as it wants."""
        given = text(snapshot, "spec", "failureDeadline")
        seconds = seconds_of(given) if given else self._pace.failure_deadline
        uid = text(snapshot, "metadata", "uid")
        return self._timers.remaining(f"{uid}/deadline", seconds) if seconds else NEVER

    def _in_progress(
        self,
        snapshot: Obj,
        vm: Obj | None,
        trouble: str,
        *,
        content: Obj | None = None,
        locked: bool = False,
    ) -> Obj:
        status: Obj = {**section(snapshot, "status"), **_told_by(content)}
        if "error" in status and content is not None and "error" not in section(content, "status"):
            del status["error"]
        if vm is not None:
            status["sourceUID"] = text(vm, "metadata", "uid")
            self._indicate(status, indications_of(vm))
        reason = IN_ERROR if "error" in status else trouble or LOCKED
        progressing = locked and "error" not in status
        status["conditions"] = progressing_and_ready(
            progressing, False, reason, "Not ready", self._client.now()
        )
        return {**status, "phase": "InProgress", "readyToUse": False}

    def _indicate(self, status: Obj, indications: list[str]) -> None:
        """Writes how consistent the data are, in the fields that the release has."""
        for field in ("indications", "sourceIndications"):
            status.pop(field, None)
        if not indications:
            return
        status["indications"] = indications
        if self._release.indicates:
            status["sourceIndications"] = [
                {"indication": item, "message": INDICATIONS[item]} for item in indications
            ]

    def _fail(self, snapshot: Obj, vm: Obj | None) -> None:
        now = self._client.now()
        status = {**section(snapshot, "status"), "phase": "Failed", "readyToUse": False}
        reason = "Operation failed" if self._release.explains_snapshots else DEADLINE
        reason = IN_ERROR if "error" in status else reason
        pair = progressing_and_ready(False, False, reason, "Not ready", now)
        status["conditions"] = [*pair, condition("Failure", True, DEADLINE, now)]
        self._write(snapshot, status)
        # Nobody needs a content that is not ready.
        self._client.delete(SNAPSHOT_CONTENTS, location(snapshot)[0], content_name(snapshot))
        self._locks.unlock(vm, snapshot)

    def _finish(self, snapshot: Obj, content: Obj) -> None:
        """Writes that a snapshot is complete, and whether it can be restored (any more)."""
        vm = section(content, "spec", "source", "virtualMachine")
        backups = entries(content, "spec", "volumeBackups")
        included = [text(item, "volumeName") for item in backups]
        left_out = [item for item in volumes_of(vm) if text(item, "name") not in included]
        status: Obj = {**section(snapshot, "status"), **_told_by(content), "phase": "Succeeded"}
        if "error" not in section(content, "status"):
            status.pop("error", None)
        partial = self._release.indicates and any(map(snapshotted_claim_of, left_out))
        if partial and "PartialSnapshot" not in (status.get("indications") or ()):
            self._indicate(status, [*(status.get("indications") or ()), "PartialSnapshot"])
        volumes = {
            "excludedVolumes": [text(item, "name") for item in left_out],
            "includedVolumes": [
                text(item, "name") for item in volumes_of(vm) if text(item, "name") in included
            ],
        }
        ready = status["readyToUse"] is True
        complete = IN_ERROR if "error" in status else "Operation complete"
        status["snapshotVolumes"] = {key: item for key, item in volumes.items() if item}
        status["conditions"] = progressing_and_ready(
            False, ready, complete, "Ready" if ready else "Not ready", self._client.now()
        )
        self._write(snapshot, status)

    def _write(self, snapshot: Obj, status: Obj) -> Obj:
        current = section(snapshot, "status").get("conditions")
        status["conditions"] = merged(current, status["conditions"])
        return self._client.update_status(SNAPSHOTS, snapshot, status)

    def _let_go(self, snapshot: Obj, vm: Obj | None) -> None:
        namespace, _ = location(snapshot)
        self._locks.unlock(vm, snapshot)
        content = content_name(snapshot)
        if not is_ready(snapshot) or section(snapshot, "spec").get("deletionPolicy") != "Retain":
            self._client.delete(SNAPSHOT_CONTENTS, namespace, content)
        self._timers.forget(text(snapshot, "metadata", "uid"))
        status = section(snapshot, "status")
        progressing = condition("Progressing", False, DELETING, self._client.now())
        status = {**status, "conditions": updated(status.get("conditions"), [progressing])}
        written = self._client.update_status(SNAPSHOTS, snapshot, status)
        self._client.release(SNAPSHOTS, written, SNAPSHOT_FINALIZER)


def _phase(snapshot: Obj) -> str:
    return text(snapshot, "status", "phase")


def _told_by(content: Obj | None) -> Obj:
    """What a snapshot says of its content, once that has a status."""
    status = section(content, "status")
    if content is None or not status:
        return {}
    told: Obj = {
        key: status[key] for key in ("creationTime", "error", "readyToUse") if key in status
    }
    return {**told, "virtualMachineSnapshotContentName": text(content, "metadata", "name")}
