"""Create clones side by side, with the snapshot that several of one VM share, and follow them.

``planning`` finds what an earlier run left; the caller says what became of each object.
"""

from __future__ import annotations

import math
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from kubectl_virt_clone.actions.create.planning import Plan
from kubectl_virt_clone.actions.wait.loop import Wanted, wait_for
from kubectl_virt_clone.clone.api import SNAPSHOTS, named
from kubectl_virt_clone.clone.checks.facts import from_snapshot
from kubectl_virt_clone.clone.hint import Command
from kubectl_virt_clone.clone.progress.progress import Goal, Result, has_children
from kubectl_virt_clone.clone.shared_snapshot import is_same, shares, sharing
from kubectl_virt_clone.clone.spec.manifest import chosen_name
from kubectl_virt_clone.errors import ConnectionFailed, StatusError, VirtCloneError, WaitInterrupted
from kubectl_virt_clone.kube.pool import in_order, stoppable
from kubectl_virt_clone.kube.resource import create, delete, get
from kubectl_virt_clone.kube.transport import Session, is_too_busy_to_create
from kubectl_virt_clone.objects.fields import Object, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.objects.resource import ConnectionFlags, Resource, Selection
from kubectl_virt_clone.render.hints import written
from kubectl_virt_clone.render.messages import log, warn
from kubectl_virt_clone.render.progress.live import Met, progress, resumable
from kubectl_virt_clone.render.progress.outcomes import interrupted


def followed(
    creation: Creation,
    goal: Goal,
    *,
    say: SayFate,
    met: Met,
    timeout: float,
    flags: ConnectionFlags,
) -> list[Result]:
    """Create the clones and wait for them; returns how that ended for each that is there.

    ``timeout``, in seconds, is for each of the two. Raises WaitInterrupted.
    """

    def told() -> str:
        keys = [key_of(clone) for clone in creation.clones]
        return interrupted(keys, [goal], flags.access, Selection()) if keys else ""

    with resumable(told):
        creation.create(say, log, timeout=timeout)
        if not creation.clones:
            return []
        for error in creation.errors:
            log(str(error))  # now, for the wait may take long
        for stays in creation.stays:
            warn(str(stays.args[0]))
        wanted = Wanted({key_of(clone): uid_of(clone) for clone in creation.clones})
        with progress(
            sys.stderr, met=met, clock=time.monotonic, goal=goal, access=flags.access
        ) as shown:
            session, served = creation.session, creation.served
            return wait_for(session, served, wanted, goal, timeout=timeout, observer=shown)


SayFate = Callable[[Object, str], None]
"""Hears what became of an object: created, unchanged, deleted."""
CreateAnswer = Any
"""(stored object, its fate), the VirtCloneError that says why there is none, or None."""


class Creation:
    """The creation of what a plan says, and of the ``snapshot`` that its clones share, if any.

    ``clones`` are those that are there, whoever created them, in order; ``errors`` stand for the
    others, and for what else went wrong on the way, ``stays`` for a snapshot that goes only if it
    is deleted, and not with its clones.
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
        self.errors: list[VirtCloneError] = [*plan.errors, *plan.refused]
        self.stays: list[VirtCloneError] = []
        self._taken = plan.snapshot
        self._at_once = at_once
        self._stopped = threading.Event()
        self._unwritten: OSError | None = None
        self._was_busy = False

    def create(self, say: SayFate, notice: Callable[[str], None], *, timeout: float) -> None:
        """Create what is missing; ``say`` hears of each object what became of it.

        ``timeout``, in seconds, is for the snapshot to be ready. Raises WaitInterrupted, or
        VirtCloneError where ``say`` can't be heard any more, both naming what is there by then.
        """
        work = partial(self._create, partial(self._tell, say), notice, timeout)
        alone = len(self.plan.missing) == 1 and not self.plan.is_series
        stoppable(work, self._stopped, self._told, alone=alone)
        if self._unwritten:
            raise VirtCloneError(f"{self._unwritten}; {self._told(True)}") from self._unwritten

    def _told(self, answered: bool) -> str:
        wanted = len(self.plan.missing) + len(self.plan.there)
        if wanted == 1 and (answered or self.clones):
            fate = "is there, and goes on without us" if self.clones else "was not created"
            return f"interrupted; {named([*self.clones, *self.plan.missing][0])} {fate}"
        open_ones = min(self._at_once, wanted - len(self.clones))
        unknown = f"; no answer came for up to {open_ones} more" if open_ones else ""
        return f"interrupted; {self._state('' if answered else unknown)}"

    def _state(self, unknown: str = "") -> str:
        """How many clones are there by now, and how to go on."""
        wanted = len(self.plan.missing) + len(self.plan.there)
        kept = f" with the snapshot {name_of(self._taken)}" if self._taken else ""
        # One that is called otherwise in each run is made anew.
        lasting = self.plan.is_series and all(map(name_of, self.plan.missing))
        again = "; the same command creates what is missing" if lasting else ""
        return f"{len(self.clones)} of {wanted} clones are there{kept}{unknown}{again}"

    def _tell(self, say: SayFate, obj: Object, fate: str) -> None:
        """SayFate what became of an object; where nobody hears it, nothing new is begun."""
        try:
            say(obj, fate)
        except OSError as error:
            self._unwritten = error
            self._stopped.set()

    def _create(self, say: SayFate, notice: Callable[[str], None], timeout: float) -> None:
        for vm in self.plan.done:
            say(vm, "unchanged")
        for present in self.plan.there:
            self.clones.append(present)
            say(present, "unchanged")
        taken = self._take_snapshot(say, notice, timeout) if self.plan.wanted else None
        clones = self.plan.missing
        if taken and not self.dry_run:
            clones = [sharing(clone, taken) for clone in clones]
        created = self._created(clones, notice, timeout or math.inf)
        for clone, outcome in zip(clones, created, strict=False):
            if isinstance(outcome, VirtCloneError):
                self.errors.append(_about(clone, outcome, len(clones)))
            elif outcome is not None:
                self.clones.append(outcome[0])
                say(*outcome)
        if taken and not self.dry_run:
            self._hand_over(taken, say)

    def _created(
        self, clones: Sequence[Object], notice: Callable[[str], None], patience: float
    ) -> Iterator[CreateAnswer]:
        """What became of each clone, None where it was too late to begin with it, in order.

        A server that is too busy slows it down, for so many seconds of ``patience``. Where no
        answer came to the first, nothing new is begun; what is under way is waited for.
        """
        deadline = time.monotonic() + patience
        attempts = [_Attempt(self, clone, deadline) for clone in clones]
        calls = [partial(self._unless_stopped, attempt) for attempt in attempts]
        answered, left = False, 0
        busy = partial(self._is_busy, notice)
        outcomes: Iterable[CreateAnswer] = (call() for call in calls)
        if len(calls) > 1:
            outcomes = in_order(calls, at_once=self._at_once, is_busy=busy, seconds=patience)
        for outcome in outcomes:
            answered = answered or not isinstance(outcome, ConnectionFailed)
            if not answered:
                self._stopped.set()
            left += outcome is None
            yield outcome
        if left and not answered:
            self.errors.append(VirtCloneError(f"{left} more clones were not tried"))

    def _is_busy(self, notice: Callable[[str], None], outcome: CreateAnswer) -> bool:
        """Whether to try a creation again; the user is told the first time."""
        busy = is_too_busy_to_create(outcome)
        if busy and not self._was_busy:
            self._was_busy = True
            notice(f"the server is busy, trying again: {outcome}")
        return busy

    def _unless_stopped(self, creation: Callable[[], CreateAnswer]) -> CreateAnswer:
        return None if self._stopped.is_set() else creation()

    def _take_snapshot(
        self, say: SayFate, notice: Callable[[str], None], timeout: float
    ) -> Object | None:
        """The snapshot to clone from, ready; None where nothing is missing, and it is gone."""
        from kubectl_virt_clone.actions.create.snapshots import take, until_ready

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
        return until_ready(
            *(self.session, taken),
            timeout=timeout,
            stopped=self._stopped,
            notice=notice,
            left=self._state(),
        )

    def _hand_over(self, taken: Object, say: SayFate) -> None:
        """Let the clones own the snapshot; one that we took and nobody came to use goes."""
        from kubectl_virt_clone.actions.create.snapshots import own

        users = [clone for clone in self.clones if shares(clone, taken)]
        try:
            if users:
                own(self.session, taken, users)
            elif taken is not self.plan.snapshot and not self._stopped.is_set():
                delete(self.session, SNAPSHOTS, taken)
                self._taken = None
                say(taken, "deleted")
        except (ConnectionFailed, StatusError) as error:
            why = f"{named(taken)} stays until somebody deletes it: {error}"
            self.stays.append(VirtCloneError(why))

    def finish(self, done: Sequence[Object], say: SayFate, *, rm: bool) -> None:
        """Delete what nobody needs any more, now that the ``done`` clones reached their goal.

        With ``rm`` their objects; and the snapshot once all have all of their volumes. As long as a
        volume needs it whose clone is gone, or a clone is missing, the others stay: it would go
        with them. Raises WaitInterrupted, which says what was deleted by then.
        """
        # What is refused is not missing: no other run makes it.
        missing = len(self.errors) > len(self.plan.refused)
        whole = len(done) == len(self.clones) and not missing
        if rm and not (self._taken and (self.plan.hollow or missing)):
            self._remove(self.served, done, say)
        elif rm and done and not self.plan.hollow:
            why = f"the clones stay with the snapshot {name_of(self._taken)}"
            self.stays.append(VirtCloneError(f"{why}: the same command finishes what is missing"))
        needless = self._taken and whole and not any(map(has_children, done))
        if self._taken and needless and self._remove(SNAPSHOTS, [self._taken], say):
            self.stays.clear()
        self.errors += self.stays
        self.stays.clear()

    def _remove(
        self, resource: Resource, objects: Sequence[Object], say: SayFate
    ) -> Sequence[Object]:
        """Delete objects; returns those that are gone."""
        from kubectl_virt_clone.actions.delete.removing import Removal

        removal = Removal(
            self.session, resource, objects, at_once=self._at_once, dry_run="none", named=False
        )
        try:
            removal.run(lambda obj: say(obj, "deleted"))
        except WaitInterrupted as end:
            gone = {name_of(obj) for obj in removal.gone}
            left = [obj for obj in objects if name_of(obj) not in gone]
            raise WaitInterrupted(f"{end}{self._rest(left)}", end.exit_code) from end
        self.errors += removal.errors
        return removal.gone

    def _rest(self, left: Sequence[Object]) -> str:
        """How to delete the clones that are left, after others of them are gone."""
        if not left or self.served.kind != text_at(left[0], "kind"):
            return ""
        if self._taken or all(map(from_snapshot, left)):
            return "; the same command deletes the others"
        words, namespace = (
            ("delete", *map(name_of, left)),
            text_at(left[0], "metadata", "namespace"),
        )
        command = Command(words, namespace, program="kubectl virt-clone")
        return f". To delete the others:\n  {written((command,), self.session.flags.access)}"


def _about(clone: Object, error: VirtCloneError, number: int) -> VirtCloneError:
    """The error with the name of its clone, where it could be that of any."""
    if number == 1 or f'"{name_of(clone)}"' in str(error):
        return error
    about = VirtCloneError(f"{named(clone)} was not created: {error}")
    about.exit_code = error.exit_code
    return about


class _Attempt:
    """The creation of one clone, which may be tried more than once, under the same name.

    An answer that was lost may stand for an object that was made: if it is what was asked for, it
    is taken for the answer. In a series, whose names are the same in every run, another run may
    have been faster.
    """

    def __init__(self, creation: Creation, clone: Object, deadline: float) -> None:
        self._creation = creation
        self._deadline = deadline
        self._clone = chosen_name(clone, choose=secrets.choice)
        self._tried = False

    def __call__(self) -> CreateAnswer:
        again, self._tried = self._tried, True
        creation = self._creation
        try:
            made = create(
                *(creation.session, creation.served, self._clone),
                dry_run=creation.dry_run,
                deadline=self._deadline,
            )
        except (ConnectionFailed, StatusError) as error:
            taken = isinstance(error, StatusError) and error.code == HTTPStatus.CONFLICT
            there = self._made_before() if taken and (again or creation.plan.is_series) else None
            return (there, "created" if again else "unchanged") if there else error
        return made, "created"

    def _made_before(self) -> dict[str, Any] | None:
        session = self._creation.session
        namespace = text_at(self._clone, "metadata", "namespace") or session.namespace
        try:
            stored = get(
                *(session, self._creation.served, namespace, name_of(self._clone)),
                deadline=self._deadline,
            )
        except (ConnectionFailed, StatusError):
            return None
        return stored if is_same(stored, self._clone) else None
