"""Objects, their versions and the log of changes: the etcd of the sandbox.

No rules about objects belong here: what may be written is decided by the registry.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Obj = dict[str, Any]
TypeKey = str
ObjectKey = tuple[str, str]
"""(namespace, name); the namespace is empty for cluster-scoped objects."""

HISTORY = 20_000
"""Changes kept in the log before the oldest are compacted."""


class Change(NamedTuple):
    """One entry of the log; both objects are shared and must not be changed."""

    version: int
    event: str
    type_key: TypeKey
    object: Obj
    previous: Obj | None = None


class Compacted(LookupError):
    """The log no longer reaches back to ``wanted``; the oldest readable version is ``oldest``."""

    def __init__(self, wanted: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {wanted} ({oldest})")
        self.wanted = wanted
        self.oldest = oldest


def copy_json(value: Any) -> Any:
    """A deep copy of JSON data, several times faster than copy.deepcopy."""
    if isinstance(value, dict):
        return {key: copy_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_json(item) for item in value]
    return value


def object_key(obj: Obj) -> ObjectKey:
    """Where an object lives: (namespace, name)."""
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


class Store:
    """Thread-safe objects by type and key; stored objects are replaced, never changed.

    Each change has the next version, so the log is contiguous and a version is an index.
    """

    def __init__(self, history: int = HISTORY) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._objects: dict[TypeKey, dict[ObjectKey, Obj]] = {}
        self._keys: dict[TypeKey, list[ObjectKey]] = {}  # sorted: a page must not sort them all
        self._uids: dict[str, tuple[TypeKey, ObjectKey]] = {}
        self._dependents: dict[str, set[tuple[TypeKey, ObjectKey]]] = {}
        self._log: list[Change] = []
        self._history = history
        self._version = 1
        self._first = 2
        self._closed = False

    @property
    def version(self) -> int:
        """The resourceVersion of the newest change."""
        return self._version

    def get(self, type_key: TypeKey, key: ObjectKey) -> Obj | None:
        """The stored object itself (read-only), or None."""
        with self.lock:
            return self._objects.get(type_key, {}).get(key)

    def has(self, type_key: TypeKey) -> bool:
        """Whether there is any object of a type."""
        return bool(self._objects.get(type_key))

    def put(self, type_key: TypeKey, obj: Obj) -> Obj:
        """Stores ``obj`` (owned by the store from now on) under the next version."""
        with self.lock:
            key = object_key(obj)
            objects = self._objects.setdefault(type_key, {})
            previous = objects.get(key)
            obj["metadata"]["resourceVersion"] = str(self._version + 1)
            objects[key] = obj
            if previous is None:
                insort(self._keys.setdefault(type_key, []), key)
            self._index(type_key, key, previous, obj)
            self._append("ADDED" if previous is None else "MODIFIED", type_key, obj, previous)
            return obj

    def remove(self, type_key: TypeKey, key: ObjectKey, final: Obj | None = None) -> Obj:
        """Takes the object out; ``final`` is the last state, which watchers see as DELETED."""
        with self.lock:
            previous = self._objects[type_key].pop(key)
            keys = self._keys[type_key]
            del keys[bisect_left(keys, key)]
            last = dict(final or previous)
            last["metadata"] = {
                **last["metadata"],
                "resourceVersion": str(self._version + 1),
            }
            self._index(type_key, key, previous, None)
            self._append("DELETED", type_key, last, previous)
            return last

    def snapshot(
        self,
        type_key: TypeKey,
        namespace: str | None,
        version: int | None = None,
        after: ObjectKey | None = None,
    ) -> tuple[int, list[tuple[ObjectKey, Obj]]]:
        """The objects of a type ordered by key, now or as they were at ``version``.

        Those behind the key ``after``, if any. Raises Compacted when the log does not reach back
        to that version.
        """
        with self.lock:
            objects: Mapping[ObjectKey, Obj | None] = self._objects.get(type_key, {})
            keys = self._keys.get(type_key, [])
            at = self._version if version is None else version
            if at < self._version:
                before = self._before(type_key, at)
                gone = [key for key in before if key not in objects]
                keys, objects = sorted([*keys, *gone]), {**objects, **before}
            first, last = 0, len(keys)
            if namespace is not None:
                first, last = (
                    bisect_left(keys, (end, "")) for end in (namespace, namespace + "\0")
                )
            if after is not None:
                first = max(first, bisect_right(keys, after))
            found = ((key, objects[key]) for key in keys[first:last])
            return at, [(key, obj) for key, obj in found if obj is not None]

    def _before(self, type_key: TypeKey, version: int) -> dict[ObjectKey, Obj | None]:
        """What has changed since ``version`` as it was then; None for what was not there."""
        return {
            object_key(change.object): change.previous
            for change in reversed(self._log[self._position(version) :])
            if change.type_key == type_key
        }

    def find_uid(self, uid: str) -> tuple[TypeKey, ObjectKey] | None:
        """Where the object of this uid is stored, or None when it is gone."""
        with self.lock:
            return self._uids.get(uid)

    def dependents(self, uid: str) -> list[tuple[TypeKey, ObjectKey]]:
        """The stored objects that name ``uid`` in their ownerReferences, in a stable order."""
        with self.lock:
            return sorted(self._dependents.get(uid, ()))

    def in_namespace(self, namespace: str) -> list[tuple[TypeKey, ObjectKey]]:
        """Everything stored in a namespace."""
        with self.lock:
            return [
                (type_key, key)
                for type_key, objects in self._objects.items()
                for key in objects
                if key[0] == namespace
            ]

    def changes_since(self, version: int, timeout: float) -> tuple[int, list[Change]]:
        """The newest version and the changes after ``version``.

        Waits up to ``timeout`` seconds for the first; the list is empty when none came or the
        store was closed. Raises Compacted when the log does not reach back that far.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while self._version <= version and not self._closed:
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            return self._version, self._log[self._position(version) :]

    def compact(self, keep: int = 0) -> None:
        """Forgets all but the newest ``keep`` changes of the log."""
        with self.lock:
            drop = max(0, len(self._log) - keep)
            del self._log[:drop]
            self._first += drop

    def close(self) -> None:
        """Wakes everybody who waits for changes: the server is going down."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether the server is going down."""
        return self._closed

    def _position(self, version: int) -> int:
        if version + 1 < self._first:
            raise Compacted(version, self._first)
        return version + 1 - self._first

    def _append(self, event: str, type_key: TypeKey, obj: Obj, previous: Obj | None) -> None:
        self._version += 1
        self._log.append(Change(self._version, event, type_key, obj, previous))
        if len(self._log) > self._history * 1.1:
            # Dropping a tenth at a time keeps an append cheap however long the log is.
            self.compact(self._history)
        self._changed.notify_all()

    def _index(
        self, type_key: TypeKey, key: ObjectKey, previous: Obj | None, current: Obj | None
    ) -> None:
        place = (type_key, key)
        for uid in _owner_uids(previous):
            self._dependents[uid].discard(place)
            if not self._dependents[uid]:
                del self._dependents[uid]
        for uid in _owner_uids(current):
            self._dependents.setdefault(uid, set()).add(place)
        if previous is not None and current is None:
            self._uids.pop(previous["metadata"].get("uid", ""), None)
        if current is not None:
            self._uids[current["metadata"].get("uid", "")] = place


def _owner_uids(obj: Obj | None) -> Iterator[str]:
    references = obj["metadata"].get("ownerReferences") if obj else None
    return iter(dict.fromkeys(item["uid"] for item in references or ()))
