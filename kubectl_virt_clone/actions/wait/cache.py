"""What is known of the clones waited for, and what is read beside the watch to know more.

The thread that waits never waits for an answer. ``clone/progress`` says what follows from it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from http import HTTPStatus
from math import inf
from queue import Empty, Queue
from typing import Any, TypeVar

from kubectl_virt_clone.clone.api import (
    CLONES,
    EVENTS,
    PERSISTENT_VOLUME_CLAIMS,
    RESTORES,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
)
from kubectl_virt_clone.clone.progress.diagnosis import SILENT_SECONDS
from kubectl_virt_clone.clone.progress.judgement import Evidence, Judgement, Need
from kubectl_virt_clone.clone.progress.progress import (
    Cause,
    Outcome,
    Result,
    Surroundings,
    Verdict,
    last_seen,
    target_of,
)
from kubectl_virt_clone.clone.progress.provenance import (
    is_marked,
    may_adopt,
    own_claims,
    restore_name,
)
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.resource import get, pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import Changed, Listed, Posted, Scope, Unreadable, Watch
from kubectl_virt_clone.objects.fields import Key, Object, at, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.objects.resource import PAGE_SIZE, Listing, Lookup, Resource

T = TypeVar("T")

AT_ONCE = 8
# Answers are given in the order of the questions, unless an earlier one takes longer than this.
A_MOMENT = 0.1


@dataclass(frozen=True)
class Question:
    """What is needed to judge a clone; ``turn`` counts its versions."""

    key: Key
    turn: int
    need: Need
    clone: Object


@dataclass(frozen=True)
class Answer:
    """What was found, or why there is no answer: ``unanswered``."""

    question: Question
    found: Surroundings | None = None
    unanswered: str = ""


class Fetcher:
    """Answers questions from a few threads, and posts each answer, or an unknown error.

    The threads are daemons that end when there is nothing to do, or nothing more is wanted. A
    server that is silent for ``read_timeout`` seconds gives no answer.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        put: Callable[[Posted | BaseException], None],
        stopped: threading.Event,
        read_timeout: float,
        deadline: float,
    ) -> None:
        self._session = session
        self._limits: Any = {"read_timeout": read_timeout, "deadline": deadline}
        self._resource = resource
        self._put = put
        self._stopped = stopped
        self._questions: deque[Question] = deque()
        self._changed = threading.Condition()
        self._running = 0
        self._taken = 0
        self._open: set[int] = set()
        self._lists: dict[tuple[Resource, str], _Listed] = {}

    def list_targets(self, namespaces: Iterable[str], *, whole: bool) -> None:
        """Read the targets in these namespaces in one list each, once the first is wanted.

        ``whole``: with their volumes, and the claims as well.
        """
        for namespace in namespaces:
            for resource in (VIRTUAL_MACHINES, PERSISTENT_VOLUME_CLAIMS):
                light = resource != VIRTUAL_MACHINES or not whole
                self._lists[resource, namespace] = _Listed(
                    self._session, resource, namespace, self._limits, metadata_only=light
                )

    def ask(self, question: Question) -> None:
        """Answer a question as soon as one of the threads is free."""
        with self._changed:
            self._questions.append(question)
            if self._running == AT_ONCE:
                return
            self._running += 1
        threading.Thread(target=self._work, name="look", daemon=True).start()

    def _work(self) -> None:
        while taken := self._take():
            number, question = taken
            answer: Posted | BaseException
            try:
                answer = Posted(Answer(question, self._found(question)))
            except (ConnectionFailed, StatusError) as error:
                answer = Posted(Answer(question, unanswered=str(error)))
            except BaseException as error:  # noqa: BLE001 - raised again by Watch.next
                answer = error
            with self._changed:
                self._changed.wait_for(lambda: min(self._open) == number, A_MOMENT)  # noqa: B023
                self._put(answer)
                self._open.discard(number)
                self._changed.notify_all()

    def _take(self) -> tuple[int, Question] | None:
        with self._changed:
            if not self._questions or self._stopped.is_set():
                self._running -= 1
                return None
            self._taken += 1
            self._open.add(self._taken)
            return self._taken, self._questions.popleft()

    def _found(self, question: Question) -> Surroundings:
        """The answer; raises what kept the server from giving it: then it is to be asked again."""
        clone, (namespace, name) = question.clone, question.key
        if question.need is Need.TARGET:
            return self._target(clone, namespace)
        from kubectl_virt_clone.actions.describe import events_of, surroundings_of

        if question.need is Need.EVENTS:
            return Surroundings(
                events=events_of(self._session, namespace, name, uid_of(clone), **self._limits)
            )
        self._confirm(clone)
        return surroundings_of(self._session, namespace, clone, **self._limits)

    def _confirm(self, clone: Object) -> None:
        """Raise ConnectionFailed if there is a newer version, which the watch will tell.

        What stands around the clone now would not be what stood around this version.
        """
        version = ("metadata", "resourceVersion")
        try:
            now = get(self._session, self._resource, *key_of(clone), **self._limits)
        except StatusError as error:
            if error.code != HTTPStatus.FORBIDDEN:
                raise
        else:
            if at(now, *version) != at(clone, *version):
                raise ConnectionFailed("it has changed since")

    def _target(self, clone: Object, namespace: str) -> Surroundings:
        """The target, with the claims that it may have adopted.

        Where it has no mark of the clone, also the events on the clone's restore.
        """
        name = target_of(clone)
        target = self._listed(VIRTUAL_MACHINES, namespace, name) or {}
        # A list may be older than the restore, or lack the volumes.
        suffices = is_marked(clone, target) and ("spec" in target or not may_adopt(clone))
        found = Lookup(target) if suffices else self._read(VIRTUAL_MACHINES, namespace, name)
        if found.unreadable:
            return Surroundings(target=found)
        target = found.object or {}
        claims: dict[str, Lookup] = {}
        for claim in own_claims(clone, target):
            listed = self._listed(PERSISTENT_VOLUME_CLAIMS, namespace, claim)
            claims[claim] = (
                Lookup(listed) if listed else self._read(PERSISTENT_VOLUME_CLAIMS, namespace, claim)
            )
        if is_marked(clone, target):
            return Surroundings(target=found, claims=claims)
        from kubectl_virt_clone.actions.describe import events_of

        events = events_of(self._session, namespace, restore_name(clone), "", **self._limits)
        return Surroundings(target=found, claims=claims, events=events)

    def _listed(self, resource: Resource, namespace: str, name: str) -> Object | None:
        listed = self._lists.get((resource, namespace))
        return listed.pop(name) if listed else None

    def _read(self, resource: Resource, namespace: str, name: str) -> Lookup:
        """An object, not there, or not ours to read; raises what may pass."""
        try:
            return Lookup(get(self._session, resource, namespace, name, **self._limits))
        except StatusError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return Lookup()
            if error.code != HTTPStatus.FORBIDDEN:
                raise
            return Lookup(unreadable=error.message)


class _Listed:
    """The objects of a namespace, in a list that the first who wants one reads.

    None where that fails: each is asked for by its name then.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        namespace: str,
        limits: Any,
        *,
        metadata_only: bool,
    ) -> None:
        read = partial(pages, metadata_only=metadata_only, notice=lambda _: None)
        self._pages = read(session, resource, namespace, **limits)
        self._lock = threading.Lock()
        self._objects: dict[str, Object] = {}

    def pop(self, name: str) -> Object | None:
        """The object of that name, which is given once."""
        with self._lock:
            with suppress(ConnectionFailed, StatusError):
                self._objects.update({name_of(obj): obj for page in self._pages for obj in page})
            return self._objects.pop(name, None)


def within(seconds: float, call: Callable[[], T]) -> T | None:
    """The value of a call, or None where it takes longer than that; raises what it raises."""
    answers: Queue[T | BaseException] = Queue()

    def answer() -> None:
        try:
            answers.put(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            answers.put(error)

    threading.Thread(target=answer, name="look", daemon=True).start()
    try:
        value = answers.get(timeout=seconds)
    except Empty:
        return None
    if isinstance(value, BaseException):
        raise value
    return value


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
