"""The restore controller: a VirtualMachineRestore from its creation to complete, stuck or failed.

What a restored VM looks like is in ``restored_vm``; ``clones`` creates restores.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.admission.restore_webhooks import RESTORE_FINALIZER
from kubevirt_sandbox.kubevirt.controllers.conditions import (
    condition,
    merged,
    progressing_and_ready,
    updated,
)
from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.restored_vm import (
    claim_names,
    claims_of_the_source,
    data_volume_names,
    new_target,
    overwritten_target,
    owned_by,
    restored_backups,
    restored_claim,
    was_restored_by,
)
from kubevirt_sandbox.kubevirt.controllers.snapshots import is_ready
from kubevirt_sandbox.kubevirt.controllers.volumes import RESTORE_NAME, is_bound, waits_for_consumer
from kubevirt_sandbox.kubevirt.go_json_patch import PatchError
from kubevirt_sandbox.kubevirt.objects import (
    Obj,
    annotations_of,
    entries,
    is_deleting,
    location,
    owner_uid,
    section,
    text,
)
from kubevirt_sandbox.kubevirt.pace import Pace, Timers
from kubevirt_sandbox.kubevirt.resources import (
    PERSISTENT_VOLUME_CLAIMS,
    RESTORES,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    VOLUME_SNAPSHOTS,
)
from kubevirt_sandbox.kubevirt.revisions import copy_revisions
from kubevirt_sandbox.kubevirt.run_strategy import is_started
from kubevirt_sandbox.storage.status import ApiError

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.releases import Release
    from kubevirt_sandbox.storage.store import Change

DELETING = "VM restore is deleting"
TARGET_EXISTS = "restore source and restore target are different but restore target already exists"
TARGET_RUNS = (
    "Waiting for target VM to be powered off. Please stop the restore target to proceed with "
    "restore, or the operation will fail after 5m0s"
)
TARGET_RUNS_EVENT = (
    "Restore target VMI still exists, please stop the restore target to proceed with restore"
)
GRACE_PASSED = (
    "Restore target failed to be ready within 5m0s. Please power off the target VM before "
    "attempting restore"
)


class RestoreError(Exception):
    """Why a restore can't go on, as its conditions and its event say it; it is tried again."""


def is_progressing(restore: Obj) -> bool:
    """Whether a restore is neither complete nor failed: its clone has to wait."""
    if section(restore, "status").get("complete"):
        return False
    return not any(
        item.get("type") == "Failure" and item.get("status") == "True"
        for item in entries(restore, "status", "conditions")
    )


class RestoreController:
    """Makes target VMs of snapshots, or writes a snapshot over its own VM."""

    name = "restores"

    def __init__(self, client: Client, recorder: Recorder, pace: Pace, release: Release) -> None:
        self._client = client
        self._release = release
        self._recorder = recorder
        self._pace = pace
        self._timers = Timers(pace)
        self._held_up: dict[tuple[str, str], set[str]] = {}

    def observe(self, change: Change) -> Iterable[Wish]:
        """Restores that changed, and those that wait for a claim or for a VM to stop."""
        namespace, name = location(change.object)
        if change.type_key == RESTORES.qualified and change.event != "DELETED":
            return [(namespace, name, 0.0)]
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified:
            restore = annotations_of(change.object).get(RESTORE_NAME)
            return [(namespace, str(restore), 0.0)] if restore else ()
        if change.type_key != VIRTUAL_MACHINES.qualified:
            return ()
        if change.event == "DELETED" or not is_started(change.object):
            waiting = self._held_up.pop((namespace, name), ())
            return [(namespace, item, 0.0) for item in sorted(waiting)]
        return ()

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Takes one restore a step further."""
        restore = self._client.read(RESTORES, namespace, name)
        if restore is None:
            return None
        uid = text(restore, "metadata", "uid")
        if is_deleting(restore):
            self._timers.forget(f"{uid}/grace")
            self._let_go(restore)
            return None
        if not is_progressing(restore):
            return None
        left = self._timers.remaining(uid, self._pace.restore)
        if left > 0:
            self._write_pair(restore, True, "Initializing VirtualMachineRestore")
            return Requeue(left)
        try:
            return self._restore(restore)
        except (RestoreError, PatchError) as error:
            return self._report(restore, str(error))
        except ApiError as error:
            if error.code == HTTPStatus.CONFLICT:
                raise
            return self._report(restore, str(error))

    def _let_go(self, restore: Obj) -> None:
        status = section(restore, "status")
        pair = progressing_and_ready(False, False, DELETING, DELETING, self._client.now())
        status = {**status, "conditions": updated(status.get("conditions"), pair)}
        written = self._client.update_status(RESTORES, restore, status)
        self._client.release(RESTORES, written, RESTORE_FINALIZER)

    def _restore(self, restore: Obj) -> Requeue | None:
        namespace, _ = location(restore)
        content = self._content(restore)
        target = self._client.read(
            VIRTUAL_MACHINES, namespace, text(restore, "spec", "target", "name")
        )
        if target is not None and not was_restored_by(target, restore):
            if is_started(target):
                return self._wait_for_power_off(restore, target)
            source = section(content, "spec", "source", "virtualMachine")
            if text(source, "metadata", "uid") != text(target, "metadata", "uid"):
                raise RestoreError(TARGET_EXISTS)
        claims = self._restores_of(restore, content)
        if section(restore, "status").get("restores", []) != claims:
            restore = self._wait_for_claims(restore, claims)
        if not self._provide(restore, content, claims):
            self._wait_for_claims(restore, claims)
            return self._look_again(restore, claims)
        if target is None or not was_restored_by(target, restore):
            self._write_target(restore, content, target)
            updating = ("Updating target spec", "Waiting for target update", self._client.now())
            self._write(restore, progressing_and_ready(True, False, *updating))
            return Requeue(self._pace.seconds(self._pace.target_update))
        self._complete(restore)
        return None

    def _wait_for_claims(self, restore: Obj, claims: list[Obj]) -> Obj:
        waiting = ("Creating new PVCs", "Waiting for new PVCs", self._client.now())
        conditions = progressing_and_ready(True, False, *waiting)
        return self._write(restore, conditions, {"restores": claims})

    def _look_again(self, restore: Obj, claims: list[Obj]) -> Requeue | None:
        """Nobody tells a restore that a claim of somebody else's is bound now."""
        namespace, name = location(restore)
        names = [text(item, "persistentVolumeClaim") for item in claims]
        found = [self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, item) for item in names]
        own = all(annotations_of(item or {}).get(RESTORE_NAME) == name for item in found)
        return None if own else Requeue()

    def _write_target(self, restore: Obj, content: Obj, target: Obj | None) -> None:
        if target is None:
            target = self._client.create(VIRTUAL_MACHINES, new_target(restore, content))
            spec = section(content, "spec", "source", "virtualMachine", "spec")
            snapshot_name = text(content, "spec", "virtualMachineSnapshotName")
            copy_revisions(self._client, spec, snapshot_name, target, location(target)[1])
        else:
            overwritten = overwritten_target(restore, content, target)
            target = self._client.update(VIRTUAL_MACHINES, overwritten)
        self._give_claims(restore, content, target)

    def _content(self, restore: Obj) -> Obj:
        namespace, _ = location(restore)
        name = text(restore, "spec", "virtualMachineSnapshotName")
        snapshot = self._client.read(SNAPSHOTS, namespace, name)
        if snapshot is None:
            raise RestoreError(f"VMSnapshot {namespace}/{name} does not exist")
        if not is_ready(snapshot):
            raise RestoreError(f"VirtualMachineSnapshot {namespace}/{name} not ready")
        content_name = text(snapshot, "status", "virtualMachineSnapshotContentName")
        content = self._client.read(SNAPSHOT_CONTENTS, namespace, content_name)
        if content is None:
            raise RestoreError(f"VMSnapshotContent {namespace}/{content_name} does not exist")
        return content

    def _restores_of(self, restore: Obj, content: Obj) -> list[Obj]:
        """``status.restores``: the claims that there are to be."""
        names, templates = claim_names(restore, content), data_volume_names(content)
        restored = []
        for backup in restored_backups(content):
            volume = text(backup, "volumeName")
            data_volume = {"dataVolumeName": names[volume]} if volume in templates else {}
            restored.append(
                {
                    **data_volume,
                    "persistentVolumeClaim": names[volume],
                    "volumeName": volume,
                    "volumeSnapshotName": text(backup, "volumeSnapshotName"),
                }
            )
        return restored

    def _provide(self, restore: Obj, content: Obj, claims: list[Obj]) -> bool:
        """Makes the claims that are not there; whether all have a volume, or will get one.

        One that is there by its name is taken as it is, whoever made it of whatever.
        """
        namespace, _ = location(restore)
        provided = True
        for item, backup in zip(claims, restored_backups(content), strict=True):
            name = text(item, "persistentVolumeClaim")
            claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
            if claim is None:
                self._create_claim(restore, content, backup, name)
                provided = False
            elif not is_bound(claim):
                provided = self._will_be_bound(claim) and provided
        return provided

    def _create_claim(self, restore: Obj, content: Obj, backup: Obj, name: str) -> None:
        snapshot = text(backup, "volumeSnapshotName")
        if self._client.read(VOLUME_SNAPSHOTS, location(restore)[0], snapshot) is None:
            raise RestoreError(f"missing volumeSnapshot {snapshot}")
        marked = self._release.marks_claims
        claim = restored_claim(restore, content, backup, name, marked=marked)
        self._client.create(PERSISTENT_VOLUME_CLAIMS, claim)

    def _will_be_bound(self, claim: Obj) -> bool:
        """Whether a claim without a volume gets one as soon as the target starts."""
        try:
            return waits_for_consumer(claim, self._client)
        except ValueError as error:
            raise RestoreError(str(error)) from error

    def _give_claims(self, restore: Obj, content: Obj, target: Obj) -> None:
        """Makes the target own its claims where the source owns the ones they were taken from."""
        namespace, name = location(restore)
        names = claim_names(restore, content)
        for volume in sorted(claims_of_the_source(content)):
            claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, names[volume])
            made_here = annotations_of(claim or {}).get(RESTORE_NAME) == name
            if claim is not None and made_here and not owner_uid(claim):
                self._client.update(PERSISTENT_VOLUME_CLAIMS, owned_by(target, claim))

    def _wait_for_power_off(self, restore: Obj, target: Obj) -> Requeue | None:
        """Waits, or fails when five minutes have passed.

        No timer: KubeVirt 1.9 looks at the clock only when something else makes it look at the
        restore, so that a forgotten one may wait for much longer.
        """
        uid = text(restore, "metadata", "uid")
        waiting = any(
            item.get("reason") == TARGET_RUNS for item in entries(restore, "status", "conditions")
        )
        left = self._timers.remaining(f"{uid}/grace", self._pace.power_off_grace)
        if waiting and left <= 0:
            self._fail(restore, GRACE_PASSED)
            return None
        self._held_up.setdefault(location(target), set()).add(text(restore, "metadata", "name"))
        self._write_pair(restore, False, TARGET_RUNS)
        self._recorder.warning(restore, "RestoreTargetNotReady", TARGET_RUNS_EVENT)
        return None

    def _fail(self, restore: Obj, why: str) -> None:
        now = self._client.now()
        pair = progressing_and_ready(False, False, "Operation failed", "Operation failed", now)
        self._write(restore, [*pair, condition("Failure", True, why, now)])
        self._recorder.warning(restore, "Operation failed", f"VirtualMachineRestore failed {why}")

    def _report(self, restore: Obj, message: str) -> Requeue:
        sentence = f"VirtualMachineRestore encountered error {message}"
        self._write_pair(restore, False, message)
        self._recorder.warning(restore, "VirtualMachineRestoreError", sentence)
        return Requeue()

    def _complete(self, restore: Obj) -> None:
        now = self._client.now()
        name = text(restore, "metadata", "name")
        done = "Operation complete"
        conditions = progressing_and_ready(False, True, done, done, now)
        self._write(restore, conditions, {"complete": True, "restoreTime": now})
        self._timers.forget(text(restore, "metadata", "uid"))
        message = f"Successfully completed VirtualMachineRestore {name}"
        self._recorder.normal(restore, "VirtualMachineRestoreComplete", message)

    def _write_pair(self, restore: Obj, progressing: bool, reason: str) -> None:
        now = self._client.now()
        self._write(restore, progressing_and_ready(progressing, False, reason, reason, now))

    def _write(self, restore: Obj, conditions: list[Obj], fields: Obj | None = None) -> Obj:
        current = section(restore, "status")
        status = {**current, "complete": False, **(fields or {})}
        status["conditions"] = merged(current.get("conditions"), conditions)
        return self._client.update_status(RESTORES, restore, status)
