"""Binds PersistentVolumeClaims: Kubernetes' controller and the driver's provisioner in one.

What happens to a claim is also told in its events. Snapshots are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from kubevirt_sandbox.kubevirt.api import Api
from kubevirt_sandbox.kubevirt.controllers.controller import Client, Requeue, Wish
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.volumes import claims_of, is_bound
from kubevirt_sandbox.kubevirt.drivers.classes import Driver, class_of, driver_of
from kubevirt_sandbox.kubevirt.objects import (
    Obj,
    annotations_of,
    entries,
    is_deleting,
    location,
    section,
    text,
)
from kubevirt_sandbox.kubevirt.pace import SETTLED_RETRY, Pace, Timers
from kubevirt_sandbox.kubevirt.resources import (
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    STORAGE_CLASSES,
    VIRTUAL_MACHINES,
    VOLUME_SNAPSHOTS,
)
from kubevirt_sandbox.kubevirt.run_strategy import is_started
from kubevirt_sandbox.storage.decoding import CLAIM_PROTECTION

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change

BOUND = ("pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller")
PROVISIONED = (
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.kubernetes.io/storage-provisioner",
)
SELECTED_NODE = "volume.kubernetes.io/selected-node"
"""Annotation that the scheduler sets on the claims of a pod: the first consumer is there."""
WAITING_FOR_CONSUMER = "waiting for first consumer to be created before binding"
EXTERNAL_PROVISIONING = (
    "Waiting for a volume to be created either by the external provisioner '{}' or manually by the "
    "system administrator. If volume creation is delayed, please verify that the provisioner is "
    "running and correctly registered."
)
NO_SOURCE = "error getting handle for DataSource Type VolumeSnapshot by Name {0}: {1}"
RESYNC = 5.0
"""Seconds between two looks, at any speed, at a claim that is looked at anyhow if need be."""
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Setback:
    """Why a claim was not bound, how often in a row, and when to look again."""

    why: str
    times: int
    due: float


class VolumeController:
    """Binds claims: at once, or once a VM that uses them is started, as their class says."""

    name = "volumes"

    def __init__(self, api: Api, pace: Pace) -> None:
        self._api = api
        self._client = Client(api)
        self._pace = pace
        self._timers = Timers(pace)
        self._recorders: dict[str, Recorder] = {}
        self._setbacks: dict[str, Setback] = {}
        self._trying: set[str] = set()
        self._pending: dict[tuple[str, str], str] = {}
        self._consumers: dict[tuple[str, str], set[str]] = {}
        self._used: dict[tuple[str, str], set[str]] = {}

    def observe(self, change: Change) -> Iterable[Wish]:
        """Claims that changed, those of a VM that was started, and of a class that changed."""
        place = location(change.object)
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified:
            return self._claim_changed(change, place)
        if change.type_key == VIRTUAL_MACHINES.qualified:
            return self._consumer_changed(change, *place)
        if change.type_key == STORAGE_CLASSES.qualified:
            self._setbacks.clear()
            return [(*item, 0.0) for item, name in self._pending.items() if name == place[1]]
        return ()

    def _claim_changed(self, change: Change, place: tuple[str, str]) -> Iterable[Wish]:
        if change.event == "DELETED":
            self._pending.pop(place, None)
            return ()
        if is_bound(change.object):
            self._pending.pop(place, None)
        else:
            self._pending[place] = class_of(change.object)
        return [(*place, 0.0)]

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
        """Binds one claim when it is time, or lets it go."""
        claim = self._client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        if claim is None:
            return None
        if is_deleting(claim):
            return self._let_go(claim)
        if is_bound(claim):
            return None
        if text(claim, "spec", "volumeName"):
            self._bind(claim)
            return None
        driver = driver_of(claim, self._client)
        if driver is None:
            missing = f'storageclass.storage.k8s.io "{class_of(claim)}" not found'
            return self._set_back(
                claim, "class", self._of_kubernetes, "ProvisioningFailed", missing
            )
        chosen = SELECTED_NODE in annotations_of(claim) or self._consumers.get((namespace, name))
        if driver.first_consumer and not chosen:
            return self._wait_for_consumer(claim)
        return self._provision(claim, driver)

    def _let_go(self, claim: Obj) -> Requeue | None:
        """A claim stays as long as a pod on a node uses it."""
        namespace, name = location(claim)
        for pod in self._client.read_all(PODS):
            here = location(pod)[0] == namespace and text(pod, "spec", "nodeName")
            if here and text(pod, "status", "phase") not in ENDED and name in _claims_of_pod(pod):
                return Requeue()
        self._client.release(PERSISTENT_VOLUME_CLAIMS, claim, CLAIM_PROTECTION)
        return None

    def _wait_for_consumer(self, claim: Obj) -> Requeue | None:
        """Says so again and again, as long as the class has an object."""
        if self._client.read(STORAGE_CLASSES, "", class_of(claim)) is None:
            return None
        reason = "WaitForFirstConsumer"
        return self._set_back(claim, reason, self._of_kubernetes, reason, WAITING_FOR_CONSUMER)

    def _provision(self, claim: Obj, driver: Driver) -> Requeue | None:
        uid = text(claim, "metadata", "uid")
        if driver.name:
            claim = self._announced(claim, driver)
        if not driver.provisions:
            waiting = EXTERNAL_PROVISIONING.format(driver.name)
            return self._set_back(
                claim, "down", self._of_kubernetes, "ExternalProvisioning", waiting
            )
        before, now = self._setbacks.get(uid), self._pace.clock()
        if before and before.why == "failed" and before.due > now:
            return Requeue(before.due - now)
        if driver.name and uid not in self._trying:
            self._trying.add(uid)
            self._say_provisioning(claim, driver)
        trouble = driver.provision_error or self._source_trouble(claim, driver)
        if trouble:
            self._trying.discard(uid)
            driven = self._of(driver)
            return self._set_back(claim, "failed", driven, "ProvisioningFailed", trouble)
        left = self._timers.remaining(uid, self._pace.bind)
        if left > 0:
            return Requeue(left)
        self._timers.forget(uid)
        self._trying.discard(uid)
        self._setbacks.pop(uid, None)
        if driver.name:
            done = f"Successfully provisioned volume pvc-{uid}"
            self._of(driver).normal(claim, "ProvisioningSucceeded", done)
        self._bind(claim)
        return None

    def _announced(self, claim: Obj, driver: Driver) -> Obj:
        """The claim with the annotations that call its provisioner; events say it once."""
        annotations = annotations_of(claim)
        if annotations.get(PROVISIONED[0]) == driver.name:
            return claim
        waiting = EXTERNAL_PROVISIONING.format(driver.name)
        self._of_kubernetes.normal(claim, "ExternalProvisioning", waiting)
        called = {**annotations, **dict.fromkeys(PROVISIONED, driver.name)}
        metadata = {**claim["metadata"], "annotations": called}
        return self._client.update(PERSISTENT_VOLUME_CLAIMS, {**claim, "metadata": metadata})

    def _say_provisioning(self, claim: Obj, driver: Driver) -> None:
        namespace, name = location(claim)
        begun = f'External provisioner is provisioning volume for claim "{namespace}/{name}"'
        self._of(driver).normal(claim, "Provisioning", begun)

    def _source_trouble(self, claim: Obj, driver: Driver) -> str:
        """Why a claim can't be filled from its snapshot, or an empty text."""
        if not driver.name or text(claim, "spec", "dataSource", "kind") != VOLUME_SNAPSHOTS.kind:
            return ""
        name = text(claim, "spec", "dataSource", "name")
        snapshot = self._client.read(VOLUME_SNAPSHOTS, location(claim)[0], name)
        if snapshot is None:
            gone = f'{VOLUME_SNAPSHOTS.qualified} "{name}" not found'
            return NO_SOURCE.format(name, f"error getting snapshot {name} from api server: {gone}")
        if is_deleting(snapshot):
            return NO_SOURCE.format(name, f"snapshot {name} is being deleted")
        if section(snapshot, "status").get("readyToUse") is not True:
            return NO_SOURCE.format(name, f"snapshot {name} is not Ready")
        return ""

    def _set_back(
        self, claim: Obj, why: str, recorder: Recorder, reason: str, message: str
    ) -> Requeue:
        """Tells why a claim is not bound, at most as often as it is tried."""
        uid, now = text(claim, "metadata", "uid"), self._pace.clock()
        before = self._setbacks.get(uid, Setback(why, 0, now))
        if before.why != why:
            before = Setback(why, 0, now)
        if before.due > now:
            return Requeue(before.due - now)
        if reason == "ProvisioningFailed":
            recorder.warning(claim, reason, message)
        else:
            recorder.normal(claim, reason, message)
        left = max(self._pace.seconds(self._pace.resync), RESYNC)
        if why == "failed":
            waits = min(self._pace.provision_retry * 2.0**before.times, self._pace.resync * 20)
            left = max(self._pace.seconds(waits), SETTLED_RETRY)
        self._setbacks[uid] = Setback(why, before.times + 1, now + left)
        return Requeue(left)

    @property
    def _of_kubernetes(self) -> Recorder:
        return self._recorder("persistentvolume-controller")

    def _of(self, driver: Driver) -> Recorder:
        """The recorder of a driver's provisioner, which has a name for each process."""
        return self._recorders.get(driver.name) or self._recorder(
            f"{driver.name}_sandbox_{uuid4()}", driver.name
        )

    def _recorder(self, component: str, key: str = "") -> Recorder:
        recorder = self._recorders.get(key or component)
        if recorder is None:
            recorder = Recorder(self._api, PERSISTENT_VOLUME_CLAIMS, component)
            self._recorders[key or component] = recorder
        return recorder

    def _bind(self, claim: Obj) -> None:
        uid = text(claim, "metadata", "uid")
        if not text(claim, "spec", "volumeName"):
            spec = {**section(claim, "spec"), "volumeName": f"pvc-{uid}"}
            annotations = {**annotations_of(claim), **dict.fromkeys(BOUND, "yes")}
            metadata = {**claim["metadata"], "annotations": annotations}
            bound = {**claim, "metadata": metadata, "spec": spec}
            claim = self._client.update(PERSISTENT_VOLUME_CLAIMS, bound)
        requested = section(claim, "spec", "resources", "requests")
        status = {
            "phase": "Bound",
            "accessModes": section(claim, "spec").get("accessModes", []),
            "capacity": requested,
        }
        self._client.update_status(PERSISTENT_VOLUME_CLAIMS, claim, status)


def _claims_of_pod(pod: Obj) -> set[str]:
    volumes = entries(pod, "spec", "volumes")
    return {text(item, "persistentVolumeClaim", "claimName") for item in volumes}
