"""The VM controller: a VM's status, and the end of a VM.

There are no nodes: a started VM says Starting for ever, and its instance is never scheduled.
Only one that was brought along with a guest agent is running.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.admission.vm_webhooks import FINALIZER
from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.controllers.volumes import snapshot_statuses, snapshotted_claims_of
from kubevirt_sandbox.kubevirt.instances import INSTANCES, instance_of, phase_of
from kubevirt_sandbox.kubevirt.objects import Obj, entries, is_deleting, location, section, text
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace, Timers
from kubevirt_sandbox.kubevirt.resources import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CLASSES,
    STORAGE_CLASSES,
    VIRTUAL_MACHINES,
)
from kubevirt_sandbox.kubevirt.run_strategy import is_started

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change


class VirtualMachineController:
    """Keeps the status of VMs."""

    name = "virtualmachines"

    def __init__(self, client: Client, pace: Pace) -> None:
        self._client = client
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
            self._client.release(VIRTUAL_MACHINES, vm, FINALIZER)
            return None
        if not text(vm, "status", "printableStatus"):
            left = self._timers.remaining(uid, self._pace.vm_status)
            if left > 0:
                return Requeue(left) if left < NEVER else None
        was_started = section(vm, "status").get("created")
        written = self._client.update_status(VIRTUAL_MACHINES, vm, self._status(vm))
        if was_started or is_started(vm):
            self._keep_instance(written, started=is_started(vm))
        return None

    def _keep_instance(self, vm: Obj, *, started: bool) -> None:
        namespace, name = location(vm)
        instance = self._client.read(INSTANCES, namespace, name)
        if not started:
            self._client.delete(INSTANCES, namespace, name)
        elif instance is None:
            self._client.create(INSTANCES, instance_of(vm))
        elif text(instance, "status", "phase") != phase_of(vm):
            self._client.update(INSTANCES, {**instance, "status": instance_of(vm)["status"]})

    def _status(self, vm: Obj) -> Obj:
        status = dict(section(vm, "status"))
        started = is_started(vm)
        agent = agent_of(vm) if started else None
        status["conditions"] = [_ready(vm, started, self._client.now())]
        status["printableStatus"] = "Starting" if started else "Stopped"
        if agent:
            status["conditions"] = [_running(vm, self._client.now()), agent]
            status["printableStatus"] = "Running"
        if started:
            status["created"] = True
        else:
            status.pop("created", None)
        volumes = snapshot_statuses(vm, self._client)
        status.pop("volumeSnapshotStatuses", None)
        if volumes:
            status["volumeSnapshotStatuses"] = volumes
        return status


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
