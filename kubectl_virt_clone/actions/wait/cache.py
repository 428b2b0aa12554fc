"""What is known of the clones waited for: their versions, and their temporary objects.

``clone/progress`` says what follows from that; nothing is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from math import inf

from kubectl_virt_clone.clone.api import CLONES, EVENTS, RESTORES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.around import Listing, Lookup, Surroundings, last_seen
from kubectl_virt_clone.clone.progress.cause import Cause
from kubectl_virt_clone.clone.progress.diagnosis import SILENT_SECONDS
from kubectl_virt_clone.clone.progress.judgement import Evidence, Judgement, Need
from kubectl_virt_clone.clone.progress.progress import Outcome, Result, Verdict
from kubectl_virt_clone.clone.progress.provenance import restore_name
from kubectl_virt_clone.kube.watch import Changed, Listed, Scope, Unreadable, Watch
from kubectl_virt_clone.objects.fields import Key, Object, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.objects.resource import Resource
from kubectl_virt_clone.objects.selection import PAGE_SIZE

# Of the clone controller's events only a refused restore is a warning (KubeVirt 1.4 to 1.9).
_WARNINGS = f"involvedObject.kind={CLONES.kind},type=Warning"
_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Pace:
    """The intervals of a wait.

    ``first_look``: the first look is taken however short the timeout is; a silent server gets this
    long. ``aside``: for an answer that would only make a sentence better. ``last_look``: for all
    that is asked when the time is up, of at most ``at_last`` clones.

    ``stall``: without a change for this long a clone in progress stalls, and its children may know
    why; ``silent`` is for a clone without a status. ``again``: until a need that was not answered
    is tried again; ``closely``: between two close looks at a clone, and ``turn``: at any clone.

    ``burst``: the longest time for which changes are taken with nothing else done. More targets
    than ``few``, and one in ``one_in`` of the clones, are read in a list.
    """

    first_look: float = 10.0
    aside: float = 5.0
    last_look: float = 2.0
    at_last: int = 20
    stall: float = 1.0
    silent: float = SILENT_SECONDS
    again: float = 1.0
    closely: float = 5.0
    turn: float = 0.25
    burst: float = 0.5
    few: int = 20
    one_in: int = 20


@dataclass
class Known:
    """The object of that ``key`` and, once it was seen or where it was created before, ``uid``.

    ``turn`` counts its versions: an answer to a question about an earlier one is void. ``read`` and
    ``unanswered`` are as in Evidence, ``read_at`` is when the last answer came. ``outdated``:
    something around it has changed since a question was asked. ``due``: when its need is to be met.
    ``told`` is the cause that was shown last, and ``untold`` says that its version was not.
    """

    key: Key
    uid: str
    changed_at: float
    was_created: bool = False
    clone: Object | None = None
    gone: bool = False
    turn: int = 0
    read: dict[Need, Surroundings] = field(default_factory=dict)
    read_at: float = -inf
    unanswered: str = ""
    outdated: bool = False
    due: float = inf
    judgement: Judgement = field(default=Judgement(Verdict(Outcome.POSSIBLE)))
    told: Cause | None = None
    untold: bool = False

    def take(self, clone: Object | None, now: float, *, deleted: bool = False) -> bool:
        """Take note of a version, None where there is none now; whether that is news."""
        ours = clone is not None and uid_of(clone) == (self.uid or uid_of(clone))
        gone = deleted or not ours  # another object of the same name: ours is gone
        same = ours and _version(clone) == _version(self.clone) != ""
        if ours:
            self.uid, self.clone = uid_of(clone), clone
        if self.gone if gone else same:
            return False
        self.gone, self.changed_at = gone, now
        self.turn += 1
        self.read, self.read_at, self.unanswered = {}, -inf, ""
        self.outdated, self.due = False, inf
        self.untold = self.untold or not gone
        return True

    def evidence(self, children: Surroundings) -> Evidence:
        """What a judgement goes by, where ``children`` are those that are followed."""
        return Evidence(children, self.read, self.unanswered, self.gone)

    @property
    def result(self) -> Result:
        """How it stands."""
        judged = self.judgement
        return Result(self.key, judged.verdict, self.clone, self.was_created, judged.cause)


@dataclass
class _Place:
    """What is followed of a kind in a namespace, by name.

    Only what has ``parents`` is kept. ``listed``: what is on the pages of a list so far.
    """

    parents: dict[str, set[Key]] = field(default_factory=dict)
    objects: dict[str, Object] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)
    is_complete: bool = False
    unreadable: str = ""

    def keep(self, obj: Object, *, gone: bool = False) -> Iterator[Key]:
        """Keep a child's version; the clones that it belongs to."""
        name = name_of(obj)
        if gone:
            self.objects.pop(name, None)
        elif name in self.parents:
            self.objects[name] = obj
        yield from self.parents.get(name, ())

    def complete(self) -> Iterator[Key]:
        """A list is read: what was on no page is not there."""
        self.is_complete = True
        for name, keys in self.parents.items():
            if name not in self.listed:
                self.objects.pop(name, None)
                yield from keys

    def look_up(self, name: str) -> Lookup | None:
        """What is known of a child; None where nothing is yet."""
        if self.unreadable:
            return Lookup(unreadable=self.unreadable)
        return Lookup(self.objects.get(name)) if self.is_complete else None


class Followed:
    """Snapshots, restores and warnings of the clones of each namespace that was opened."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._places: dict[tuple[str, str], _Place] = {}
        self._warnings: dict[str, dict[str, Object]] = {}  # by the clone's uid, then by name
        self._uids: dict[str, Key] = {}

    def is_open(self, namespace: str) -> bool:
        """Whether the children in that namespace are followed."""
        return (EVENTS.kind, namespace) in self._places

    def open(self, namespace: str, clones: Iterable[Object]) -> None:
        """Begin to follow the children of all ``clones``, which are in that namespace."""
        known = list(clones)
        only = known[0] if len(known) == 1 else None
        about = f"{_WARNINGS},involvedObject.uid={uid_of(only)}" if only else _WARNINGS
        for resource in (SNAPSHOTS, RESTORES, EVENTS):
            self._places[resource.kind, namespace] = _Place()
        for clone in known:
            self.know(clone)
        for resource in (SNAPSHOTS, RESTORES):
            names = (_child_name(only, resource),) if only else ()
            self._follow(Scope(resource, namespace, names=names, page_size=PAGE_SIZE))
        selector = (("fieldSelector", about),)
        self._follow(Scope(EVENTS, namespace, selector=selector, page_size=PAGE_SIZE))

    def _follow(self, scope: Scope) -> None:
        self._watch.follow(scope, in_passing=True)

    def know(self, clone: Object) -> None:
        """Keep what belongs to this clone as well."""
        key = key_of(clone)
        self._uids[uid_of(clone)] = key
        for resource in (SNAPSHOTS, RESTORES):
            parents = self._places[resource.kind, key[0]].parents
            parents.setdefault(_child_name(clone, resource), set()).add(key)

    def take(self, change: Changed | Listed | Unreadable) -> list[Key]:
        """Keep what a change says; the clones that it concerns, once all of it is kept."""
        return list(dict.fromkeys(self._taken(change, self._places[change.scope.place])))

    def _taken(self, change: Changed | Listed | Unreadable, place: _Place) -> Iterator[Key]:
        if isinstance(change, Unreadable):
            place.unreadable = change.why
        elif change.scope.resource == EVENTS:
            gone = isinstance(change, Changed) and change.deleted
            for event in () if gone else _objects_in(change):
                uid = text_at(event, "involvedObject", "uid")
                if uid in self._uids:
                    self._warnings.setdefault(uid, {})[name_of(event)] = event
                    yield self._uids[uid]
        elif isinstance(change, Changed):
            yield from place.keep(change.object, gone=change.deleted)
        else:
            place.listed = set() if change.first else place.listed
            for obj in change.objects:
                place.listed.add(name_of(obj))
                yield from place.keep(obj)
            if change.last:
                yield from place.complete()

    def around(self, clone: Object) -> Surroundings:
        """What is known to stand around ``clone``."""
        namespace = key_of(clone)[0]
        if not self.is_open(namespace):
            return Surroundings()
        snapshot, restore = (
            self._places[resource.kind, namespace].look_up(_child_name(clone, resource))
            for resource in (SNAPSHOTS, RESTORES)
        )
        events = sorted(self._warnings.get(uid_of(clone), {}).values(), key=_when)
        return Surroundings(snapshot=snapshot, restore=restore, events=Listing(tuple(events)))


def _objects_in(change: Changed | Listed) -> Iterable[Object]:
    return change.objects if isinstance(change, Listed) else (change.object,)


def _when(event: Object) -> datetime:
    return last_seen(event) or _BEGINNING


def _child_name(clone: Object, resource: Resource) -> str:
    """What a clone's temporary object is called (since KubeVirt 1.2), or its source snapshot."""
    if resource == RESTORES:
        return text_at(clone, "status", "restoreName") or restore_name(clone)
    if text_at(clone, "spec", "source", "kind") == SNAPSHOTS.kind:
        return text_at(clone, "spec", "source", "name")
    return text_at(clone, "status", "snapshotName") or f"tmp-snapshot-{uid_of(clone)}"


def _version(clone: Object | None) -> str:
    return text_at(clone, "metadata", "resourceVersion")
