"""A control plane in a process of its own, which does as it is told on stdin.

One JSON list a line: what to do and with what; one JSON value a line is the answer. The first line
it writes is the path of the kubeconfig. It ends when stdin does.
"""

from __future__ import annotations

import gc
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

from kubevirt_sandbox.controlplane import ControlPlane

from .load import ADD, DELETE, LABEL, OPEN, put_on, steps
from .manifests import clone, small_vm

VMS = "virtualmachines.kubevirt.io"
CLONES = "virtualmachineclones.clone.kubevirt.io"


class Served:
    """What a measurement can ask of its control plane; each method is one word on stdin."""

    def __init__(self, plane: ControlPlane, seen: list[tuple[str, str, int]]) -> None:
        self._registry = plane.registry
        self._seen = seen

    def requests(self) -> list[tuple[str, str, int]]:
        """Method, path and code of each request since the last time."""
        seen, self._seen[:] = list(self._seen), []
        return seen

    def plant(self, count: int, prefix: str, phase: str) -> int:
        """Stores clones as they are when they have been in ``phase`` for a while."""
        for number in range(count):
            name = f"{prefix}-{number:05}"
            planted = played(name)
            planted["metadata"]["labels"] = {"bench": prefix}
            self._registry.create(CLONES, "default", planted)
            self._plant_target(name)
            self.turn(name, phase)
        return count

    def _plant_target(self, name: str) -> None:
        """Stores the target as a restore leaves it, so that success is not doubted."""
        uid = self._registry.get(CLONES, "default", name)["metadata"]["uid"]
        target = small_vm(f"{name}-t")
        restored = f"tmp-restore-{uid}-{uid}"
        target["metadata"]["annotations"] = {"restore.kubevirt.io/lastRestoreUID": restored}
        self._registry.create(VMS, "default", target)

    def turn(self, name: str, phase: str) -> float:
        """Writes the phase of a clone; when it was written, on the clock of the machine."""
        stored = self._registry.get(CLONES, "default", name)
        stored["status"] = _status(phase, f"{name}-t")
        self._registry.update(CLONES, "default", name, stored, subresource="status")
        return time.monotonic()

    def turn_all(self, count: int, prefix: str, phase: str, every: float) -> int:
        """Writes the phases of planted clones one after the other, ``every`` so many seconds."""
        for number in range(count):
            self.turn(f"{prefix}-{number:05}", phase)
            time.sleep(every)
        return count

    def load(
        self, unfinished: int, total: int, rate: float, account: str, forget_every: int
    ) -> float:
        """Lets clones live; by how many seconds the latest change came too late.

        The ``unfinished`` were planted as OPEN. After each ``forget_every`` changes, if not 0, no
        watch can begin before them any more.
        """
        number = itertools.count(1)

        def take(name: str, what: str) -> tuple[str, str, str]:
            if forget_every and next(number) % forget_every == 0:
                self._registry.store.compact()
            return self._take(name, what)

        # A collection of all that was planted would keep everybody waiting for half a second.
        gc.freeze()
        planted = [f"{OPEN}-{each:05}" for each in range(unfinished)]
        return put_on(steps(planted, total), rate, take, Path(account))

    def _take(self, name: str, what: str) -> tuple[str, str, str]:
        """Takes one step; event, phase and version of the clone after it."""
        registry = self._registry
        if what == ADD:
            left = registry.create(CLONES, "default", played(name))
        elif what == DELETE:
            left = registry.delete(CLONES, "default", name)
        else:
            stored = registry.get(CLONES, "default", name)
            if what == LABEL:
                stored["metadata"]["labels"] = {"bench": "labelled"}
            else:
                stored["status"] = _status(what, f"{name}-t")
            part = "" if what == LABEL else "status"
            left = registry.update(CLONES, "default", name, stored, subresource=part)
        event = {ADD: "ADDED", DELETE: "DELETED"}.get(what, "MODIFIED")
        phase = left.get("status", {}).get("phase", "")
        return event, phase, left["metadata"]["resourceVersion"]


def played(name: str) -> dict[str, Any]:
    """A clone that nobody works on: of a snapshot, so that it has none of its own to miss."""
    made = clone(name)
    kind = {"apiGroup": "snapshot.kubevirt.io", "kind": "VirtualMachineSnapshot"}
    made["spec"]["source"] = {**kind, "name": "golden"}
    return made


def _status(phase: str, target: str) -> dict[str, Any]:
    done = phase == "Succeeded"
    reason = "Ready" if done else "Still processing"
    times = {"lastProbeTime": None, "lastTransitionTime": "2026-11-22T07:54:15Z", "reason": reason}
    conditions = [
        {**times, "type": "Progressing", "status": "False" if done else "True"},
        {**times, "type": "Ready", "status": "True" if done else "False"},
    ]
    status: dict[str, Any] = {"phase": phase, "conditions": conditions}
    return {**status, "targetName": target} if done else status


def main() -> None:
    """Serves until stdin ends; the options of ControlPlane are the only argument, as JSON."""
    seen: list[tuple[str, str, int]] = []
    options = json.loads(sys.argv[1])
    with ControlPlane(
        **options, on_request=lambda method, path, code: seen.append((method, path, code))
    ) as plane:
        served = Served(plane, seen)
        _tell(str(plane.kubeconfig))
        for line in sys.stdin:
            what, *arguments = json.loads(line)
            _tell(getattr(served, what)(*arguments))


def _tell(value: Any) -> None:
    sys.stdout.write(f"{json.dumps(value)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
