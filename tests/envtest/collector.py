"""The sandbox's garbage collector as a client: what kube-controller-manager does on a cluster.

It knows what the watches told; the rules are the sandbox's own (``storage.garbage``).
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

from kubevirt_sandbox.kubevirt.resources import (
    CLONES,
    EVENTS,
    PERSISTENT_VOLUME_CLAIMS,
    RESTORES,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    Resource,
)
from kubevirt_sandbox.storage.garbage import Collector
from kubevirt_sandbox.storage.status import ApiError
from kubevirt_sandbox.storage.store import Change, ObjectKey, Store, copy_json, object_key
from tests.envtest.remote_api import RemoteApi

Obj = dict[str, Any]
NAMESPACES = Resource("", "v1", "namespaces", "Namespace")
COLLECTED = {
    item.qualified: item
    for item in (
        *(NAMESPACES, EVENTS, PERSISTENT_VOLUME_CLAIMS, VIRTUAL_MACHINES),
        *(CLONES, SNAPSHOTS, SNAPSHOT_CONTENTS, RESTORES),
    )
}
IDLE = 0.05


class Mirror(Store):
    """What is on the server as far as it is known here; the collector's writes go there."""

    def __init__(self, api: RemoteApi) -> None:
        super().__init__(history=1000)
        self._api = api

    def learn(self, change: Change) -> None:
        """Notes what a watch has told."""
        if change.event != "DELETED":
            super().put(change.type_key, copy_json(change.object))
        elif self.get(change.type_key, object_key(change.object)) is not None:
            super().remove(change.type_key, object_key(change.object))

    def put(self, type_key: str, obj: Obj) -> Obj:
        """Writes the owners and the finalizers of an object."""
        resource = COLLECTED[type_key]
        stored = self._api.get(resource, *object_key(obj))
        for key in ("ownerReferences", "finalizers"):
            stored["metadata"][key] = obj["metadata"].get(key, [])
        return self._api.update(resource, stored)

    def remove(self, type_key: str, key: ObjectKey, final: Obj | None = None) -> Obj:
        """Takes the last finalizer off: the server removes the object."""
        last = final or self.get(type_key, key) or {}
        if type_key == NAMESPACES.qualified:
            stored = self._api.get(NAMESPACES, *key)
            path = self._api.path(NAMESPACES, "", key[1], "finalize")
            self._api.send("PUT", path, {**stored, "spec": {}})
        else:
            self.put(type_key, last)
        if self.get(type_key, key) is not None:
            super().remove(type_key, key)
        return last


class GarbageCollector:
    """Collects in a thread of its own; a context manager.

    An error other than a refusal ends the thread, and fails the test that runs: pytest sees to it.
    """

    def __init__(self, api: RemoteApi) -> None:
        self._api = api
        self._mirror = Mirror(api)
        self._collector = Collector(self._mirror, self._delete)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="collector", daemon=True)

    def __enter__(self) -> GarbageCollector:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for change in self._api.changes(tuple(COLLECTED.values()), IDLE):
                self._mirror.learn(change)
                try:
                    self._follow(change)
                except ApiError:
                    # Written by somebody else meanwhile, who brings the next change.
                    continue

    def _follow(self, change: Change) -> None:
        if change.event == "DELETED":
            self._collector.removed(change.object)
        elif change.object["metadata"].get("deletionTimestamp"):
            self._collector.pending(change.type_key, change.object)
        elif self._is_orphan(change.object) or self._is_late(change.object):
            self._delete(change.type_key, object_key(change.object))

    def _is_orphan(self, obj: Obj) -> bool:
        """Whether all owners are gone: the server is asked, for no watch may have told of them.

        An owner of a kind that is not collected here is taken to live.
        """
        references = obj["metadata"].get("ownerReferences", [])
        return bool(references) and not any(self._lives(item, obj) for item in references)

    def _is_late(self, obj: Obj) -> bool:
        """Whether its namespace was told to go before this was told of: watches keep no order."""
        name = obj["metadata"].get("namespace", "")
        namespace = self._mirror.get(NAMESPACES.qualified, ("", name))
        return bool(namespace and namespace["metadata"].get("deletionTimestamp"))

    def _lives(self, reference: Obj, obj: Obj) -> bool:
        if self._mirror.find_uid(reference["uid"]):
            return True
        kinds = {item.kind: item for item in COLLECTED.values()}
        if reference["kind"] not in kinds:
            return True
        namespace = obj["metadata"].get("namespace", "")
        try:
            owner = self._api.get(kinds[reference["kind"]], namespace, reference["name"])
        except ApiError as error:
            return error.code != 404
        return bool(owner["metadata"]["uid"] == reference["uid"])

    def _delete(self, type_key: str, key: ObjectKey) -> None:
        try:
            self._api.delete(COLLECTED[type_key], *key)
        except ApiError as error:
            if error.code != 404:
                raise
