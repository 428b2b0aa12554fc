"""The simulated KubeVirt: its webhooks and its controllers, run by one thread.

The loop only; the controllers are modules of their own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.admission.dispatch import Admission
from kubevirt_sandbox.kubevirt.controllers.clone_watch import CloneWatch
from kubevirt_sandbox.kubevirt.controllers.clones import CloneController
from kubevirt_sandbox.kubevirt.controllers.controller import Client, Controller, Requeue
from kubevirt_sandbox.kubevirt.controllers.events import Recorder
from kubevirt_sandbox.kubevirt.controllers.restores import RestoreController
from kubevirt_sandbox.kubevirt.controllers.snapshots import SnapshotController
from kubevirt_sandbox.kubevirt.controllers.virtualmachines import VirtualMachineController
from kubevirt_sandbox.kubevirt.drivers.provisioner import VolumeController
from kubevirt_sandbox.kubevirt.drivers.snapshotter import VolumeSnapshotController
from kubevirt_sandbox.kubevirt.instances import INSTANCES
from kubevirt_sandbox.kubevirt.objects import section
from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.kubevirt.releases import NEWEST, Release
from kubevirt_sandbox.kubevirt.resources import (
    CLONES,
    KUBEVIRT_NAME,
    KUBEVIRT_NAMESPACE,
    KUBEVIRTS,
    PERSISTENT_VOLUME_CLAIMS,
    RESTORES,
    SNAPSHOT_CLASSES,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    STORAGE_CLASSES,
    VIRTUAL_MACHINES,
    VOLUME_SNAPSHOTS,
)
from kubevirt_sandbox.kubevirt.snapshotting.contents import Contents
from kubevirt_sandbox.kubevirt.workqueue import Key, WorkQueue
from kubevirt_sandbox.storage.status import ApiError
from kubevirt_sandbox.storage.store import Change

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.api import Api

IDLE = 0.03
"""Seconds after which an idle loop looks whether it should stop."""
HELD_BACK = 0.2
"""Seconds after which it is asked again whether virt-controller runs."""
WATCHED = (
    *(KUBEVIRTS, INSTANCES),
    *(STORAGE_CLASSES, SNAPSHOT_CLASSES, PERSISTENT_VOLUME_CLAIMS),
    *(VOLUME_SNAPSHOTS, SNAPSHOT_CONTENTS),
    *(VIRTUAL_MACHINES, SNAPSHOTS, RESTORES, CLONES),
)
DRIVERS = (VolumeController.name, VolumeSnapshotController.name)
"""What works without virt-controller."""
RATE_LIMITED = {
    PERSISTENT_VOLUME_CLAIMS.qualified: 1,
    SNAPSHOTS.qualified: 2,
    RESTORES.qualified: 3,
}
"""What the clone controller takes in no faster than its queue admits, and the tokens it costs.

Until a pass over the clone succeeds, it counts as so many failures too: the next retry is later.
KubeVirt (clone_base.go) finds the clone of a snapshot or a restore twice, by its owner reference
and by what the clone waits for; and it writes a restore half as often again as we do.
"""


class KubeVirt:
    """Webhooks (``admission``) and controllers of one release of KubeVirt for one API server."""

    def __init__(self, api: Api, *, pace: Pace | None = None, release: Release = NEWEST) -> None:
        self.pace = pace or Pace()
        self.release = release
        self.admission = Admission(api, release)
        self._api = api
        self.controller_runs: Callable[[], bool] = lambda: True
        """Whether virt-controller is there; the storage drivers work without it."""
        self.cache_lags: Callable[[], bool] = lambda: False
        """Whether its cache does not show at once what it wrote itself."""
        self._queue = WorkQueue(self.pace)
        controllers = _controllers(api, self.pace, release, self._lags)
        self._controllers = {item.name: item for item in controllers}
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def announce(self) -> None:
        """Writes its version into the status of the KubeVirt object, as the operator does."""
        client = Client(self._api)
        stored = client.read(KUBEVIRTS, KUBEVIRT_NAMESPACE, KUBEVIRT_NAME)
        if stored is not None:
            written = {"observedKubeVirtVersion": self.release.version, "phase": "Deployed"}
            client.update_status(KUBEVIRTS, stored, {**section(stored, "status"), **written})

    def start(self) -> None:
        """Begins to reconcile, with what is stored already."""
        if self._thread is None:
            self._stopping.clear()
            self._thread = threading.Thread(target=self._run, name="kubevirt", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the controllers and waits for their thread; the stored objects stay."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def step(self) -> bool:
        """Takes in what has changed and reconciles one object; False when none is due.

        For those who want each state in between: only while the controllers are not started.
        """
        self._follow(0.0)
        key = self._queue.pop(self.pace.clock())
        if key is None:
            return False
        self._reconcile(key)
        return True

    def idle_for(self) -> float:
        """Seconds until something is due, as far as changes have been taken in; never negative."""
        return max(self._queue.next_due() - self.pace.clock(), 0.0)

    def _lags(self) -> bool:
        return self.cache_lags()

    def _run(self) -> None:
        while not self._stopping.is_set() and not self._api.closed:
            self._follow(min(self.idle_for(), IDLE))
            self._reconcile_due()

    def _follow(self, wait: float) -> None:
        """Takes in what has changed since the last time; waits so long for it."""
        self._observe(self._api.changes(WATCHED, max(wait, 0.0)))

    def _observe(self, changes: Iterable[Change]) -> None:
        now = self.pace.clock()
        for change in changes:
            cost = RATE_LIMITED.get(change.type_key, 0)
            for name, controller in self._controllers.items():
                for namespace, wanted, delay in controller.observe(change):
                    key = (name, namespace, wanted)
                    limited = bool(cost) and name == CloneController.name
                    if limited:
                        self._queue.count(key, cost)
                    if limited and self.pace.throttled:
                        self._queue.add_rate_limited(key, now, cost=cost)
                    else:
                        self._queue.add(key, now + delay)

    def _reconcile_due(self) -> None:
        """Reconciles what is due now; what becomes due meanwhile waits for the next round."""
        now = self.pace.clock()
        while not self._stopping.is_set():
            key = self._queue.pop(now)
            if key is None:
                return
            self._reconcile(key)

    def _reconcile(self, key: Key) -> None:
        name, *place = key
        if name not in DRIVERS and not self.controller_runs():
            self._queue.add(key, self.pace.clock() + HELD_BACK)
            return
        try:
            answer = self._controllers[name].reconcile(*place)
        except ApiError:
            # Refused, or written by somebody else meanwhile: tried again, as a real queue does.
            answer = Requeue()
        now = self.pace.clock()
        if answer is not None and answer.after is None:
            self._queue.retry(key, now)
            return
        self._queue.forget(key)
        if answer is not None and answer.after is not None:
            self._queue.add(key, now + answer.after)


def _controllers(
    api: Api, pace: Pace, release: Release, cache_lags: Callable[[], bool]
) -> list[Controller]:
    """The controllers, a VM's first: a clone is to find the status of a new VM written."""
    client = Client(api)
    machines = Recorder(api, VIRTUAL_MACHINES, "virtualmachine-controller")
    snapshots = Recorder(api, SNAPSHOTS, "snapshot-controller")
    restores = Recorder(api, RESTORES, "restore-controller")
    clones = Recorder(api, CLONES, "clone-controller")
    contents = Contents(client, Recorder(api, SNAPSHOT_CONTENTS, "snapshot-controller"))
    volume_snapshots = Recorder(api, VOLUME_SNAPSHOTS, "snapshot-controller")
    return [
        VolumeController(api, pace),
        VolumeSnapshotController(client, volume_snapshots, pace),
        VirtualMachineController(client, machines, pace),
        SnapshotController(client, snapshots, contents, pace, release),
        RestoreController(client, restores, pace, release),
        CloneController(client, clones, CloneWatch(pace), release, cache_lags),
    ]
