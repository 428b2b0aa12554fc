"""Clones created side by side, and the snapshot that several of one VM share.

An earlier run may have been interrupted anywhere: what is there already is taken as it is. What is
said about it is the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from kubectl_virt_clone.cluster.concurrency import in_order, stoppable
from kubectl_virt_clone.cluster.paging import pages
from kubectl_virt_clone.cluster.resources import CONFLICT, create, delete, get, is_busy
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.cluster.snapshots import find_snapshot, own, until_ready
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    StatusError,
    VirtCloneError,
)
from kubectl_virt_clone.model.api import SNAPSHOTS, Resource
from kubectl_virt_clone.model.manifest import named
from kubectl_virt_clone.model.objects import Object, name_of, text_at
from kubectl_virt_clone.model.progress import has_children
from kubectl_virt_clone.model.shared_snapshot import is_same, shares, sharing

Say = Callable[[Object, str], None]
"""Hears what became of an object: created, unchanged, deleted."""
Outcome = Any  # a stored object, or the VirtCloneError that says why there is none


@dataclass(frozen=True)
class Plan:
    """What there is to create: the clones that are ``missing``.

    ``there`` are those that exist as they are wanted, ``errors`` stand for those that exist
    otherwise.
    """

    missing: Sequence[Object]
    there: Sequence[dict[str, Any]] = ()
    errors: Sequence[VirtCloneError] = ()


def plan_of(
    session: Session,
    served: Resource,
    clones: Sequence[Object],
    snapshot: Object | None,
    *,
    notice: Callable[[str], None],
) -> Plan:
    """What an earlier run of the same command left to create; all clones are in one namespace."""
    namespace = text_at(clones[0], "metadata", "namespace") or session.namespace
    names = {name_of(clone) for clone in clones}
    listed = (obj for page in pages(session, served, namespace, notice=notice) for obj in page)
    stored = {name_of(obj): obj for obj in listed if name_of(obj) in names}
    missing, there, errors = [], [], list[VirtCloneError]()
    for clone in clones:
        found = stored.get(name_of(clone))
        if found is None:
            missing.append(clone)
        elif is_same(found, clone) or (snapshot and is_same(found, sharing(clone, snapshot))):
            there.append(found)
        else:
            errors.append(VirtCloneError(f"{named(clone)} exists already, and is another clone"))
    return Plan(missing, there, errors)


class Batch:
    """The creation of what a plan says, and of the ``snapshot`` that its clones share, if any.

    ``clones`` are those that are there, whoever created them, in order; ``errors`` stand for the
    others.
    """

    def __init__(
        self,
        session: Session,
        served: Resource,
        plan: Plan,
        snapshot: Object | None,
        *,
        at_once: int,
        dry_run: bool,
    ) -> None:
        self.session = session
        self.served = served
        self.dry_run = dry_run
        self.clones: list[dict[str, Any]] = []
        self.errors: list[VirtCloneError] = list(plan.errors)
        self._plan = plan
        self._snapshot = snapshot
        self._taken: Object | None = None
        self._at_once = at_once
        self._stopped = threading.Event()

    def create(self, say: Say, notice: Callable[[str], None], *, timeout: float) -> None:
        """Create what is missing; ``say`` hears of each object what became of it.

        ``timeout``, in seconds, is for the snapshot to be ready. Raises WaitInterrupted, which
        names what is there by then.
        """

        def told(answered: bool) -> str:
            wanted = len(self._plan.missing) + len(self._plan.there)
            if wanted == 1 and answered:
                fate = "is there" if self.clones else "was not created"
                return f"interrupted; {named([*self.clones, *self._plan.missing][0])} {fate}"
            kept = f" with the snapshot {name_of(self._taken)}" if self._taken else ""
            unknown = "" if answered else f"; no answer came for up to {self._at_once} more"
            there = f"{len(self.clones)} of {wanted} clones are there{kept}{unknown}"
            return f"interrupted; {there}; the same command creates what is missing"

        stoppable(partial(self._create, say, notice, timeout), self._stopped, told)

    def _create(self, say: Say, notice: Callable[[str], None], timeout: float) -> None:
        for clone in self._plan.there:
            self.clones.append(clone)
            say(clone, "unchanged")
        taken = self._take_snapshot(say, notice, timeout) if self._snapshot else None
        wanted = self._plan.missing
        for outcome in self._created([sharing(c, taken) for c in wanted] if taken else wanted):
            if isinstance(outcome, VirtCloneError):
                self.errors.append(outcome)
            elif outcome is not None:
                self.clones.append(outcome)
                say(outcome, "created")
        if taken and not self.dry_run:
            own(self.session, taken, [clone for clone in self.clones if shares(clone, taken)])

    def _created(self, clones: Sequence[Object]) -> Iterator[Outcome]:
        """Each stored object, why it was refused, or None where it was too late, in order.

        A server that is too busy slows it down. Where no answer came to the first, no other is
        tried.
        """
        calls = [partial(self._unless_stopped, _Creation(self, clone)) for clone in clones]
        answered = False
        for outcome in in_order(calls, at_once=self._at_once, is_busy=is_busy):
            yield outcome
            answered = answered or not isinstance(outcome, ConnectionFailed)
            if not answered:
                return

    def _unless_stopped(self, creation: Callable[[], Outcome]) -> Outcome:
        return None if self._stopped.is_set() else creation()

    def _take_snapshot(
        self, say: Say, notice: Callable[[str], None], timeout: float
    ) -> Object | None:
        """The snapshot to clone from, ready; None where nothing is missing, and it is gone."""
        wanted = self._snapshot or {}
        taken: Object | None = find_snapshot(self.session, wanted)
        if taken is not None:
            say(taken, "unchanged")
        elif self._plan.missing:
            taken = create(self.session, SNAPSHOTS, wanted, dry_run=self.dry_run)
            say(taken, "created")
        if taken is None or self.dry_run:
            return taken
        self._taken = taken
        if not self._plan.missing:
            return taken
        notice(f"waiting until {named(taken)} is ready")
        return until_ready(self.session, taken, timeout=timeout, stopped=self._stopped)

    def finish(self, done: Sequence[Object], say: Say, *, rm: bool) -> None:
        """Delete what nobody needs any more, now that the ``done`` clones reached their goal.

        With ``rm`` their objects; and the snapshot once all have all of their volumes.
        """
        whole = len(done) == len(self.clones) and not self.errors
        if self._taken and whole and not any(map(has_children, done)):
            delete(self.session, SNAPSHOTS, self._taken)
            say(self._taken, "deleted")
        if rm:
            for clone in done:
                delete(self.session, self.served, clone)
                say(clone, "deleted")


class _Creation:
    """The creation of one clone, which may be tried more than once.

    An answer that was lost may stand for an object that was made: if it is what was asked for, it
    is taken for the answer.
    """

    def __init__(self, batch: Batch, clone: Object) -> None:
        self._batch = batch
        self._clone = clone
        self._tried = False

    def __call__(self) -> Outcome:
        again, self._tried = self._tried, True
        batch = self._batch
        try:
            return create(batch.session, batch.served, self._clone, dry_run=batch.dry_run)
        except (ConnectionFailed, StatusError) as error:
            if again and isinstance(error, StatusError) and error.code == CONFLICT:
                return self._made_before() or error
            return error

    def _made_before(self) -> dict[str, Any] | None:
        session = self._batch.session
        namespace = text_at(self._clone, "metadata", "namespace") or session.namespace
        try:
            stored = get(session, self._batch.served, namespace, name_of(self._clone))
        except (ConnectionFailed, StatusError):
            return None
        return stored if is_same(stored, self._clone) else None
