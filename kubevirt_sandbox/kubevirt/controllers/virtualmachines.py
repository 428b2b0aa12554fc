"""The VM controller: a VM's status, and the end of a VM.

There are no nodes: a started VM says Starting for ever, and its instance is never scheduled.
Only one that was brought along with a guest agent is running.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.admission.vm_webhooks import FINALIZER
from kubevirt_sandbox.kubevirt.controllers.clone_sources import has_backend_storage
from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.volumes import snapshot_statuses, snapshotted_claims_of
from kubevirt_sandbox.kubevirt.instances import (
    INSTANCES,
    instance_of,
    phase_of,
    plugged,
    unplugged,
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
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace, Timers
from kubevirt_sandbox.kubevirt.resources import (
    KUBEVIRT_NAME,
    KUBEVIRT_NAMESPACE,
    KUBEVIRTS,
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    VIRTUAL_MACHINES,
)
from kubevirt_sandbox.kubevirt.revisions import (
    MissingError,
    found_references,
    keep_start,
    started_with,
    with_preference,
)
from kubevirt_sandbox.kubevirt.run_strategy import is_started, run_strategy_of
from kubevirt_sandbox.kubevirt.tracking import INITIALIZING, is_selected, next_state

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change


class VirtualMachineController:
    """Keeps the status of VMs."""

    name = "virtualmachines"

    def __init__(self, client: Client, recorder: Recorder, pace: Pace) -> None:
        self._client = client
        self._recorder = recorder
        self._pace = pace
        self._timers = Timers(pace)
        self._users: dict[tuple[str, str], set[str]] = {}

    def observe(self, change: Change) -> Iterable[Wish]:
        """VMs that changed, and those whose claim did, or might be snapshotted now."""
        namespace, name = location(change.object)
        if change.type_key == VIRTUAL_MACHINES.qualified and change.event != "DELETED":
            for claim in snapshotted_claims_of(change.object).values():
                self._users.setdefault((namespace, claim), set()).add(name)
            return [(namespace, name, 0.0)]
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified:
            users = sorted(self._users.get((namespace, name), ()))
            return [(namespace, vm, 0.0) for vm in users]
        if change.type_key == INSTANCES.qualified:
            return [(namespace, name, 0.0)]
        if change.type_key == KUBEVIRTS.qualified:
            return [(*location(vm), 0.0) for vm in self._client.read_all(VIRTUAL_MACHINES)]
        if change.type_key in (SNAPSHOT_CLASSES.qualified, STORAGE_CLASSES.qualified):
            return [(where, vm, 0.0) for (where, _), vms in self._users.items() for vm in vms]
        return ()

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Writes the status of one VM, or lets it go."""
        vm = self._client.read(VIRTUAL_MACHINES, namespace, name)
        if vm is None:
            return None
        uid = text(vm, "metadata", "uid")
        if is_deleting(vm):
            # Those who watch it see that it is being deleted before it is gone.
            left = self._timers.remaining(f"{uid}/end", self._pace.vm_end)
            if left > 0:
                return Requeue(left)
            self._timers.forget(f"{uid}/end")
            if set(vm["metadata"].get("finalizers") or ()) - {FINALIZER}:
                ending = {**section(vm, "status"), "printableStatus": "Terminating"}
                vm = self._client.update_status(VIRTUAL_MACHINES, vm, ending)
            self._client.release(VIRTUAL_MACHINES, vm, FINALIZER)
            return None
        if not text(vm, "status", "printableStatus"):
            left = self._timers.remaining(uid, self._pace.vm_status)
            if left > 0:
                return Requeue(left) if left < NEVER else None
        was_started = section(vm, "status").get("created")
        found, failure = self._find_references(vm)
        started = is_started(vm) and failure is None
        if started and self._has_to_start_anew(vm):
            self._client.delete(INSTANCES, namespace, name)
        status = self._status({**vm, "status": {**section(vm, "status"), **found}}, started=started)
        for problem in filter(None, (failure, self._without_cdi(vm))):
            status["conditions"].append(_since(vm, problem))
        written = self._client.update_status(VIRTUAL_MACHINES, vm, status)
        if was_started or started:
            self._keep_instance(written, started=started)
        return Requeue() if failure else None

    def _has_to_start_anew(self, vm: Obj) -> bool:
        """Whether the instance has ended, and the run strategy wants another."""
        phase = text(self._client.read(INSTANCES, *location(vm)), "status", "phase")
        strategy = run_strategy_of(vm)
        ended = phase in ENDED and strategy == "Always"
        return ended or (phase == "Failed" and strategy == "RerunOnFailure")

    def _without_cdi(self, vm: Obj) -> Obj | None:
        """The condition that a DataVolume of a template can't be made: nobody serves them."""
        namespace, _ = location(vm)
        for template in entries(vm, "spec", "dataVolumeTemplates"):
            name = text(template, "metadata", "name")
            if self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name) is None:
                return _problem("Failure", "FailedCreate", NO_CDI, self._client.now())
        return None

    def _find_references(self, vm: Obj) -> tuple[Obj, Obj | None]:
        """What the status says of instance type and preference; the condition that one lacks."""
        try:
            return found_references(self._client, vm), None
        except MissingError as error:
            failure = _problem("Failure", error.reason, str(error), self._client.now())
            return {}, failure

    def _keep_instance(self, vm: Obj, *, started: bool) -> None:
        namespace, name = location(vm)
        instance = self._client.read(INSTANCES, namespace, name)
        if not started:
            self._client.delete(INSTANCES, namespace, name)
            return
        guest = with_preference(self._client, vm)
        if instance is None:
            instance = instance_of(guest)
            instance["status"]["virtualMachineRevisionName"] = keep_start(self._client, vm)
            if is_selected(vm, self._kubevirt()):
                instance["status"]["changedBlockTracking"] = {"state": INITIALIZING}
            self._client.create(INSTANCES, instance)
            message = f"{STARTED} {name}"
            self._recorder.normal(vm, "SuccessfulCreate", message)
        changed = plugged(vm, instance)
        if text(instance, "status", "phase") not in (phase_of(vm), *ENDED):
            changed["status"] = {**instance["status"], **instance_of(vm)["status"]}
        if changed != instance:
            self._client.update(INSTANCES, changed)

    def _status(self, vm: Obj, *, started: bool) -> Obj:
        status = dict(section(vm, "status"))
        agent = agent_of(vm) if started else None
        status["conditions"] = [_ready(vm, started, self._client.now())]
        status["printableStatus"] = "Starting" if started else "Stopped"
        if agent:
            status["conditions"] = [_running(vm, self._client.now()), agent]
            status["printableStatus"] = "Running"
        for key in _OF_STARTED:
            status.pop(key, None)
        instance = self._client.read(INSTANCES, *location(vm))
        if started and text(instance, "status", "phase") in ENDED:
            status["printableStatus"] = "Stopped"
        if started:
            status.update(_start(vm, instance))
            if self._lacks_state_class(vm):
                ready, why = (_since(vm, item) for item in _unsynchronized(self._client.now()))
                status["conditions"] = [ready, why]
            if self._needs_restart(vm):
                changed = _problem("RestartRequired", "", RESTART_REQUIRED, self._client.now())
                status["conditions"].append(_since(vm, changed))
        status.pop("changedBlockTracking", None)
        tracking = next_state(vm, instance, selected=is_selected(vm, self._kubevirt()))
        if tracking:
            status["changedBlockTracking"] = {"state": tracking}
        volumes = snapshot_statuses(vm, self._client)
        status.pop("volumeSnapshotStatuses", None)
        if volumes:
            status["volumeSnapshotStatuses"] = volumes
        return status

    def _kubevirt(self) -> Obj | None:
        return self._client.read(KUBEVIRTS, KUBEVIRT_NAMESPACE, KUBEVIRT_NAME)

    def _lacks_state_class(self, vm: Obj) -> bool:
        """Whether the guest keeps its TPM or EFI, and no storage class is there for that."""
        if not has_backend_storage(with_preference(self._client, vm)):
            return False
        named = text(self._kubevirt(), "spec", "configuration", "vmStateStorageClass")
        classes = self._client.read_all(STORAGE_CLASSES)
        return not named and not any(annotations_of(c).get(DEFAULT) == "true" for c in classes)

    def _needs_restart(self, vm: Obj) -> bool:
        """Whether the guest was changed since its start, beyond what can be plugged in."""
        spec = started_with(self._client, vm)
        return spec is not None and unplugged(spec) != unplugged(section(vm, "spec"))


NO_CDI = (
    "Error encountered while creating DataVolumes: failed to create DataVolume: the server could "
    "not find the requested resource (post datavolumes.cdi.kubevirt.io)"
)
ENDED = ("Succeeded", "Failed")
"""Phases of an instance whose guest has shut down."""
DEFAULT = "storageclass.kubernetes.io/is-default-class"
STARTED = "Started the virtual machine by creating the new virtual machine instance"
_OF_STARTED = ("created", "desiredGeneration", "observedGeneration", "runStrategy")
RESTART_REQUIRED = "a non-live-updatable field was changed in the template spec"


def _start(vm: Obj, instance: Obj | None) -> Obj:
    """What the status of a started VM says of its start."""
    generation = vm["metadata"].get("generation", 1)
    revision = text(instance, "status", "virtualMachineRevisionName")
    return {
        "created": True,
        "desiredGeneration": generation,
        "observedGeneration": int(revision.rpartition("-")[2] or generation),
        "runStrategy": run_strategy_of(vm),
    }


def _unsynchronized(now: str) -> tuple[Obj, Obj]:
    ready = {
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "message": "virt-launcher pod has not yet been scheduled",
        "reason": "PodNotExists",
        "status": "False",
        "type": "Ready",
    }
    why = _problem("Synchronized", "FailedBackendStorageCreate", NO_DEFAULT, now)
    return ready, {**why, "status": "False"}


NO_DEFAULT = "no default storage class found"


def _problem(kind: str, reason: str, message: str, now: str) -> Obj:
    return {
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "message": message,
        **({"reason": reason} if reason else {}),
        "status": "True",
        "type": kind,
    }


def _since(vm: Obj, condition: Obj) -> Obj:
    """A condition with the times since when it holds."""
    times = ("lastTransitionTime", "lastProbeTime")
    for old in entries(vm, "status", "conditions"):
        if {**old, **{key: condition[key] for key in times}} == condition:
            return old
    return condition


def agent_of(vm: Obj) -> Obj | None:
    """The condition that says that the guest's agent is connected, or None."""
    for item in entries(vm, "status", "conditions"):
        if (item.get("type"), item.get("status")) == ("AgentConnected", "True"):
            return item
    return None


def _running(vm: Obj, now: str) -> Obj:
    ready = {"lastProbeTime": None, "lastTransitionTime": now, "status": "True", "type": "Ready"}
    for old in entries(vm, "status", "conditions"):
        if (old.get("type"), old.get("status")) == ("Ready", "True"):
            return old
    return ready


def _ready(vm: Obj, started: bool, now: str) -> Obj:
    reason, message = (
        ("GuestNotRunning", "Guest VM is not reported as running")
        if started
        else ("VMINotExists", "VMI does not exist")
    )
    for old in entries(vm, "status", "conditions"):
        if old.get("type") == "Ready" and old.get("reason") == reason:
            return old
    return {
        "lastProbeTime": now,
        "lastTransitionTime": now,
        "message": message,
        "reason": reason,
        "status": "False",
        "type": "Ready",
    }
