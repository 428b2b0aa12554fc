"""Which clones have to be looked at because something around them changed.

Indexes over the stream of changes; what is then done with a clone is in ``clones``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

from kubevirt_sandbox.kubevirt.controllers.controller import Wish
from kubevirt_sandbox.kubevirt.controllers.volumes import RESTORE_NAME
from kubevirt_sandbox.kubevirt.objects import (
    Obj,
    annotations_of,
    is_deleting,
    location,
    owner_uid,
    section,
    text,
)
from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.kubevirt.resources import (
    CLONES,
    PERSISTENT_VOLUME_CLAIMS,
    RESTORES,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
)

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change

Place = tuple[str, str]
"""(namespace, name)."""
RESTORE_PREFIX = "tmp-restore-"
"""What a clone's restore is called, before the clone's uid."""
K = TypeVar("K")


class CloneWatch:
    """Knows the clones by source, by target and by uid, and which of them were touched."""

    def __init__(self, pace: Pace) -> None:
        self._pickup = pace.seconds(pace.pickup)
        self._uids: dict[str, Place] = {}
        self._finished: set[Place] = set()
        self._by_source: dict[tuple[str, str, str], set[Place]] = {}
        self._by_target: dict[Place, set[Place]] = {}
        self._support: dict[Place, object] = {}
        self._own: dict[Place, str] = {}
        self._touched: set[Place] = set()

    def take_touched(self, namespace: str, name: str) -> bool:
        """Whether anything but the controller itself gave cause to look at a finished clone."""
        touched = (namespace, name) in self._touched
        self._touched.discard((namespace, name))
        return touched

    def written(self, clone: Obj) -> None:
        """Notes a version that the controller wrote itself."""
        self._own[location(clone)] = text(clone, "metadata", "resourceVersion")

    def observe(self, change: Change) -> Iterable[Wish]:
        """The clones that a change concerns."""
        if change.type_key == CLONES.qualified:
            return self._clone_changed(change)
        if change.type_key == VIRTUAL_MACHINES.qualified:
            return self._vm_changed(change)
        if change.type_key == SNAPSHOTS.qualified:
            return self._snapshot_changed(change)
        if change.type_key == RESTORES.qualified:
            return self._unfinished(self._uids.get(owner_uid(change.object)))
        if change.type_key == PERSISTENT_VOLUME_CLAIMS.qualified:
            return self._claim_changed(change)
        return ()

    def _clone_changed(self, change: Change) -> Iterator[Wish]:
        place = location(change.object)
        namespace, _ = place
        uid = text(change.object, "metadata", "uid")
        by_source = _source_of(change.object)
        by_target = (namespace, text(change.object, "status", "targetName"))
        if change.event == "DELETED":
            self._uids.pop(uid, None)
            self._own.pop(place, None)
            self._finished.discard(place)
            _drop(self._by_source, by_source, place)
            _drop(self._by_target, by_target, place)
            return
        self._uids[uid] = place
        self._by_source.setdefault(by_source, set()).add(place)
        own = self._own.get(place) == text(change.object, "metadata", "resourceVersion")
        if text(change.object, "status", "phase") == "Succeeded":
            self._finished.add(place)
            self._by_target.setdefault(by_target, set()).add(place)
            # KubeVirt looks at a clone again after its own write as well; on a finished one
            # that changes nothing within the same second, and so nobody sees it.
            if own:
                return
            self._touched.add(place)
        yield *place, self._pickup if change.event == "ADDED" else 0.0

    def _vm_changed(self, change: Change) -> Iterator[Wish]:
        place = location(change.object)
        sources = self._by_source.get((place[0], VIRTUAL_MACHINES.kind, place[1]), set())
        support = section(change.object, "status").get("volumeSnapshotStatuses")
        support_changed = self._support.get(place) != support
        self._support[place] = support
        if change.event == "DELETED":
            self._support.pop(place, None)
        gone = change.event == "DELETED" or is_deleting(change.object)
        if change.event != "MODIFIED":
            self._touched.update(sources & self._finished)
            yield from ((*item, 0.0) for item in sorted(sources))
        elif support_changed:
            yield from ((*item, 0.0) for item in sorted(sources - self._finished))
        if gone:
            targets = self._by_target.get(place, set())
            self._touched.update(targets)
            yield from ((*item, 0.0) for item in sorted(targets))

    def _snapshot_changed(self, change: Change) -> Iterator[Wish]:
        namespace, name = location(change.object)
        yield from self._unfinished(self._uids.get(owner_uid(change.object)))
        for place in sorted(self._by_source.get((namespace, SNAPSHOTS.kind, name), ())):
            if place not in self._finished:
                yield *place, 0.0

    def _claim_changed(self, change: Change) -> Iterator[Wish]:
        # The restores of clones carry the clone's uid in their name.
        restore = str(annotations_of(change.object).get(RESTORE_NAME, ""))
        place = self._uids.get(restore.removeprefix(RESTORE_PREFIX))
        if place:
            yield *place, 0.0

    def _unfinished(self, place: Place | None) -> Iterator[Wish]:
        if place and place not in self._finished:
            yield *place, 0.0


def _source_of(clone: Obj) -> tuple[str, str, str]:
    """What a clone is found by when its source changes: nothing, if the group is another's."""
    source = section(clone, "spec", "source")
    kind = text(source, "kind")
    groups = {item.kind: item.group for item in (VIRTUAL_MACHINES, SNAPSHOTS)}
    if groups.get(kind) != text(source, "apiGroup"):
        return "", "", ""
    return location(clone)[0], kind, text(source, "name")


def _drop(index: dict[K, set[Place]], key: K, place: Place) -> None:
    places = index.get(key)
    if places is not None:
        places.discard(place)
        if not places:
            del index[key]
