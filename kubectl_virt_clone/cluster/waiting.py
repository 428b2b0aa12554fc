"""The wait loop: one list and one watch, a verdict on each change, until all is decided.

What a state means is ``model.progress``'s to say, how it looks ``render``'s.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from kubectl_virt_clone.cluster.related import events_of
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.cluster.watching import Changed, Listed, Notice, Watch, watching
from kubectl_virt_clone.model.api import Resource
from kubectl_virt_clone.model.diagnosis import cause
from kubectl_virt_clone.model.objects import Key, Object, key_of, uid_of
from kubectl_virt_clone.model.progress import (
    FAILED,
    Goal,
    Outcome,
    Result,
    Verdict,
    phase_of,
    verdict,
)

A_WEEK = 7 * 24 * 3600.0
# The first look is taken however short the timeout is; a server that is silent gets this long.
FIRST_LOOK_SECONDS = 10.0
# For an event that would only make a sentence better.
EVENTS_SECONDS = 5.0


class Observer(Protocol):
    """Who is told while it goes on. ``interval``: seconds between two calls of ``tick``."""

    interval: float

    def changed(self, clone: Object, why: str) -> None:
        """A clone has a new version; ``why`` says what it waits for, if KubeVirt says so."""

    def decided(self, result: Result) -> None:
        """A clone reached its goal, or never can."""

    def tick(self) -> None:
        """Some time passed without a change."""

    def notice(self, text: str) -> None:
        """Something about the watch itself."""


def wait_for(
    session: Session,
    resource: Resource,
    clones: Mapping[Key, str],
    goal: Goal,
    *,
    timeout: float,
    observer: Observer,
) -> list[Result]:
    """Wait until each of ``clones`` (key → uid, empty if any will do) reached ``goal`` or can't.

    ``timeout`` in seconds is shared by all; 0 looks once, a negative one waits a week. Returns a
    result for each clone, in order.
    """
    waiting = _Waiting(session, clones, goal, observer)
    seconds = timeout if timeout >= 0 else A_WEEK
    began = time.monotonic()
    with watching(session, resource, clones) as watch:
        while waiting.undecided and not (timeout == 0 and waiting.looked):
            allowed = seconds if waiting.looked else max(seconds, FIRST_LOOK_SECONDS)
            remaining = began + allowed - time.monotonic()
            if remaining <= 0:
                break
            waiting.step(watch, min(remaining, observer.interval))
        if watch.trouble or not waiting.looked:
            waiting.trouble(watch.trouble or "the server did not answer")
    return [waiting.results[key] for key in clones]


class _Waiting:
    """The clones waited for: which uid each had, what was last seen of it, what is decided."""

    def __init__(
        self, session: Session, clones: Mapping[Key, str], goal: Goal, observer: Observer
    ) -> None:
        self._session = session
        self._goal = goal
        self._observer = observer
        self._uids = dict(clones)
        self._unlisted = {namespace for namespace, _ in clones}
        self.undecided = set(clones)
        self.results = {
            key: Result(key, Verdict(Outcome.POSSIBLE), None, known=bool(uid))
            for key, uid in clones.items()
        }

    @property
    def looked(self) -> bool:
        """Whether every clone was looked at once."""
        return not self._unlisted

    def step(self, watch: Watch, timeout: float) -> None:
        """Take one change from the watch, or let ``timeout`` seconds pass."""
        change = watch.next(timeout)
        if isinstance(change, Listed):
            self._unlisted.discard(change.namespace)
            present = {key_of(obj): obj for obj in change.objects}
            for key in sorted(key for key in self.undecided if key[0] == change.namespace):
                self._judge(key, present.get(key))
        elif isinstance(change, Changed):
            key = key_of(change.object)
            if key in self.undecided:
                self._judge(key, None if change.deleted else change.object)
        elif isinstance(change, Notice):
            self._observer.notice(change.text)
        else:
            self._observer.tick()

    def trouble(self, why: str) -> None:
        """The server was out of reach when the time was up: that is what to say of the rest."""
        for key in self.undecided:
            result = self.results[key]
            self.results[key] = replace(result, verdict=Verdict(Outcome.POSSIBLE, why))

    def _judge(self, key: Key, clone: Object | None) -> None:
        uid = self._uids[key]
        if clone is not None and uid and uid_of(clone) != uid:
            clone = None  # another object of the same name: ours is gone
        judged = verdict(clone, self._goal)
        if clone is not None:
            self._uids[key] = uid_of(clone)
            judged = self._explained(clone, judged)
        last = self.results[key].clone if clone is None else clone
        result = self.results[key] = replace(self.results[key], verdict=judged, clone=last)
        if judged.outcome is not Outcome.POSSIBLE:
            self.undecided.discard(key)
            self._observer.decided(result)
        elif clone is not None:
            self._observer.changed(clone, judged.reason)

    def _explained(self, clone: Object, judged: Verdict) -> Verdict:
        """Ask the events why a clone Failed whose conditions no longer say so; if they answer."""
        if judged.outcome is not Outcome.NEVER or phase_of(clone) != FAILED or cause(clone):
            return judged
        namespace, name = key_of(clone)
        events = events_of(
            self._session, namespace, name, uid_of(clone), read_timeout=EVENTS_SECONDS
        )
        return replace(judged, reason=cause(clone, events.objects) or judged.reason)
