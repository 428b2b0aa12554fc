"""Who may take a snapshot of a VM now: one at a time, and only of claims that are at rest.

The lock is in the VM's status and in a finalizer, as everybody can see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.controllers.controller import Client
from kubevirt_sandbox.kubevirt.controllers.volumes import (
    is_bound,
    snapshotted_claims_of,
    waits_for_consumer,
)
from kubevirt_sandbox.kubevirt.drivers.classes import driver_of
from kubevirt_sandbox.kubevirt.objects import Obj, entries, is_deleting, location, section, text
from kubevirt_sandbox.kubevirt.resources import PERSISTENT_VOLUME_CLAIMS, PODS, VIRTUAL_MACHINES
from kubevirt_sandbox.kubevirt.run_strategy import is_started
from kubevirt_sandbox.kubevirt.tracking import INITIALIZING, state_of

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change

PROTECTION = "snapshot.kubevirt.io/snapshot-source-protection"
"""Finalizer of a VM while a snapshot of it is being taken."""
WOKEN = 3
"""How many of those that wait for a VM look whether it is free: one of them will have it.

In KubeVirt all do, which is what holds up many of them.
"""


@dataclass(frozen=True)
class LockTrouble:
    """Why a VM can't be locked.

    ``holder`` is the snapshot that has it: whoever waits for that is told when it is over.
    ``stuck``: it may never be.
    """

    sentence: str
    holder: str = ""
    stuck: bool = False


class SourceLocks:
    """The locks of all VMs, and the unfinished snapshots that wait for one."""

    def __init__(self, client: Client, *, throttled: bool) -> None:
        self._client = client
        self._woken = None if throttled else WOKEN
        self._waiting: dict[tuple[str, str], dict[str, None]] = {}
        self._holders: dict[tuple[str, str], str] = {}

    def remember(self, change: Change, *, finished: bool) -> None:
        """Notes whether a snapshot is unfinished."""
        namespace, name = location(change.object)
        place = (namespace, text(change.object, "spec", "source", "name"))
        waiting = self._waiting.setdefault(place, {})
        if finished or change.event == "DELETED":
            waiting.pop(name, None)
        else:
            waiting[name] = None
        if not waiting:
            del self._waiting[place]

    def freed(self, change: Change) -> list[str]:
        """The snapshots to look at because a VM appeared, went or is free again."""
        place = location(change.object)
        before = self._holders.pop(place, "")
        holder = text(change.object, "status", "snapshotInProgress")
        if holder and change.event != "DELETED":
            self._holders[place] = holder
        if change.event == "MODIFIED" and before in ("", holder):
            return []
        return list(self._waiting.get(place, ()))[: self._woken]

    def waiting_in(self, namespace: str) -> list[str]:
        """The unfinished snapshots of a namespace, of each VM the first."""
        found = [names for (where, _), names in self._waiting.items() if where == namespace]
        return [name for names in found for name in list(names)[: self._woken]]

    def trouble(self, vm: Obj, snapshot: Obj) -> LockTrouble | None:
        """Why a VM can't be locked for a snapshot now, or None."""
        namespace, name = location(vm)
        if state_of(vm) == INITIALIZING:
            # Its state would have to be in a claim, which the first start makes.
            return LockTrouble("", stuck=True)
        claims = sorted(set(snapshotted_claims_of(vm).values()))
        for claim_name in claims:
            claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, claim_name)
            why = _unfit(claim)
            if why:
                stuck = claim is None or is_deleting(claim) or self._stays_unbound(claim)
                sentence = f"source {namespace}/{name} {why}: {claim_name}"
                return LockTrouble(sentence, stuck=stuck)
        pods = 0 if is_started(vm) else self._count_pods(namespace, set(claims))
        if pods:
            listed = " ".join(claims)
            sentence = f"source is offline but {pods} pods using PVCs [{listed}]"
            return LockTrouble(sentence, stuck=True)
        holder = text(vm, "status", "snapshotInProgress")
        if holder and holder != location(snapshot)[1]:
            return LockTrouble(f'snapshot "{holder}" in progress', holder)
        return None

    def _stays_unbound(self, claim: Obj) -> bool:
        driver = driver_of(claim, self._client)
        if driver is None or not driver.provisions or driver.provision_error:
            return True
        return waits_for_consumer(claim, self._client)

    def _count_pods(self, namespace: str, claims: set[str]) -> int:
        return sum(
            location(pod)[0] == namespace
            and text(pod, "status", "phase") != "Succeeded"
            and any(
                text(volume, "persistentVolumeClaim", "claimName") in claims
                for volume in entries(pod, "spec", "volumes")
            )
            for pod in self._client.read_all(PODS)
        )

    def lock(self, vm: Obj, snapshot: Obj) -> None:
        """Writes who has a VM; ApiError when one that is being deleted gets no finalizer."""
        name = location(snapshot)[1]
        if text(vm, "status", "snapshotInProgress") != name:
            status = {**section(vm, "status"), "snapshotInProgress": name}
            vm = self._client.update_status(VIRTUAL_MACHINES, vm, status)
        finalizers = vm["metadata"].get("finalizers") or []
        if PROTECTION not in finalizers:
            metadata = {**vm["metadata"], "finalizers": [*finalizers, PROTECTION]}
            self._client.update(VIRTUAL_MACHINES, {**vm, "metadata": metadata})

    def unlock(self, vm: Obj | None, snapshot: Obj) -> None:
        """Frees a VM that a snapshot has locked."""
        current = self._client.read(VIRTUAL_MACHINES, *location(vm)) if vm else None
        if text(current, "status", "snapshotInProgress") != location(snapshot)[1] or not current:
            return
        status = {
            key: item
            for key, item in section(current, "status").items()
            if key != "snapshotInProgress"
        }
        freed = self._client.update_status(VIRTUAL_MACHINES, current, status)
        self._client.release(VIRTUAL_MACHINES, freed, PROTECTION)


def _unfit(claim: Obj | None) -> str:
    """Why no snapshot can be taken of a claim, or an empty text."""
    if claim is None:
        return "volume doesnt exist"
    if is_deleting(claim):
        return "volume is being deleted"
    return "" if is_bound(claim) else "volume not bound"
