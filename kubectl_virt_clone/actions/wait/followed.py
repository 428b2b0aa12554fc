"""The temporary objects of clones in progress, followed once a clone stalls: a cache with an index.

What their states mean for a clone is ``clone/progress``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone

from kubectl_virt_clone.clone.api import CLONES, EVENTS, RESTORES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.around import Listing, Lookup, Surroundings, last_seen
from kubectl_virt_clone.kube.watch import Changed, Listed, Scope, Unreadable, Watch
from kubectl_virt_clone.objects.fields import Key, Object, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.objects.resource import Resource

# Of the clone controller's events only a refused restore is a warning (KubeVirt 1.4 to 1.9).
_WARNINGS = f"involvedObject.kind={CLONES.kind},type=Warning"
_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)
_PAGE_SIZE = 500

Child = tuple[str, str, str]
"""(kind, namespace, name)."""


@dataclass
class _Place:
    """What is followed of a kind in a namespace; ``listed``: the names in a list that is read."""

    is_complete: bool = False
    unreadable: str = ""
    listed: set[str] = field(default_factory=set)


class Followed:
    """Snapshots, restores and warnings of the clones of each namespace that was opened.

    Only what belongs to a known clone is kept, whatever else is in the namespace.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._opened: set[str] = set()
        self._places: dict[tuple[str, str], _Place] = {}
        self._objects: dict[Child, Object] = {}
        self._warnings: dict[str, dict[str, Object]] = {}  # by the clone's uid, then by name
        self._parents: dict[Child, set[Key]] = {}
        self._uids: dict[str, Key] = {}

    def is_open(self, namespace: str) -> bool:
        """Whether the children in that namespace are followed."""
        return namespace in self._opened

    def open(self, namespace: str, clones: Iterable[Object]) -> None:
        """Begin to follow the children of all ``clones``, which are in that namespace."""
        self._opened.add(namespace)
        known = list(clones)
        for clone in known:
            self.know(clone)
        only = known[0] if len(known) == 1 else None
        for resource in (SNAPSHOTS, RESTORES):
            names = (_child_name(only, resource),) if only else ()
            self._follow(Scope(resource, namespace, names=names, page_size=_PAGE_SIZE))
        about = f"{_WARNINGS},involvedObject.uid={uid_of(only)}" if only else _WARNINGS
        selector = (("fieldSelector", about),)
        self._follow(Scope(EVENTS, namespace, selector=selector, page_size=_PAGE_SIZE))

    def _follow(self, scope: Scope) -> None:
        self._places[scope.place] = _Place()
        self._watch.follow(scope, in_passing=True)

    def know(self, clone: Object) -> None:
        """Keep what belongs to this clone as well."""
        key = key_of(clone)
        self._uids[uid_of(clone)] = key
        for resource in (SNAPSHOTS, RESTORES):
            child = (resource.kind, key[0], _child_name(clone, resource))
            self._parents.setdefault(child, set()).add(key)

    def take(self, change: Changed | Listed | Unreadable) -> list[Key]:
        """Keep what a change says; the clones that it concerns, once all of it is kept."""
        if isinstance(change, Unreadable):
            self._places[change.scope.place].unreadable = change.why
            return []
        if isinstance(change, Changed):
            keys = self._keep(change.scope.resource, change.object, gone=change.deleted)
        else:
            keys = self._take_page(change)
        return list(dict.fromkeys(keys))

    def _take_page(self, page: Listed) -> Iterator[Key]:
        resource, (kind, namespace) = page.scope.resource, page.scope.place
        place = self._places[kind, namespace]
        if page.first:
            place.listed = set()
        for obj in page.objects:
            place.listed.add(name_of(obj))
            yield from self._keep(resource, obj)
        if not page.last or resource == EVENTS:
            return
        place.is_complete = True
        for child, keys in self._parents.items():
            if child[:2] == (kind, namespace) and child[2] not in place.listed:
                self._objects.pop(child, None)
                yield from keys
        place.listed = set()

    def _keep(self, resource: Resource, obj: Object, *, gone: bool = False) -> Iterator[Key]:
        if resource == EVENTS:
            uid = text_at(obj, "involvedObject", "uid")
            if uid in self._uids and not gone:
                self._warnings.setdefault(uid, {})[name_of(obj)] = obj
                yield self._uids[uid]
            return
        child = (resource.kind, *key_of(obj))
        keys = self._parents.get(child, set())
        if gone:
            self._objects.pop(child, None)
        elif keys:
            self._objects[child] = obj
        yield from keys

    def around(self, clone: Object) -> Surroundings:
        """What is known to stand around ``clone``."""
        if not self.is_open(key_of(clone)[0]):
            return Surroundings()
        events = sorted(self._warnings.get(uid_of(clone), {}).values(), key=_when)
        return Surroundings(
            snapshot=self._look_up(clone, SNAPSHOTS),
            restore=self._look_up(clone, RESTORES),
            events=Listing(tuple(events)),
        )

    def _look_up(self, clone: Object, resource: Resource) -> Lookup | None:
        child = (resource.kind, key_of(clone)[0], _child_name(clone, resource))
        place = self._places[child[:2]]
        if place.unreadable:
            return Lookup(unreadable=place.unreadable)
        return Lookup(self._objects.get(child)) if place.is_complete else None


def _when(event: Object) -> datetime:
    return last_seen(event) or _BEGINNING


def _child_name(clone: Object, resource: Resource) -> str:
    """What a clone's temporary object is called (since KubeVirt 1.2), or its source snapshot."""
    uid = uid_of(clone)
    if resource == RESTORES:
        return text_at(clone, "status", "restoreName") or f"tmp-restore-{uid}"
    if text_at(clone, "spec", "source", "kind") == SNAPSHOTS.kind:
        return text_at(clone, "spec", "source", "name")
    return text_at(clone, "status", "snapshotName") or f"tmp-snapshot-{uid}"
