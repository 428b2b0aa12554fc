"""Clones created side by side, and the snapshot that several of one VM share.

What an earlier run left is ``planning.py``'s to find. What is said of each object is the caller's.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from kubectl_virt_clone.cluster.concurrency import in_order, stoppable
from kubectl_virt_clone.cluster.planning import Plan
from kubectl_virt_clone.cluster.resources import CONFLICT, create, delete, get, is_busy
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.cluster.snapshots import own, take, until_ready
from kubectl_virt_clone.errors import ConnectionFailed, StatusError, VirtCloneError
from kubectl_virt_clone.model.api import SNAPSHOTS, Resource
from kubectl_virt_clone.model.manifest import chosen_name, named
from kubectl_virt_clone.model.objects import Object, name_of, text_at
from kubectl_virt_clone.model.progress import has_children
from kubectl_virt_clone.model.shared_snapshot import is_same, shares, sharing

Say = Callable[[Object, str], None]
"""Hears what became of an object: created, unchanged, deleted."""
Outcome = Any  # (stored object, its fate), the VirtCloneError that says why there is none, or None


class Batch:
    """The creation of what a plan says, and of the ``snapshot`` that its clones share, if any.

    ``clones`` are those that are there, whoever created them, in order; ``errors`` stand for the
    others, and for what else went wrong on the way.
    """

    def __init__(
        self,
        session: Session,
        served: Resource,
        plan: Plan,
        *,
        at_once: int,
        dry_run: bool,
    ) -> None:
        self.session = session
        self.served = served
        self.plan = plan
        self.dry_run = dry_run
        self.clones: list[dict[str, Any]] = []
        self.errors: list[VirtCloneError] = list(plan.errors)
        self._taken = plan.snapshot
        self._at_once = at_once
        self._stopped = threading.Event()
        self._unwritten: OSError | None = None

    def create(self, say: Say, notice: Callable[[str], None], *, timeout: float) -> None:
        """Create what is missing; ``say`` hears of each object what became of it.

        ``timeout``, in seconds, is for the snapshot to be ready. Raises WaitInterrupted, or
        VirtCloneError where ``say`` can't be heard any more, both naming what is there by then.
        """
        work = partial(self._create, partial(self._tell, say), notice, timeout)
        stoppable(work, self._stopped, self._told)
        if self._unwritten:
            raise VirtCloneError(f"{self._unwritten}; {self._told(True)}") from self._unwritten

    def _told(self, answered: bool) -> str:
        wanted = len(self.plan.missing) + len(self.plan.there)
        if wanted == 1 and answered:
            fate = "is there" if self.clones else "was not created"
            return f"interrupted; {named([*self.clones, *self.plan.missing][0])} {fate}"
        kept = f" with the snapshot {name_of(self._taken)}" if self._taken else ""
        unknown = "" if answered else f"; no answer came for up to {self._at_once} more"
        there = f"{len(self.clones)} of {wanted} clones are there{kept}{unknown}"
        return f"interrupted; {there}; the same command creates what is missing"

    def _tell(self, say: Say, obj: Object, fate: str) -> None:
        """Say what became of an object; where nobody hears it, nothing new is begun."""
        try:
            say(obj, fate)
        except OSError as error:
            self._unwritten = error
            self._stopped.set()

    def _create(self, say: Say, notice: Callable[[str], None], timeout: float) -> None:
        for vm in self.plan.done:
            say(vm, "unchanged")
        for present in self.plan.there:
            self.clones.append(present)
            say(present, "unchanged")
        taken = self._take_snapshot(say, notice, timeout) if self.plan.wanted else None
        clones = self.plan.missing
        if taken and not self.dry_run:
            clones = [sharing(clone, taken) for clone in clones]
        for clone, outcome in zip(clones, self._created(clones), strict=False):
            if isinstance(outcome, VirtCloneError):
                self.errors.append(_about(clone, outcome, len(clones)))
            elif outcome is not None:
                self.clones.append(outcome[0])
                say(*outcome)
        if taken and not self.dry_run:
            self._hand_over(taken, say)

    def _created(self, clones: Sequence[Object]) -> Iterator[Outcome]:
        """What became of each clone, None where it was too late to begin with it, in order.

        A server that is too busy slows it down. Where no answer came to the first, nothing new is
        begun; what is under way is waited for.
        """
        calls = [partial(self._unless_stopped, _Creation(self, clone)) for clone in clones]
        answered, left = False, 0
        for outcome in in_order(calls, at_once=self._at_once, is_busy=is_busy):
            answered = answered or not isinstance(outcome, ConnectionFailed)
            if not answered:
                self._stopped.set()
            left += outcome is None
            yield outcome
        if left and not answered:
            self.errors.append(VirtCloneError(f"{left} more clones were not tried"))

    def _unless_stopped(self, creation: Callable[[], Outcome]) -> Outcome:
        return None if self._stopped.is_set() else creation()

    def _take_snapshot(
        self, say: Say, notice: Callable[[str], None], timeout: float
    ) -> Object | None:
        """The snapshot to clone from, ready; None where nothing is missing, and it is gone."""
        taken: Object | None = self.plan.snapshot
        if taken is not None:
            say(taken, "unchanged")
        elif self.plan.missing:
            fresh = take(self.session, self.plan.wanted or {}, dry_run=self.dry_run)
            taken = fresh[0]
            say(*fresh)
        if taken is None or self.dry_run:
            return taken
        self._taken = taken
        if not self.plan.missing:
            return taken
        notice(f"waiting until {named(taken)} is ready")
        return until_ready(self.session, taken, timeout=timeout, stopped=self._stopped)

    def _hand_over(self, taken: Object, say: Say) -> None:
        """Let the clones own the snapshot; one that we took and nobody came to use goes."""
        users = [clone for clone in self.clones if shares(clone, taken)]
        try:
            if users:
                own(self.session, taken, users)
            elif taken is not self.plan.snapshot and not self._stopped.is_set():
                delete(self.session, SNAPSHOTS, taken)
                self._taken = None
                say(taken, "deleted")
        except (ConnectionFailed, StatusError) as error:
            self.errors.append(VirtCloneError(f"{named(taken)} stays: {error}"))

    def finish(self, done: Sequence[Object], say: Say, *, rm: bool) -> None:
        """Delete what nobody needs any more, now that the ``done`` clones reached their goal.

        With ``rm`` their objects; and the snapshot once all have all of their volumes. Raises
        WaitInterrupted, which says what was deleted by then.
        """
        whole = len(done) == len(self.clones) and not self.errors
        if rm:
            self._remove(self.served, done, say)
        if self._taken and whole and not any(map(has_children, done)):
            self._remove(SNAPSHOTS, [self._taken], say)

    def _remove(self, resource: Resource, objects: Sequence[Object], say: Say) -> None:
        from kubectl_virt_clone.cluster.removing import Removal  # few runs delete anything

        removal = Removal(
            self.session, resource, objects, at_once=self._at_once, dry_run="none", named=False
        )
        removal.run(lambda obj: say(obj, "deleted"))
        self.errors += removal.errors


def _about(clone: Object, error: VirtCloneError, number: int) -> VirtCloneError:
    """The error with the name of its clone, where it could be that of any."""
    if number == 1 or f'"{name_of(clone)}"' in str(error):
        return error
    about = VirtCloneError(f"{named(clone)} was not created: {error}")
    about.exit_code = error.exit_code
    return about


class _Creation:
    """The creation of one clone, which may be tried more than once, under the same name.

    An answer that was lost may stand for an object that was made: if it is what was asked for, it
    is taken for the answer. In a series, whose names are the same in every run, another run may
    have been faster.
    """

    def __init__(self, batch: Batch, clone: Object) -> None:
        self._batch = batch
        self._clone = chosen_name(clone, choose=secrets.choice)
        self._tried = False

    def __call__(self) -> Outcome:
        again, self._tried = self._tried, True
        batch = self._batch
        try:
            made = create(batch.session, batch.served, self._clone, dry_run=batch.dry_run)
        except (ConnectionFailed, StatusError) as error:
            taken = isinstance(error, StatusError) and error.code == CONFLICT
            there = self._made_before() if taken and (again or batch.plan.is_series) else None
            return (there, "created" if again else "unchanged") if there else error
        return made, "created"

    def _made_before(self) -> dict[str, Any] | None:
        session = self._batch.session
        namespace = text_at(self._clone, "metadata", "namespace") or session.namespace
        try:
            stored = get(session, self._batch.served, namespace, name_of(self._clone))
        except (ConnectionFailed, StatusError):
            return None
        return stored if is_same(stored, self._clone) else None
