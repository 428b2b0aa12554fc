"""The snapshot controller: a VirtualMachineSnapshot from its creation to ready or failed.

The storage classes of ``volumes`` say when the driver is done; clones are elsewhere.
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
from kubevirt_sandbox.kubevirt.controllers.snapshot_errors import error_of, indications_of
from kubevirt_sandbox.kubevirt.controllers.volumes import (
    Snapshots,
    claims_of,
    is_bound,
    snapshots_of,
    volumes_of,
)
from kubevirt_sandbox.kubevirt.objects import Obj, is_deleting, location, section, text
from kubevirt_sandbox.kubevirt.pace import NEVER, SETTLED_RETRY, Pace, Timers
from kubevirt_sandbox.kubevirt.resources import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
)
from kubevirt_sandbox.kubevirt.revisions import (
    as_snapshotted,
    copy_revisions,
    missing_revision,
    renamed,
)
from kubevirt_sandbox.kubevirt.tracking import INITIALIZING, state_of

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change

LABEL_LIMIT = 63
FINISHED = ("Succeeded", "Failed")
DELETING = "VM snapshot is deleting"
IN_ERROR = "In error state"
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
}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ms|us|ns|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}


def seconds_of(duration: str) -> float:
    """A Go duration such as ``1m30s`` in seconds; 0 for a text that is none."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))


def is_ready(snapshot: Obj) -> bool:
    """Whether a snapshot can be restored."""
    return section(snapshot, "status").get("readyToUse") is True


def _metadata_of(obj: Obj) -> Obj:
    """The metadata as a content keeps it."""
    return {key: item for key, item in section(obj, "metadata").items() if key != "managedFields"}


class SnapshotController:
    """Takes snapshots; the VM as it was goes into a VirtualMachineSnapshotContent."""

    name = "snapshots"

    def __init__(self, client: Client, recorder: Recorder, pace: Pace) -> None:
        self._client = client
        self._recorder = recorder
        self._pace = pace
        self._timers = Timers(pace)
        self._waiting: dict[tuple[str, str], set[str]] = {}
        self._holders: dict[tuple[str, str], str] = {}

    def observe(self, change: Change) -> Iterable[Wish]:
        """Snapshots that changed, and unfinished ones whose VM appeared or whose claim is bound."""
        namespace, name = location(change.object)
        if change.type_key == SNAPSHOTS.qualified:
            woken = self._remember(change, namespace, name)
            return [(namespace, item, 0.0) for item in woken]
        if change.type_key == VIRTUAL_MACHINES.qualified and change.event == "ADDED":
            return [(namespace, item, 0.0) for item in self._waiting.get((namespace, name), ())]
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified and is_bound(change.object):
            return [
                (namespace, item, 0.0)
                for (where, _), waiting in self._waiting.items()
                if where == namespace
                for item in waiting
            ]
        return ()

    def _remember(self, change: Change, namespace: str, name: str) -> list[str]:
        """Notes whether a snapshot is unfinished; the snapshots to look at because of that."""
        place = (namespace, text(change.object, "spec", "source", "name"))
        waiting = self._waiting.setdefault(place, set())
        woken = [name] if change.event != "DELETED" else []
        if text(change.object, "status", "phase") not in FINISHED and woken:
            waiting.add(name)
            return woken
        waiting.discard(name)
        if self._holders.get(place) == name:
            del self._holders[place]
            woken += sorted(waiting)
        if not waiting:
            del self._waiting[place]
        return woken

    def _holder(self, place: tuple[str, str], name: str) -> str:
        """The other snapshot that is being taken of a VM; empty where this one may be taken."""
        if not self._pace.throttled:
            return ""
        holder = self._holders.setdefault(place, name)
        return holder if holder != name else ""

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Takes one snapshot a step further."""
        snapshot = self._client.read(SNAPSHOTS, namespace, name)
        if snapshot is None:
            return None
        if is_deleting(snapshot):
            self._let_go(snapshot)
            return None
        if text(snapshot, "status", "phase") in FINISHED:
            return None
        vm = self._client.read(
            VIRTUAL_MACHINES, namespace, text(snapshot, "spec", "source", "name")
        )
        if vm is None and not text(snapshot, "status", "virtualMachineSnapshotContentName"):
            self._write_in_progress(snapshot, "Source does not exist", {})
            return None
        holder = self._holder((namespace, text(snapshot, "spec", "source", "name")), name)
        if holder:
            reason = f'Source not locked snapshot "{holder}" in progress'
            self._write_in_progress(snapshot, reason, {})
            return None
        return self._take(snapshot, vm)

    def _take(self, snapshot: Obj, vm: Obj | None) -> Requeue | None:
        namespace, _ = location(snapshot)
        content_name = f"vmsnapshot-content-{text(snapshot, 'metadata', 'uid')}"
        content = self._client.read(SNAPSHOT_CONTENTS, namespace, content_name)
        if content is None:
            taken = as_snapshotted(self._client, vm or {})
            trouble = self._trouble(namespace, taken)
            if trouble is not None:
                return self._wait(snapshot, taken, trouble)
            content = self._create_content(snapshot, taken, content_name)
        source = section(content, "spec", "source", "virtualMachine")
        known: Obj = {
            "sourceUID": text(source, "metadata", "uid"),
            "virtualMachineSnapshotContentName": content_name,
        }
        indications = indications_of(vm) if vm else section(snapshot, "status").get("indications")
        if indications:
            known["indications"] = indications
            known["sourceIndications"] = [
                {"indication": item, "message": INDICATIONS[item]} for item in indications
            ]
        uid = text(snapshot, "metadata", "uid")
        error = error_of(self._client, content, vm)
        if error:
            known["error"] = self._error(snapshot, error)
            self._client.update_status(
                SNAPSHOT_CONTENTS, content, {"error": known["error"], "readyToUse": False}
            )
        needed = NEVER if error else self._driver_time(namespace, source)
        # What is never ready now may be later: no wait has begun that a timer could remember.
        ready_in = NEVER if needed == NEVER else self._timers.remaining(uid, needed)
        if ready_in <= 0:
            self._timers.forget(uid)
            self._succeed(snapshot, content, known)
            return None
        fails_in = self._deadline(snapshot, uid)
        if fails_in <= 0:
            self._fail(snapshot, known)
            return None
        self._write_in_progress(snapshot, "", known)
        wait = min(ready_in, fails_in)
        if error:
            wait = min(wait, max(self._pace.seconds(self._pace.freeze_retry), SETTLED_RETRY))
        return Requeue(wait) if wait < NEVER else None

    def _trouble(self, namespace: str, vm: Obj) -> str | None:
        """What a snapshot says of a VM that can't be taken now; None for one that can."""
        if missing_revision(self._client, namespace, section(vm, "spec")):
            return ""  # only virt-controller's log says it
        # The state would have to be in a claim, which the first start makes.
        return "Source not locked" if state_of(vm) == INITIALIZING else None

    def _wait(self, snapshot: Obj, vm: Obj, trouble: str) -> Requeue | None:
        """Tries again until the deadline, with nothing taken yet."""
        known = {"sourceUID": text(vm, "metadata", "uid")}
        fails_in = self._deadline(snapshot, text(snapshot, "metadata", "uid"))
        if fails_in <= 0:
            self._fail(snapshot, known)
            return None
        self._write_in_progress(snapshot, trouble, known)
        wait = min(fails_in, max(self._pace.seconds(self._pace.freeze_retry), SETTLED_RETRY))
        return Requeue(wait) if wait < NEVER else None

    def _error(self, snapshot: Obj, message: str) -> Obj:
        known = section(snapshot, "status", "error")
        if known.get("message") == message:
            return known
        return {"message": message, "time": self._client.now()}

    def _driver_time(self, namespace: str, vm: Obj) -> float:
        """How long the slowest driver needs, in seconds at speed 1; infinity if for ever."""
        times = {Snapshots.PROMPT: self._pace.snapshot, Snapshots.SLOW: self._pace.slow_snapshot}
        longest = self._pace.snapshot
        # A VolumeSnapshot has the VM's name as a label; one with a longer value is never made.
        labelled = len(text(vm, "metadata", "name")) <= LABEL_LIMIT
        for name in claims_of(vm).values():
            claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
            support = self._support(namespace, name)
            if support is not Snapshots.UNSUPPORTED:
                # A claim without a volume has nothing that its driver could snapshot.
                needed = times.get(support, NEVER) if is_bound(claim) and labelled else NEVER
                longest = max(longest, needed)
        return longest

    def _support(self, namespace: str, name: str) -> Snapshots:
        claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        return snapshots_of(claim, self._client) if claim else Snapshots.UNSUPPORTED

    def _deadline(self, snapshot: Obj, uid: str) -> float:
        given = text(snapshot, "spec", "failureDeadline")
        seconds = seconds_of(given) if given else self._pace.failure_deadline
        # A deadline of 0 means that the snapshot may take as long as it wants.
        return self._timers.remaining(f"{uid}/deadline", seconds) if seconds else NEVER

    def _create_content(self, snapshot: Obj, vm: Obj, name: str) -> Obj:
        namespace, snapshot_name = location(snapshot)
        uid = text(snapshot, "metadata", "uid")
        backups = [
            self._backup(namespace, volume, claim, f"vmsnapshot-{uid}-volume-{volume}")
            for volume, claim in claims_of(vm).items()
            if self._support(namespace, claim) is not Snapshots.UNSUPPORTED
        ]
        vm_name = text(vm, "metadata", "name")
        kept = renamed(section(vm, "spec"), vm_name, snapshot_name)
        spec: Obj = {
            "source": {"virtualMachine": {"metadata": _metadata_of(vm), "spec": kept}},
            "virtualMachineSnapshotName": snapshot_name,
        }
        if backups:
            spec["volumeBackups"] = backups
        content = self._client.create(
            SNAPSHOT_CONTENTS, {"metadata": {"name": name, "namespace": namespace}, "spec": spec}
        )
        copy_revisions(self._client, section(vm, "spec"), vm_name, content, snapshot_name)
        message = f"Successfully created VirtualMachineSnapshotContent {name}"
        self._recorder.normal(snapshot, "SuccessfulVirtualMachineSnapshotContentCreate", message)
        return content

    def _backup(self, namespace: str, volume: str, claim: str, snapshot: str) -> Obj:
        stored = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, claim) or {}
        kept = {"metadata": _metadata_of(stored), "spec": section(stored, "spec")}
        return {
            "persistentVolumeClaim": kept,
            "volumeName": volume,
            "volumeSnapshotName": snapshot,
        }

    def _write_in_progress(self, snapshot: Obj, trouble: str, known: Obj) -> None:
        if "error" in known:
            trouble = IN_ERROR
        reason = trouble or "Source locked and operation in progress"
        self._write(
            snapshot,
            {
                **known,
                "conditions": progressing_and_ready(
                    not trouble, False, reason, "Not ready", self._client.now()
                ),
                "phase": "InProgress",
                "readyToUse": False,
            },
        )

    def _fail(self, snapshot: Obj, known: Obj) -> None:
        now = self._client.now()
        reason = IN_ERROR if "error" in known else "Operation failed"
        pair = progressing_and_ready(False, False, reason, "Not ready", now)
        failure = condition("Failure", True, "snapshot deadline exceeded", now)
        self._write(
            snapshot,
            {**known, "conditions": [*pair, failure], "phase": "Failed", "readyToUse": False},
        )

    def _succeed(self, snapshot: Obj, content: Obj, known: Obj) -> None:
        now = self._client.now()
        done = {"creationTime": now, "readyToUse": True}
        self._client.update_status(SNAPSHOT_CONTENTS, content, done)
        vm = section(content, "spec", "source", "virtualMachine")
        included = [text(item, "volumeName") for item in content["spec"].get("volumeBackups", [])]
        excluded = [text(item, "name") for item in volumes_of(vm)]
        volumes = {
            "excludedVolumes": [item for item in excluded if item not in included],
            "includedVolumes": included,
        }
        status: Obj = {
            **known,
            **done,
            "conditions": progressing_and_ready(False, True, "Operation complete", "Ready", now),
            "phase": "Succeeded",
            "snapshotVolumes": {key: item for key, item in volumes.items() if item},
        }
        self._write(snapshot, status)

    def _write(self, snapshot: Obj, status: Obj) -> None:
        current = section(snapshot, "status").get("conditions")
        status["conditions"] = merged(current, status["conditions"])
        self._client.update_status(SNAPSHOTS, snapshot, status)

    def _let_go(self, snapshot: Obj) -> None:
        namespace, _ = location(snapshot)
        content = text(snapshot, "status", "virtualMachineSnapshotContentName")
        if content and section(snapshot, "spec").get("deletionPolicy") != "Retain":
            self._client.delete(SNAPSHOT_CONTENTS, namespace, content)
        self._timers.forget(text(snapshot, "metadata", "uid"))
        status = section(snapshot, "status")
        progressing = condition("Progressing", False, DELETING, self._client.now())
        status = {**status, "conditions": updated(status.get("conditions"), [progressing])}
        written = self._client.update_status(SNAPSHOTS, snapshot, status)
        self._client.release(SNAPSHOTS, written, SNAPSHOT_FINALIZER)
