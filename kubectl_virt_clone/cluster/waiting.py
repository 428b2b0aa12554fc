"""The wait loop: one list and one watch, a verdict on each change, until all is decided.

What a state means is ``model.progress``'s and ``model.diagnosis``'s to say, how it looks
``render``'s.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from kubectl_virt_clone.cluster.changes import Changed, Listed, Notice, Scope, Unreadable
from kubectl_virt_clone.cluster.children import Children
from kubectl_virt_clone.cluster.judging import Judge, Judgement, is_silent
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.cluster.wanted import Wanted
from kubectl_virt_clone.cluster.watching import Watch, watching
from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.model.api import Resource
from kubectl_virt_clone.model.cause import Cause
from kubectl_virt_clone.model.diagnosis import SILENT_SECONDS
from kubectl_virt_clone.model.objects import Key, Object, key_of, text_at, uid_of
from kubectl_virt_clone.model.progress import (
    SUCCEEDED,
    Goal,
    Outcome,
    Result,
    Verdict,
    phase_of,
)

A_WEEK = 7 * 24 * 3600.0
# The first look is taken however short the timeout is; a server that is silent gets this long.
FIRST_LOOK_SECONDS = 10.0
# Without a change for this long a clone in progress stalls: its children may know why.
STALL_SECONDS = 1.0
LOOK_SECONDS = 0.25  # between two looks at which ones stall
# Between two looks at what can't be followed.
AGAIN_SECONDS = 1.0
# How many stuck clones are looked into one by one, where their children are not followed.
A_FEW = 20


class Observer(Protocol):
    """Who is told while it goes on. ``interval``: seconds between two calls of ``tick``."""

    interval: float

    def began(self, keys: list[Key]) -> None:
        """Which clones are waited for."""

    def changed(self, clone: Object, cause: Cause | None) -> None:
        """A clone has a new version, or it is known now what holds it up."""

    def decided(self, result: Result) -> None:
        """A clone reached its goal, or never can."""

    def tick(self) -> None:
        """Some time passed without a change."""

    def notice(self, text: str) -> None:
        """Something about the watch itself."""


def wait_for(
    session: Session,
    resource: Resource,
    wanted: Wanted,
    goal: Goal,
    *,
    timeout: float,
    observer: Observer,
    fail_on_pending: bool = False,
) -> list[Result]:
    """Wait until each of the clones that are ``wanted`` reached ``goal``, or never can.

    ``timeout`` in seconds is shared by all; 0 looks once, a negative one waits a week. Returns a
    result for each clone, in order. Raises VirtCloneError if a selector chooses none.
    """
    seconds = timeout if timeout >= 0 else A_WEEK
    began = time.monotonic()
    scopes = wanted.scopes(resource, goal)
    with watching(session, scopes) as watch:
        children = Children(watch)
        judge = Judge(
            session,
            resource,
            goal,
            around=children.around,
            notice=observer.notice,
            fail_on_pending=fail_on_pending,
        )
        waiting = _Waiting(watch, children, judge, goal, observer)
        waiting.begin(scopes, wanted.uids)
        while waiting.goes_on and not (timeout == 0 and waiting.looked):
            allowed = seconds if waiting.looked else max(seconds, FIRST_LOOK_SECONDS)
            remaining = began + allowed - time.monotonic()
            if remaining <= 0:
                break
            waiting.step(min(remaining, observer.interval))
        waiting.end()
    return list(waiting.results.values())


@dataclass
class _Seen:
    """What is remembered of one clone: the object that is waited for, and its last version."""

    uid: str
    clone: Object | None = None
    cause: Cause | None = None
    changed_at: float = 0.0
    looked_at: float = 0.0


class _Waiting:
    """The clones waited for: what was last seen of each, and what is decided."""

    def __init__(
        self, watch: Watch, children: Children, judge: Judge, goal: Goal, observer: Observer
    ) -> None:
        self._watch = watch
        self._children = children
        self._judge = judge
        self._goal = goal
        self._observer = observer
        self._scopes: set[Scope] = set()
        self._unlisted: set[Scope] = set()
        self._unread: set[Key] = set()  # whose judgement has to be made again
        self._present: dict[Key, Object] = {}
        self._seen: dict[Key, _Seen] = {}
        self._undecided: set[Key] = set()
        self._next_look = 0.0
        self.results: dict[Key, Result] = {}

    @property
    def looked(self) -> bool:
        """Whether every clone was looked at once."""
        return not self._unlisted and not self._unread

    @property
    def goes_on(self) -> bool:
        """Whether there is anything left to wait for."""
        return bool(self._undecided or self._unlisted or (not self.results and self._may_come))

    @property
    def _may_come(self) -> bool:
        return self._goal.kind == "create"

    def begin(self, scopes: Iterable[Scope], uids: Mapping[Key, str]) -> None:
        """Wait for the clones of these names, or for those that the first list shows."""
        self._scopes.update(scopes)
        self._unlisted.update(self._scopes)
        self._add(uids)

    def _add(self, uids: Mapping[Key, str]) -> None:
        now = time.monotonic()
        for key, uid in uids.items():
            self._seen[key] = _Seen(uid, changed_at=now)
            self._undecided.add(key)
            verdict = Verdict(Outcome.POSSIBLE)
            self.results[key] = Result(key, verdict, None, known=bool(uid))
        if uids:
            self._observer.began([key for key in self.results if key in self._undecided])

    def step(self, timeout: float) -> None:
        """Take one change from the watch, or let ``timeout`` seconds pass."""
        change = self._watch.next(timeout)
        if isinstance(change, Notice):
            self._observer.notice(change.text)
        elif isinstance(change, Unreadable) or (
            isinstance(change, Listed | Changed) and change.scope not in self._scopes
        ):
            for key in self._children.take(change):
                self._look_again(key)
        elif isinstance(change, Listed):
            self._take_page(change)
        elif isinstance(change, Changed):
            self._take(change)
        else:
            self._observer.tick()
        if time.monotonic() >= self._next_look:
            self._look_at_stalled()

    def _take_page(self, page: Listed) -> None:
        """Judge what is there; and with the last page, what is not."""
        scope = page.scope
        if page.first:
            self._present.clear()
        self._present.update({key_of(obj): obj for obj in page.objects})
        if not page.last:
            return
        if not scope.names and scope in self._unlisted:
            if not self._present and self._goal.kind not in ("create", "delete"):
                raise VirtCloneError("no matching resources found")
            self._add(dict.fromkeys(self._present, ""))
        self._unlisted.discard(scope)
        self._judge.prepare(self._present[key] for key in self._undecided & self._present.keys())
        for key in [key for key in self._seen if key in self._undecided]:
            if scope.namespace in ("", key[0]):
                self._see(key, self._present.get(key))
        self._present.clear()

    def _take(self, change: Changed) -> None:
        key = key_of(change.object)
        if self._may_come and change.scope.selector and key not in self._seen:
            self._add({key: ""})
        if key in self._undecided:
            seen = self._seen[key]
            if change.deleted and uid_of(change.object) == (seen.uid or uid_of(change.object)):
                seen.clone = change.object
            self._see(key, None if change.deleted else change.object)

    def _see(self, key: Key, clone: Object | None) -> None:
        """Take note of a clone's new version, None for one that is gone, and judge it."""
        seen = self._seen[key]
        if clone is not None and seen.uid and uid_of(clone) != seen.uid:
            clone = None  # another object of the same name: ours is gone
        if clone is not None and _version(clone) == _version(seen.clone) != "":
            return  # listed anew, but nothing changed
        seen.changed_at = time.monotonic()
        if clone is None:
            self._decide(key, self._judge.of_gone(seen.clone))
            return
        seen.uid, seen.clone = uid_of(clone), clone
        if self._children.is_open(key[0]):
            self._children.know(clone)
        self._decide(key, self._judge.of(clone), changed=True)

    def _look_again(self, key: Key) -> None:
        """Judge the version at hand once more, for something around it changed."""
        clone = self._seen[key].clone
        if key in self._undecided and clone is not None:
            self._decide(key, self._judge.of(clone))

    def _decide(self, key: Key, judged: Judgement, *, changed: bool = False) -> None:
        seen = self._seen[key]
        before, seen.cause, seen.looked_at = seen.cause, judged.cause, time.monotonic()
        (self._unread.add if judged.again else self._unread.discard)(key)
        result = replace(
            self.results[key], verdict=judged.verdict, clone=seen.clone, cause=judged.cause
        )
        self.results[key] = result
        if judged.verdict.outcome is not Outcome.POSSIBLE:
            self._undecided.discard(key)
            self._observer.decided(result)
        elif seen.clone is not None and (changed or judged.cause != before):
            self._observer.changed(seen.clone, judged.cause)

    def _look_at_stalled(self) -> None:
        """Look into what has not changed for a while; the children are followed from then on."""
        now = time.monotonic()
        self._next_look = now + LOOK_SECONDS
        for key in list(self._unread):
            if now - self._seen[key].looked_at >= AGAIN_SECONDS:
                self._look_again(key)
        for key in self._undecided - self._unread:
            seen = self._seen[key]
            if seen.clone is None or now - seen.changed_at < STALL_SECONDS:
                continue
            if now - seen.looked_at >= AGAIN_SECONDS or not self._children.is_open(key[0]):
                self._look_into(key, seen.clone, now - seen.changed_at)

    def _look_into(self, key: Key, clone: Object, quiet: float) -> None:
        phase = phase_of(clone)
        if is_silent(clone):
            if quiet >= SILENT_SECONDS:
                self._decide(key, self._judge.of_silent(clone))
        elif phase == SUCCEEDED:
            # Only its volumes are waited for: nothing tells when their claims change.
            self._decide(key, self._judge.closely(clone))
        elif phase and not self._children.is_open(key[0]):
            clones = (self._seen[other].clone for other in self._undecided if other[0] == key[0])
            self._children.open(key[0], [other for other in clones if other is not None])

    def end(self) -> None:
        """The time is up, or all is decided: say of the rest what can be known of it."""
        if self._watch.trouble or not self.looked:
            why = self._watch.trouble or "the server did not answer"
            for key in self._undecided:
                verdict = Verdict(Outcome.POSSIBLE, why)
                self.results[key] = replace(self.results[key], verdict=verdict)
            return
        for key in sorted(self._undecided)[:A_FEW]:
            seen = self._seen[key]
            if seen.clone and phase_of(seen.clone) and seen.cause is None:
                self._decide(key, self._judge.closely(seen.clone))


def _version(clone: Object | None) -> str:
    return text_at(clone, "metadata", "resourceVersion")
