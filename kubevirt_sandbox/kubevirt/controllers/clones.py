"""The clone controller: VirtualMachineClones from creation to Succeeded, Failed or stuck.

The state machine and its texts; what a target looks like is in ``targets`` and ``restored_vm``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.controllers.clone_sources import (
    Clone,
    SourceTrouble,
    find_content_trouble,
    find_trouble,
)
from kubevirt_sandbox.kubevirt.controllers.clone_watch import RESTORE_PREFIX, CloneWatch
from kubevirt_sandbox.kubevirt.controllers.conditions import merged, progressing_and_ready
from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.restores import is_progressing
from kubevirt_sandbox.kubevirt.controllers.snapshots import is_ready
from kubevirt_sandbox.kubevirt.controllers.targets import restore_patches
from kubevirt_sandbox.kubevirt.controllers.volumes import is_bound
from kubevirt_sandbox.kubevirt.objects import Obj, entries, is_deleting, section, text
from kubevirt_sandbox.kubevirt.resources import (
    CLONES,
    PERSISTENT_VOLUME_CLAIMS,
    RESTORES,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    Resource,
)
from kubevirt_sandbox.storage.status import ApiError

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.releases import Release
    from kubevirt_sandbox.storage.store import Change


@dataclass
class Step:
    """One pass over one clone: what it was and what its status becomes."""

    clone: Clone
    status: Obj
    stuck: bool = False

    @property
    def phase(self) -> str:
        """The phase as far as this pass has come; empty before the first."""
        return text(self.status, "phase")

    @property
    def restore_is_new(self) -> bool:
        """Whether this pass has created the restore."""
        return "restoreName" in self.status and "restoreName" not in self.clone.status


class CloneController:
    """Moves clones along: snapshot, restore, target, and the end of the temporary objects."""

    name = "clones"

    def __init__(
        self,
        client: Client,
        recorder: Recorder,
        watch: CloneWatch,
        release: Release,
        cache_lags: Callable[[], bool],
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._watch = watch
        self._release = release
        self._cache_lags = cache_lags

    def observe(self, change: Change) -> Iterable[Wish]:
        """The clones that a change concerns."""
        return self._watch.observe(change)

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Takes one clone as far as it can go now, and writes its status once."""
        touched = self._watch.take_touched(namespace, name)
        obj = self._client.read(CLONES, namespace, name)
        if obj is None or is_deleting(obj):
            return None
        step = Step(Clone(obj), dict(section(obj, "status")))
        if step.phase == "Succeeded" and not touched:
            self._finish_volumes(step)
            return self._write(step)
        if step.status.get("targetName") and self._target(step) is None:
            self._client.delete(CLONES, namespace, name)
            return None
        trouble = find_trouble(self._client, step.clone, self._release)
        if trouble:
            self._report(step, trouble)
        else:
            self._still_processing(step)
            self._advance(step)
        if step.phase == "Succeeded":
            self._succeed(step)
        answer = self._write(step)
        if self._cache_lags() and step.restore_is_new:
            # Looked at once more as it was before: a restore by this name is refused, for it is
            # there and in progress. Nothing comes of it but an event.
            self._advance(Step(Clone(obj), dict(section(obj, "status"))))
        return answer

    def _report(self, step: Step, trouble: SourceTrouble) -> None:
        self._recorder.normal(step.clone.obj, trouble.event, trouble.sentence)
        if trouble.told:
            reason = "Failed" if trouble.final else "Pending"
            self._set_conditions(step, False, False, reason, trouble.sentence)
        else:
            self._still_processing(step)
            step.stuck = True
        if trouble.final:
            step.status["phase"] = "Failed"

    def _advance(self, step: Step) -> None:
        """Passes through as many phases as are done already, in one go."""
        if step.phase in ("", "SnapshotInProgress"):
            self._take_snapshot(step)
        if step.phase == "RestoreInProgress":
            self._restore(step)
        if step.phase == "CreatingTargetVM":
            self._find_target(step)

    def _take_snapshot(self, step: Step) -> None:
        clone = step.clone
        first = step.phase == ""
        step.status["phase"] = "SnapshotInProgress"
        if clone.from_snapshot:
            snapshot_name = clone.source_name
        elif first or not step.status.get("snapshotName"):
            self._create_snapshot(step)
            return
        else:
            snapshot_name = step.status["snapshotName"]
        snapshot = self._client.read(SNAPSHOTS, clone.namespace, snapshot_name)
        if snapshot is None:
            # Deleted by somebody else: it is never taken again.
            step.stuck = True
        elif is_ready(snapshot):
            trouble = None
            if self._release.waits_for_source:
                trouble = find_content_trouble(self._client, clone, snapshot)
            if trouble:
                self._report(step, trouble)
                return
            message = f"snapshot {snapshot_name} for clone {clone.name} is ready to use"
            self._recorder.normal(clone.obj, "SnapshotReady", message)
            step.status["phase"] = "RestoreInProgress"

    def _create_snapshot(self, step: Step) -> None:
        clone = step.clone
        name = f"tmp-snapshot-{clone.uid}"
        source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": clone.source_name}
        if self._create_child(step, SNAPSHOTS, name, {"source": source}) is None:
            message = f"created snapshot {name} for clone {clone.name}"
            self._recorder.normal(clone.obj, "SnapshotCreated", message)
            step.status["snapshotName"] = name

    def _restore(self, step: Step) -> None:
        clone = step.clone
        snapshot_name = step.status.get("snapshotName") or clone.source_name
        if self._client.read(SNAPSHOTS, clone.namespace, snapshot_name) is None:
            sentence = f"snapshot {snapshot_name} does not exist anymore"
            self._report(step, SourceTrouble("SnapshotDeleted", sentence, final=True))
            return
        if not step.status.get("restoreName"):
            self._create_restore(step)
            return
        name = step.status["restoreName"]
        restore = self._client.read(RESTORES, clone.namespace, name)
        if restore is None:
            step.stuck = True
        elif section(restore, "status") and not is_progressing(restore):
            message = f"restore {name} for clone {clone.name} is ready to use"
            self._recorder.normal(clone.obj, "RestoreReady", message)
            step.status["phase"] = "CreatingTargetVM"

    def _create_restore(self, step: Step) -> None:
        clone = step.clone
        name = f"{RESTORE_PREFIX}{clone.uid}"
        snapshot_name = step.status.get("snapshotName") or clone.source_name
        spec = {
            "target": clone.spec.get("target"),
            "targetReadinessPolicy": "WaitGracePeriod",
            "virtualMachineSnapshotName": snapshot_name,
        }
        patches = restore_patches(self._source_of(clone.namespace, snapshot_name), clone.spec)
        if patches:
            spec["patches"] = patches
        if clone.spec.get("volumeNamePolicy"):
            spec["volumeRestorePolicy"] = clone.spec["volumeNamePolicy"]
        refusal = self._create_child(step, RESTORES, name, spec)
        if refusal is None:
            message = f"created restore {name} for clone {clone.name}"
            self._recorder.normal(clone.obj, "RestoreCreated", message)
            step.status["restoreName"] = name
        else:
            message = f"failed creating restore {name} for clone {clone.name}: {refusal}"
            self._recorder.warning(clone.obj, "RestoreCreationFailed", message)

    def _source_of(self, namespace: str, snapshot_name: str) -> Obj:
        """The VM as it was when the snapshot was taken."""
        snapshot = self._client.read(SNAPSHOTS, namespace, snapshot_name) or {}
        content_name = text(snapshot, "status", "virtualMachineSnapshotContentName")
        content = self._client.read(SNAPSHOT_CONTENTS, namespace, content_name)
        return section(content, "spec", "source", "virtualMachine")

    def _create_child(
        self, step: Step, resource: Resource, name: str, spec: Obj
    ) -> ApiError | None:
        """Creates a temporary object of the clone; the refusal, when there was one."""
        clone = step.clone
        owner = {
            "apiVersion": self._release.clone_api_version,
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": CLONES.kind,
            "name": clone.name,
            "uid": clone.uid,
        }
        metadata = {"name": name, "namespace": clone.namespace, "ownerReferences": [owner]}
        try:
            self._client.create(resource, {"metadata": metadata, "spec": spec})
        except ApiError as refusal:
            # There already: the status of an earlier pass was not written.
            if refusal.code == HTTPStatus.CONFLICT:
                return None
            step.stuck = True
            return refusal
        return None

    def _find_target(self, step: Step) -> None:
        clone = step.clone
        vm = self._target(step)
        if vm is None:
            step.stuck = True
            return
        name = text(vm, "metadata", "name")
        message = f"created target VM {name} for clone {clone.name}"
        self._recorder.normal(clone.obj, "TargetVMCreated", message)
        step.status["targetName"] = name
        step.status["phase"] = "Succeeded"

    def _target(self, step: Step) -> Obj | None:
        name = step.status.get("targetName") or step.clone.target_name
        return self._client.read(VIRTUAL_MACHINES, step.clone.namespace, name)

    def _succeed(self, step: Step) -> None:
        # KubeVirt sets "Still processing" first and "Ready" after it in each pass over a
        # finished clone: the time of the transition is that of the last pass.
        step.status["conditions"] = progressing_and_ready(
            False, True, "Ready", "Ready", self._client.now()
        )
        self._finish_volumes(step)

    def _finish_volumes(self, step: Step) -> None:
        """Deletes the temporary objects once every restored claim has its volume."""
        clone = step.clone
        restore_name = step.status.get("restoreName")
        if not restore_name:
            return
        restore = self._client.read(RESTORES, clone.namespace, restore_name)
        for item in entries(restore, "status", "restores"):
            claim_name = text(item, "persistentVolumeClaim")
            claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, clone.namespace, claim_name)
            if claim is not None and not is_bound(claim):
                return
        self._recorder.normal(clone.obj, "PVCBound", f"all PVC for clone {clone.name} are bound")
        self._client.delete(RESTORES, clone.namespace, restore_name)
        if step.status.get("snapshotName"):
            self._client.delete(SNAPSHOTS, clone.namespace, step.status["snapshotName"])
        step.status.pop("restoreName", None)
        step.status.pop("snapshotName", None)

    def _set_conditions(
        self, step: Step, progressing: bool, ready: bool, progress: str, reason: str
    ) -> None:
        wanted = progressing_and_ready(progressing, ready, progress, reason, self._client.now())
        step.status["conditions"] = merged(step.status.get("conditions"), wanted)

    def _still_processing(self, step: Step) -> None:
        self._set_conditions(step, True, False, "Still processing", "Still processing")

    def _write(self, step: Step) -> Requeue | None:
        if step.status != step.clone.obj.get("status"):
            written = self._client.update_status(CLONES, step.clone.obj, step.status)
            self._watch.written(written)
        return Requeue() if step.stuck else None
