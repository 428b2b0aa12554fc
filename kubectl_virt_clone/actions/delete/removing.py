"""Clones found and deleted, side by side: exactly those that were found, whoever takes their names.

``clone.removal`` decides which ones may go; the caller reports the result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any

from kubectl_virt_clone.clone.api import CLONES, named
from kubectl_virt_clone.clone.removal import Limits, loses_data, remembered
from kubectl_virt_clone.errors import ConnectionFailed, StatusError, VirtCloneError, is_missing
from kubectl_virt_clone.kube.pool import in_order, stoppable
from kubectl_virt_clone.kube.resource import delete, each, pages
from kubectl_virt_clone.kube.transport import Session, is_busy
from kubectl_virt_clone.objects.fields import Object, name_of
from kubectl_virt_clone.objects.resource import Resource, Selection
from kubectl_virt_clone.render.removal import NAMES_IN_A_LINE, kept

SayDeleted = Callable[[Object], None]
"""Hears of each object that was deleted."""
DeleteAnswer = Any
"""None for a deletion, a VirtCloneError that says why there was none, or NOT_MADE."""
NOT_MADE = "not made"
PAUSES = (0.1, 0.2, 0.4, 0.8)  # before a lone deletion is tried again on a busy server


@dataclass(frozen=True)
class Found:
    """What is to be deleted, as much of it as is needed; ``spared`` is how many are not.

    ``errors`` stand for names that could not be read, and for clones whose deletion would lose
    data.
    """

    clones: Sequence[Object]
    spared: int
    errors: Sequence[VirtCloneError]


def find(
    session: Session,
    served: Resource,
    selection: Selection,
    limits: Limits,
    now: datetime,
    *,
    at_once: int,
    notice: Callable[[str], None],
    careful: bool = True,
) -> Found:
    """The clones of a selection that the limits allow to delete, before the first is deleted.

    Where it is ``careful``, those are left whose targets would lose data.
    """
    clones, errors, spared = [], list[VirtCloneError](), 0
    losing = []
    if selection.names:
        read = each(session, served, session.namespace, selection.distinct, at_once=at_once)
    else:
        namespace = selection.scope(session.namespace)
        listed = pages(session, served, namespace, selection.query, notice=notice)
        read = (obj for page in listed for obj in page)
    for outcome in read:
        if isinstance(outcome, VirtCloneError):
            errors.append(outcome)
        elif not limits.allow(outcome, now):
            spared += 1
        elif careful and loses_data(outcome):
            losing.append(remembered(outcome))
        else:
            clones.append(remembered(outcome))
    if losing:
        errors.append(VirtCloneError(kept(losing, _some(losing), session.flags.access)))
    return Found(clones, spared, errors)


class Removal:
    """The deletion of ``objects``; ``gone`` are those that were deleted.

    One that is missing by now is an error only if it was ``named``.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        objects: Sequence[Object],
        *,
        at_once: int,
        dry_run: str,
        named: bool,
    ) -> None:
        self.gone: list[Object] = []
        self._session = session
        self._resource = resource
        self._objects = objects
        self._at_once = at_once
        self._dry_run = dry_run
        self._named = named
        self._stopped = threading.Event()
        self._untried = 0
        self._unsaid: OSError | None = None
        self._refused: list[VirtCloneError] = []
        # Why, and whether that is an answer: whose deletion failed so, where the error names none.
        self._failed: dict[tuple[str, bool], list[Object]] = {}

    @property
    def state(self) -> str:
        """How many are deleted by now."""
        what = "clones" if self._resource.kind == CLONES.kind else "snapshots"
        fate = "are deleted" if self._dry_run == "none" else "would be deleted"
        return f"{len(self.gone)} of {len(self._objects)} {what} {fate}"

    @property
    def errors(self) -> list[VirtCloneError]:
        """Why some were not deleted: each of them is named, or counted."""
        errors = [*self._refused]
        for (why, answered), objects in [*self._failed.items()]:
            fate = (
                f"{_some(objects)} {'was' if len(objects) == 1 else 'were'} not deleted"
                if answered
                else f"no answer came to the deletion of {_some(objects)}"
            )
            errors.append(VirtCloneError(f"{fate}: {why}"))
        if self._untried:
            were = "was" if self._untried == 1 else "were"
            errors.append(VirtCloneError(f"{self._untried} more {were} not tried"))
        return errors

    def run(self, say: SayDeleted) -> None:
        """Delete the objects; ``say`` hears of them in their order.

        Raises WaitInterrupted, after all that is deleted was said: Ctrl-C does not reach the thread
        that says it. Raises VirtCloneError where it can't be said: then no other is deleted.
        """

        def told(answered: bool) -> str:
            untold = min(self._at_once, len(self._objects) - len(self.gone))
            unknown = "" if answered or not untold else f"; no answer came for up to {untold} more"
            return f"interrupted; {self.state}{unknown}"

        work = partial(self._delete_all, say)
        stoppable(work, self._stopped, told, alone=len(self._objects) == 1)
        if self._unsaid:
            raise VirtCloneError(f"{self._unsaid.strerror}; {self.state}")

    def _delete_all(self, say: SayDeleted) -> None:
        calls = [_Deletion(partial(self._delete, obj), obj) for obj in self._objects]
        outcomes: Iterable[DeleteAnswer] = (self._patiently(call) for call in calls)
        if len(calls) > 1:
            outcomes = in_order(calls, at_once=self._at_once, is_busy=is_busy)
        for obj, outcome in zip(self._objects, outcomes, strict=True):
            if outcome is None:
                self.gone.append(obj)
                self._say(say, obj)
            elif isinstance(outcome, VirtCloneError):
                self._refuse(obj, outcome)
            elif not self._unsaid:
                self._untried += 1

    def _patiently(self, deletion: Callable[[], DeleteAnswer]) -> DeleteAnswer:
        """Try a lone deletion a few times while the server is too busy for it."""
        for pause in PAUSES:
            outcome = deletion()
            if not is_busy(outcome) or self._stopped.wait(pause):
                return outcome
        return deletion()

    def _say(self, say: SayDeleted, obj: Object) -> None:
        """What nobody can hear of is not deleted: a reader may have gone away."""
        try:
            if not self._unsaid:
                say(obj)
        except OSError as error:
            self._unsaid = error
            self._stopped.set()

    def _refuse(self, obj: Object, error: VirtCloneError) -> None:
        """Keep why one was not deleted; where no other can be, no other is tried."""
        answered = not isinstance(error, ConnectionFailed)
        if not answered or _code(error) == HTTPStatus.UNAUTHORIZED:
            self._stopped.set()
        if is_missing(error) and not self._named:
            return
        if f'"{name_of(obj)}"' in str(error) or named(obj) in str(error):
            self._refused.append(error)
        else:
            self._failed.setdefault((str(error), answered), []).append(obj)

    def _delete(self, obj: Object) -> bool:
        """Delete one, unless it is too late to begin with it: returns whether it was done.

        Raises StatusError or ConnectionFailed.
        """
        if self._stopped.is_set():
            return False
        if self._dry_run != "client":
            dry_run = self._dry_run == "server"
            delete(self._session, self._resource, obj, dry_run=dry_run)
        return True


class _Deletion:
    """The deletion of one object, which may be tried more than once.

    An answer that was lost may have been that of a deletion: then the object is gone, or going.
    """

    def __init__(self, delete: Callable[[], bool], obj: Object) -> None:
        self._delete = delete
        self._obj = obj
        self._tried = False

    def __call__(self) -> DeleteAnswer:
        again, self._tried = self._tried, True
        try:
            return None if self._delete() else NOT_MADE
        except VirtCloneError as error:
            if again and is_missing(error):
                return None
            if _code(error) == HTTPStatus.CONFLICT:
                taken = f"{named(self._obj)} was deleted and created again meanwhile"
                return VirtCloneError(f"{taken}: the new one is left alone")
            return error


def _some(objects: Sequence[Object]) -> str:
    """The first of them by name, and how many more there are."""
    if len(objects) == 1:
        return named(objects[0])
    more = len(objects) - NAMES_IN_A_LINE
    names = ", ".join(map(name_of, objects[:NAMES_IN_A_LINE]))
    return f"{names} and {more} more" if more > 0 else names


def _code(error: VirtCloneError) -> int:
    return error.code if isinstance(error, StatusError) else 0
