"""Clones created side by side, and the snapshot that several of one VM share.

An earlier run may have been interrupted anywhere: what is there already is taken as it is. What is
said about it is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kubectl_virt_clone.cluster.concurrency import in_order
from kubectl_virt_clone.cluster.paging import pages
from kubectl_virt_clone.cluster.resources import CONFLICT, create, delete, get
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.cluster.snapshots import find_snapshot, own, until_ready
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    ExitCode,
    StatusError,
    VirtCloneError,
    WaitInterrupted,
)
from kubectl_virt_clone.model.api import SNAPSHOTS, Resource
from kubectl_virt_clone.model.manifest import named
from kubectl_virt_clone.model.objects import Object, name_of, text_at
from kubectl_virt_clone.model.progress import has_children
from kubectl_virt_clone.model.shared_snapshot import is_same, shares, sharing

TOO_MANY_REQUESTS, SERVER_ERROR = 429, 500

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
        self.clones: list[dict[str, Any]] = []
        self.errors: list[VirtCloneError] = list(plan.errors)
        self._plan = plan
        self._snapshot = snapshot
        self._taken: Object | None = None
        self._at_once = at_once
        self._dry_run = dry_run

    def create(self, say: Say, notice: Callable[[str], None], *, timeout: float) -> None:
        """Create what is missing; ``say`` hears of each object what became of it.

        ``timeout``, in seconds, is for the snapshot to be ready. Raises WaitInterrupted, which
        names what is there by then.
        """
        try:
            self._create(say, notice, timeout)
        except (KeyboardInterrupt, SystemExit) as end:
            wanted = len(self._plan.missing) + len(self._plan.there)
            kept = f" with the snapshot {name_of(self._snapshot)}" if self._snapshot else ""
            text = f"interrupted; {len(self.clones)} of {wanted} clones are there{kept}"
            by_signal = isinstance(end, SystemExit)
            code = ExitCode.TERMINATED if by_signal else ExitCode.INTERRUPTED
            message = f"{text}; the same command creates what is missing"
            raise WaitInterrupted(message, code) from end

    def _create(self, say: Say, notice: Callable[[str], None], timeout: float) -> None:
        for clone in self._plan.there:
            self.clones.append(clone)
            say(clone, "unchanged")
        taken = self._take_snapshot(say, notice, timeout) if self._snapshot else None
        wanted = self._plan.missing
        clones = [sharing(clone, taken) for clone in wanted] if taken else wanted
        for outcome in create_each(
            self.session, self.served, clones, at_once=self._at_once, dry_run=self._dry_run
        ):
            if isinstance(outcome, VirtCloneError):
                self.errors.append(outcome)
            else:
                self.clones.append(outcome)
                say(outcome, "created")
        if taken and not self._dry_run:
            self._taken = taken
            own(self.session, taken, [clone for clone in self.clones if shares(clone, taken)])

    def _take_snapshot(
        self, say: Say, notice: Callable[[str], None], timeout: float
    ) -> Object | None:
        """The snapshot to clone from, ready; None where nothing is missing, and it is gone."""
        wanted = self._snapshot or {}
        taken: Object | None = find_snapshot(self.session, wanted)
        if taken is not None:
            say(taken, "unchanged")
        elif self._plan.missing:
            taken = create(self.session, SNAPSHOTS, wanted, dry_run=self._dry_run)
            say(taken, "created")
        if taken is None or self._dry_run or not self._plan.missing:
            return taken
        notice(f"waiting until {named(taken)} is ready")
        return until_ready(self.session, taken, timeout=timeout)

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


def create_each(
    session: Session,
    served: Resource,
    clones: Sequence[Object],
    *,
    at_once: int,
    dry_run: bool = False,
) -> Iterator[Outcome]:
    """Create clones side by side; yields each stored object, or why it was refused, in order.

    A server that is too busy slows it down. Where no answer came to the first, no other is tried.
    """
    calls = [_Creation(session, served, clone, dry_run=dry_run) for clone in clones]
    answered = False
    for outcome in in_order(calls, at_once=at_once, is_busy=_is_busy):
        yield outcome
        answered = answered or not isinstance(outcome, ConnectionFailed)
        if not answered:
            return


class _Creation:
    """The creation of one clone, which may be tried more than once.

    An answer that was lost may stand for an object that was made: if it is what was asked for, it
    is taken for the answer.
    """

    def __init__(self, session: Session, served: Resource, clone: Object, *, dry_run: bool) -> None:
        self._session = session
        self._served = served
        self._clone = clone
        self._dry_run = dry_run
        self._tried = False

    def __call__(self) -> Outcome:
        again, self._tried = self._tried, True
        try:
            return create(self._session, self._served, self._clone, dry_run=self._dry_run)
        except (ConnectionFailed, StatusError) as error:
            if again and isinstance(error, StatusError) and error.code == CONFLICT:
                return self._made_before() or error
            return error

    def _made_before(self) -> dict[str, Any] | None:
        namespace = text_at(self._clone, "metadata", "namespace") or self._session.namespace
        try:
            stored = get(self._session, self._served, namespace, name_of(self._clone))
        except (ConnectionFailed, StatusError):
            return None
        return stored if is_same(stored, self._clone) else None


def _is_busy(outcome: Outcome) -> bool:
    """Whether the same request may pass later; not where KubeVirt's webhook is what is missing."""
    if isinstance(outcome, ConnectionFailed):
        return outcome.reset
    if not isinstance(outcome, StatusError) or "failed calling webhook" in outcome.message:
        return False
    return outcome.code == TOO_MANY_REQUESTS or outcome.code >= SERVER_ERROR
