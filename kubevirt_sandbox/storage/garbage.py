"""Owner references, finalizers of the garbage collector, and the contents of namespaces.

It decides what else goes when an object goes; single deletions are the registry's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kubevirt_sandbox.storage.store import ObjectKey, Store, TypeKey, copy_json

Obj = dict[str, Any]
Delete = Callable[[TypeKey, ObjectKey], None]

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
_FINALIZERS = {"Foreground": FOREGROUND, "Orphan": ORPHAN}


def finalizer_of(propagation: str) -> str:
    """The finalizer that a propagation policy puts on the object; empty for Background."""
    return _FINALIZERS.get(propagation, "")


class Collector:
    """Follows owner references within the store; runs inside the registry's write lock."""

    def __init__(self, store: Store, delete: Delete) -> None:
        self._store = store
        self._delete = delete

    def stored(self, type_key: TypeKey, obj: Obj) -> None:
        """An object was written: when its owners are all gone, it goes as well."""
        references = obj["metadata"].get("ownerReferences")
        if references and not any(self._lives(item["uid"]) for item in references):
            self._delete(type_key, (obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))

    def pending(self, type_key: TypeKey, obj: Obj) -> None:
        """An object waits for its finalizers: does the part of the garbage collector."""
        finalizers = obj["metadata"].get("finalizers") or ()
        uid = obj["metadata"]["uid"]
        if ORPHAN in finalizers:
            for place in self._store.dependents(uid):
                self._drop_reference(place, uid)
            self._finish(uid, ORPHAN)
        elif FOREGROUND in finalizers:
            for dependent_key, key in self._store.dependents(uid):
                self._delete(dependent_key, key)
            self._finish_foreground(uid)
        if type_key == "namespaces":
            for content_key, key in self._store.in_namespace(obj["metadata"]["name"]):
                self._delete(content_key, key)
            self._finish_namespace(obj["metadata"]["name"])

    def removed(self, obj: Obj) -> None:
        """An object is gone: collects its dependents and lets its waiting owners go."""
        metadata = obj["metadata"]
        for place in self._store.dependents(metadata["uid"]):
            self._collect(place, metadata["uid"])
        for reference in metadata.get("ownerReferences") or ():
            self._finish_foreground(reference["uid"])
        if metadata.get("namespace"):
            self._finish_namespace(metadata["namespace"])

    def _lives(self, uid: str) -> bool:
        return self._store.find_uid(uid) is not None

    def _collect(self, place: tuple[TypeKey, ObjectKey], uid: str) -> None:
        dependent = self._store.get(*place)
        if dependent is None:
            return
        references = dependent["metadata"]["ownerReferences"]
        if any(self._lives(item["uid"]) for item in references):
            self._drop_reference(place, uid)
        else:
            self._delete(*place)

    def _drop_reference(self, place: tuple[TypeKey, ObjectKey], uid: str) -> None:
        changed = copy_json(self._store.get(*place))
        left = [item for item in changed["metadata"]["ownerReferences"] if item["uid"] != uid]
        changed["metadata"]["ownerReferences"] = left
        if not left:
            del changed["metadata"]["ownerReferences"]
        self._store.put(place[0], changed)

    def _finish_foreground(self, uid: str) -> None:
        owner_place = self._store.find_uid(uid)
        owner = self._store.get(*owner_place) if owner_place else None
        if owner is None or FOREGROUND not in (owner["metadata"].get("finalizers") or ()):
            return
        if not any(self._blocks(place, uid) for place in self._store.dependents(uid)):
            self._finish(uid, FOREGROUND)

    def _blocks(self, place: tuple[TypeKey, ObjectKey], uid: str) -> bool:
        dependent = self._store.get(*place)
        references = dependent["metadata"].get("ownerReferences", ()) if dependent else ()
        return any(item["uid"] == uid and item.get("blockOwnerDeletion") for item in references)

    def _finish(self, uid: str, finalizer: str) -> None:
        """Takes the collector's own finalizer off; the object goes when it was the last."""
        place = self._store.find_uid(uid)
        current = self._store.get(*place) if place else None
        if place is None or current is None:
            return
        changed = copy_json(current)
        left = [item for item in changed["metadata"]["finalizers"] if item != finalizer]
        changed["metadata"]["finalizers"] = left
        if left:
            self._store.put(place[0], changed)
        else:
            del changed["metadata"]["finalizers"]
            self.removed(self._store.remove(*place, final=changed))

    def _finish_namespace(self, name: str) -> None:
        namespace = self._store.get("namespaces", ("", name))
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            return
        if not self._store.in_namespace(name):
            final = copy_json(namespace)
            final["spec"] = {}
            self.removed(self._store.remove("namespaces", ("", name), final=final))
