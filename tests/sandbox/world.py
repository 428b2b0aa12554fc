"""A control plane without HTTP: a registry, the simulated KubeVirt and a clock that tests set."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.api import LocalApi
from kubevirt_sandbox.kubevirt.loop import KubeVirt
from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.kubevirt.releases import catalogue_of, release_named
from kubevirt_sandbox.kubevirt.seed.planting import load_seed, plant
from kubevirt_sandbox.storage.registry import Registry
from kubevirt_sandbox.storage.status import ApiError

Obj = dict[str, Any]
NAMESPACE = "default"
CLONES = "virtualmachineclones.clone.kubevirt.io"
VMS = "virtualmachines.kubevirt.io"
SNAPSHOTS = "virtualmachinesnapshots.snapshot.kubevirt.io"
CONTENTS = "virtualmachinesnapshotcontents.snapshot.kubevirt.io"
RESTORES = "virtualmachinerestores.snapshot.kubevirt.io"
CLAIMS = "persistentvolumeclaims"
VOLUME_SNAPSHOTS = "volumesnapshots.snapshot.storage.k8s.io"
STORAGE_CLASSES = "storageclasses.storage.k8s.io"
KUBEVIRTS = "kubevirts.kubevirt.io"
PATIENCE = 60.0


class Clock:
    """The server's time: it stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 7, 54, 15, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class World:
    """What tests do with a control plane, and what they ask of it."""

    def __init__(
        self,
        pace: Pace | None = None,
        seeds: Sequence[str] = ("vm-cirros",),
        release: str = "1.9",
    ) -> None:
        self.clock = Clock()
        self.release = release_named(release)
        self.registry = Registry(catalogue=catalogue_of(self.release), clock=self.clock)
        for name in (NAMESPACE, "kubevirt"):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.registry.create("namespaces", "", namespace)
        self.kubevirt = KubeVirt(
            LocalApi(self.registry), pace=pace or Pace(speed=float("inf")), release=self.release
        )
        self.registry.admission.append(self.kubevirt.admission)
        self.seed("kubevirt", *seeds)

    @classmethod
    def of(cls, plane: ControlPlane) -> World:
        """The world behind a control plane that serves; its clock is the real one."""
        world = cls.__new__(cls)
        world.registry, world.kubevirt = plane.registry, plane.kubevirt
        world.release = plane.kubevirt.release
        return world

    def seed(self, *names: str) -> None:
        for name in names:
            plant(LocalApi(self.registry), load_seed(name))

    def clone(self, name: str, source: str = "vm-cirros", target: str = "", **spec: Any) -> Obj:
        """Creates a clone of a VM, or of a snapshot when ``source`` is ``vmsnapshot/x``."""
        clone = a_clone(name, source, target, **spec)
        clone["apiVersion"] = self.release.clone_api_version
        return self.registry.create(CLONES, NAMESPACE, clone)

    def get(self, type_key: str, name: str) -> Obj:
        return self.registry.get(type_key, NAMESPACE, name)

    def find(self, type_key: str, name: str) -> Obj | None:
        try:
            return self.get(type_key, name)
        except ApiError as error:
            if error.code != 404:
                raise
            return None

    def names(self, type_key: str) -> list[str]:
        return [item["metadata"]["name"] for item in self.registry.list(type_key, NAMESPACE).items]

    def change(self, type_key: str, name: str, edit: Callable[[Obj], object]) -> Obj:
        """Edits an object, again when a controller wrote it meanwhile."""
        while True:
            obj = self.get(type_key, name)
            edit(obj)
            try:
                return self.registry.update(type_key, NAMESPACE, name, obj)
            except ApiError as error:
                if error.code != 409:
                    raise

    def annotate(self, type_key: str, name: str, **annotations: str) -> None:
        def edit(obj: Obj) -> None:
            obj["metadata"].setdefault("annotations", {}).update(annotations)

        self.change(type_key, name, edit)

    def touch(self, type_key: str, name: str) -> None:
        """Changes an object in a way that nobody minds, if it is still there."""

        def edit(obj: Obj) -> None:
            annotations = obj["metadata"].setdefault("annotations", {})
            annotations["touch"] = str(int(annotations.get("touch", "0")) + 1)

        try:
            self.change(type_key, name, edit)
        except ApiError as error:
            if error.code != 404:
                raise

    def delete(self, type_key: str, name: str) -> None:
        self.registry.delete(type_key, NAMESPACE, name)

    def gates(self, **developer: list[str]) -> None:
        """Writes the feature gates of the KubeVirt object."""
        kubevirt = self.registry.get(KUBEVIRTS, "kubevirt", "kubevirt")
        kubevirt["spec"]["configuration"]["developerConfiguration"] = developer
        self.registry.update(KUBEVIRTS, "kubevirt", "kubevirt", kubevirt)

    def until(self, condition: Callable[[], object]) -> None:
        """Waits for a condition, looking at each change; fails after a minute."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            version = self.registry.store.version
            if condition():
                return
            assert time.monotonic() < deadline, "the condition did not come true"
            self.registry.store.changes_since(version, 0.02)

    def until_phase(self, name: str, phase: str) -> Obj:
        self.until(lambda: self.phase(name) == phase)
        return self.get(CLONES, name)

    def until_event(self, name: str, reason: str, count: int = 1) -> None:
        self.until(lambda: any(e[1] == reason and e[2] >= count for e in self.events(name)))

    def phase(self, name: str) -> str:
        return self.get(CLONES, name).get("status", {}).get("phase", "")

    def reasons(self, type_key: str, name: str) -> list[str]:
        """The conditions of an object as ``Ready=True:Ready``, in their order."""
        obj = self.find(type_key, name) or {}
        return _conditions(obj)

    def events(self, name: str) -> list[tuple[str, str, int, str]]:
        """(type, reason, count, message) of the events about an object, oldest first."""
        found = [
            event
            for event in self.registry.list("events", NAMESPACE).items
            if event["involvedObject"]["name"] == name
        ]
        found.sort(key=lambda event: event["metadata"]["name"].rpartition(".")[2])
        return [(e["type"], e["reason"], e["count"], e["message"]) for e in found]

    def timeline(self, name: str, since: int = 1) -> list[list[Any]]:
        """What a watcher of one clone saw: event, phase, conditions, the three names."""
        _, changes = self.registry.store.changes_since(since, 0)
        return [
            [
                change.event,
                change.object.get("status", {}).get("phase"),
                "; ".join(_conditions(change.object)),
                *(
                    change.object.get("status", {}).get(key)
                    for key in ("snapshotName", "restoreName", "targetName")
                ),
            ]
            for change in changes
            if change.type_key == CLONES and change.object["metadata"]["name"] == name
        ]


def _conditions(obj: Obj) -> list[str]:
    return [
        f"{item['type']}={item['status']}:{item['reason']}"
        for item in obj.get("status", {}).get("conditions", [])
    ]


def a_clone(name: str, source: str = "vm-cirros", target: str = "", **spec: Any) -> Obj:
    kind, _, source_name = source.rpartition("/")
    group, kind = {
        "": ("kubevirt.io", "VirtualMachine"),
        "vmsnapshot": ("snapshot.kubevirt.io", "VirtualMachineSnapshot"),
    }[kind]
    reference = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": target}
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "source": {"apiGroup": group, "kind": kind, "name": source_name},
            **({"target": reference} if target else {}),
            **spec,
        },
    }


def a_vm(name: str, **spec: Any) -> Obj:
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "runStrategy": "Halted",
            "template": {"spec": {"domain": {"devices": {}}}},
            **spec,
        },
    }


def a_snapshot(name: str, vm: str, **spec: Any) -> Obj:
    source = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": vm}
    return {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineSnapshot",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"source": source, **spec},
    }


def processing(reason: str = "Still processing") -> str:
    return f"Progressing=True:{reason}; Ready=False:{reason}"


READY = "Progressing=False:Ready; Ready=True:Ready"


def pending(sentence: str) -> str:
    return f"Progressing=False:Pending; Ready=False:{sentence}"
