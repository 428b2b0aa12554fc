"""Each cause that a clone can stop for, and how it is brought about in the sandbox."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kubevirt_sandbox.kubevirt.pace import NEVER, Pace
from kubevirt_sandbox.storage.status import denied
from kubevirt_sandbox.storage.webhooks import AdmissionRequest
from tests.sandbox.world import (
    CLAIMS,
    CLONES,
    NAMESPACE,
    RESTORES,
    SNAPSHOTS,
    VMS,
    VOLUME_SNAPSHOTS,
    a_snapshot,
)

from .stage import PATIENCE, Obj, Stage

AT_ONCE = float("inf")
EVENTS = "events"
DELETED = "DELETED"
Act = Callable[[Stage], None]


def _nothing(stage: Stage) -> None:
    """Nothing has to be done."""


@dataclass(frozen=True)
class Case:
    """One way to get one cause. ``shown``: the type of the object that shows it first, and how.

    ``before`` is done while the controllers stand still and the clone is not there yet; ``after``
    while the program waits. ``ready``: KubeVirt says Ready=True all the same. ``audience``: 2 where
    kubectl has to watch, too, before anything happens. Where there is no ``source``, it is
    ``before`` that makes the clone.
    """

    cause: str
    how: str
    shown: tuple[str, str]
    final: bool = False
    source: str = "vm-cirros"
    target: str = "t"
    spec: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    before: Act = _nothing
    after: Act = _nothing
    goal: str = "phase=Succeeded"
    ready: bool = False
    audience: int = 1
    patience: float = PATIENCE

    @property
    def met(self) -> bool:
        """Whether the goal is reached, for what looks like a failure is none."""
        return not self.cause


def pace(**waits: float) -> Mapping[str, Any]:
    return {"pace": Pace(speed=AT_ONCE, **waits)}


def _ready_snapshot_of_an_unfit_volume(stage: Stage) -> None:
    stage.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-pvc"))
    stage.step()


def _delete_first(type_key: str) -> Act:
    def act(stage: Stage) -> None:
        clone = stage.get(CLONES, "c")["metadata"]["uid"]

        def names() -> list[str]:
            found = (obj["metadata"]["name"] for obj in stage.all(type_key))
            return [name for name in found if name.endswith(clone)]

        field_ = "restoreName" if type_key == RESTORES else "snapshotName"
        stage.until(lambda: field_ in stage.get(CLONES, "c").get("status", {}) and names())
        stage.delete(type_key, names()[0])

    return act


def _bind_the_sources_volume(stage: Stage) -> None:
    claim = stage.get(CLAIMS, "disk-good")
    claim["spec"]["volumeName"] = "pvc-1"
    stage.registry.update(CLAIMS, NAMESPACE, "disk-good", claim)
    stage.step()


def _fail_and_forget_why(stage: Stage) -> None:
    """Let a new sync overwrite the conditions of a Failed clone, and its events expire."""
    stage.clone("c", "vm-tpm", "t")
    stage.step()
    vm = stage.get(VMS, "vm-tpm")
    del vm["spec"]["template"]["spec"]["domain"]["devices"]["tpm"]
    stage.registry.update(VMS, NAMESPACE, "vm-tpm", vm)
    clone = stage.get(CLONES, "c")
    clone["metadata"]["annotations"] = {"touch": "1"}
    stage.registry.update(CLONES, NAMESPACE, "c", clone)
    stage.step()
    for event in stage.all(EVENTS):
        stage.delete(EVENTS, event["metadata"]["name"])


def _claim_by_another(stage: Stage) -> None:
    stage.clone("first", "vm-cirros", "t")
    stage.step()


def _delete_the_clone(stage: Stage) -> None:
    # When kubectl watches, it looks once more whether the object is there: that is no matter here.
    # As long as all took until now, it takes a tenth of a second, on this machine, with its load.
    time.sleep(stage.age)
    stage.delete(CLONES, "c")


def _delete_the_target(stage: Stage) -> None:
    stage.until(lambda: stage.get(CLONES, "c").get("status", {}).get("phase") == "Succeeded")
    stage.until(lambda: stage.kubectl_has_ended)
    stage.delete(VMS, "t")


def _lose_the_volumes_of_a_snapshot(stage: Stage) -> None:
    _bind_the_sources_volume(stage)
    stage.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-data"))
    stage.step()
    for volume in stage.all(VOLUME_SNAPSHOTS):
        stage.delete(VOLUME_SNAPSHOTS, volume["metadata"]["name"])
    stage.step()


class Freeze:
    """Somebody's webhook that refuses to have such objects created."""

    def __init__(self, type_key: str) -> None:
        self._type_key = type_key

    def mutate(self, request: AdmissionRequest) -> Obj:
        return request.object

    def validate(self, request: AdmissionRequest) -> None:
        if (request.type_key, request.operation) == (self._type_key, "CREATE"):
            raise denied("vms.freeze.example.com", "the change freeze lasts until Monday")


def _freeze(type_key: str) -> Act:
    def act(stage: Stage) -> None:
        stage.registry.admission.append(Freeze(type_key))

    return act


def _rename_the_target(stage: Stage) -> None:
    """Leave a clone behind as KubeVirt does whose spec was changed while it was restored."""
    clone = stage.clone("c", "vm-cirros", "other")
    clone["status"] = {"phase": "CreatingTargetVM", "targetName": "t"}
    stage.registry.update(CLONES, NAMESPACE, "c", clone, subresource="status")


def _make_a_claim(stage: Stage) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claim = {"metadata": {"name": "t-data", "namespace": NAMESPACE}, "spec": spec}
    stage.registry.create(CLAIMS, NAMESPACE, claim)


FREEZE = "command Freeze failed"
CASES = (
    Case(
        "controller-silent",
        "virt-controller does not run",
        ("", ""),
        options={"faults": ["no-controller"]},
    ),
    Case(
        "source-missing",
        "the source VM does not exist",
        (CLONES, "Source doesnt exist"),
        source="nosuch",
    ),
    Case(
        "volume-not-snapshottable",
        "a volume's storage class has no snapshot class",
        (CLONES, "does not support snapshots"),
        source="vm-pvc",
    ),
    Case(
        "volume-unknown",
        "KubeVirt does not know yet whether a volume can be snapshotted",
        (CLONES, "snapshot support unknown"),
        source="vm-data",
        options=pace(vm_status=NEVER),
    ),
    Case(
        "backend-storage",
        "the source has a persistent TPM",
        (CLONES, '"Failed"'),
        final=True,
        source="vm-tpm",
    ),
    Case(
        "clone-failed",
        "it failed long ago: its conditions were overwritten, its events have expired",
        ("", ""),
        final=True,
        source="",
        before=_fail_and_forget_why,
    ),
    Case(
        "content-invalid",
        "the source snapshot lacks a volume of its VM",
        (CLONES, '"Failed"'),
        final=True,
        source="vmsnapshot/s",
        before=_ready_snapshot_of_an_unfit_volume,
    ),
    Case(
        "snapshot-failed",
        "the source snapshot has failed",
        (CLONES, "SnapshotInProgress"),
        final=True,
        source="vmsnapshot/snap-3",
    ),
    Case(
        "snapshot-failed",
        "the storage driver has no room until the snapshot's deadline",
        (SNAPSHOTS, '"phase": "Failed"'),
        final=True,
        source="vm-full",
    ),
    Case(
        "snapshot-gone",
        "the VolumeSnapshots of the source snapshot were deleted",
        (CLONES, "SnapshotInProgress"),
        final=True,
        source="vmsnapshot/s",
        before=_lose_the_volumes_of_a_snapshot,
    ),
    Case(
        "snapshot-refused",
        "somebody's webhook refuses the temporary snapshot",
        (CLONES, "SnapshotInProgress"),
        before=_freeze(SNAPSHOTS),
    ),
    Case(
        "snapshot-waiting",
        "the guest can't be frozen",
        (SNAPSHOTS, FREEZE),
        source="vm-freeze",
        options=pace(failure_deadline=NEVER),
    ),
    Case(
        "snapshot-deleted",
        "the temporary snapshot is deleted",
        (SNAPSHOTS, DELETED),
        final=True,
        source="vm-slow",
        options=pace(slow_snapshot=NEVER),
        after=_delete_first(SNAPSHOTS),
    ),
    Case(
        "restore-refused",
        "the new serial has a colon, which the restore's webhook refuses",
        (EVENTS, "RestoreCreationFailed"),
        final=True,
        spec={"newSMBiosSerial": "a:b"},
    ),
    Case(
        "restore-pending",
        "somebody's webhook refuses the temporary restore",
        (EVENTS, "RestoreCreationFailed"),
        before=_freeze(RESTORES),
    ),
    Case(
        "restore-pending",
        "somebody's webhook refuses the target",
        (RESTORES, "denied the request"),
        before=_freeze(VMS),
    ),
    Case(
        "",
        "the restore is refused once, for it is in progress already",
        (CLONES, '"Succeeded"'),
        options={"faults": ["stale-cache"]},
        ready=True,
    ),
    Case(
        "target-claimed",
        "another clone is restoring to the same target",
        (EVENTS, "in progress"),
        options=pace(restore=NEVER),
        before=_claim_by_another,
    ),
    Case(
        "target-claimed",
        "another clone has made the target",
        (RESTORES, "already exists"),
        final=True,
        before=_claim_by_another,
    ),
    Case(
        "target-changed",
        "the clone's target was renamed while it was restored",
        ("", ""),
        final=True,
        source="",
        options={"faults": ["no-controller"]},
        before=_rename_the_target,
    ),
    Case(
        "target-exists",
        "the target VM exists",
        (RESTORES, "already exists"),
        final=True,
        target="taken",
    ),
    Case(
        "target-running",
        "the target VM exists and runs",
        (RESTORES, "powered off"),
        final=True,
        target="run-1",
        options=pace(power_off_grace=NEVER),
    ),
    Case(
        "not-cloned",
        "the target VM exists and runs, and KubeVirt's patience is over",
        (CLONES, '"Succeeded"'),
        final=True,
        target="run-1",
        ready=True,
    ),
    Case(
        "claim-not-cloned",
        "PrefixTargetName, and a claim of the target's name is there already",
        (CLONES, '"Succeeded"'),
        final=True,
        source="vm-data",
        spec={"volumeNamePolicy": "PrefixTargetName"},
        before=_make_a_claim,
        ready=True,
    ),
    Case(
        "restore-failing",
        "a patch removes what is not there",
        (RESTORES, "/spec/nosuch"),
        final=True,
        spec={"patches": ['{"op": "remove", "path": "/spec/nosuch"}']},
    ),
    Case(
        "restore-deleted",
        "the temporary restore is deleted",
        (RESTORES, DELETED),
        final=True,
        options=pace(restore=NEVER),
        after=_delete_first(RESTORES),
    ),
    Case(
        "clone-deleted",
        "the clone is deleted before it has succeeded",
        (CLONES, DELETED),
        final=True,
        source="nosuch",
        after=_delete_the_clone,
        audience=2,
    ),
    Case(
        "first-consumer",
        "the storage class binds a volume only when a VM needs it",
        (CLONES, '"Succeeded"'),
        source="vm-later",
        goal="volumes-bound",
        ready=True,
    ),
    Case(
        "volume-unbound",
        "the storage driver does not make the new volume",
        (CLAIMS, "restore-"),
        source="vm-data",
        options=pace(bind=NEVER),
        before=_bind_the_sources_volume,
        goal="volumes-bound",
        patience=2.0,
    ),
    Case(
        "",
        "the target is deleted after the clone has succeeded, and the clone with it",
        (CLONES, DELETED),
        after=_delete_the_target,
        audience=2,
        ready=True,
    ),
    Case(
        "clone-deleted",
        "the target is deleted before its volumes are bound, and the clone with it",
        (CLONES, DELETED),
        final=True,
        source="vm-later",
        goal="volumes-bound",
        after=_delete_the_target,
        audience=2,
        ready=True,
    ),
)
