"""Clones found and deleted, side by side: exactly those that were found, whoever takes their names.

Which ones may go is ``model.removal``'s to say, what is said about it the caller's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from kubectl_virt_clone.cluster.concurrency import in_order, stoppable
from kubectl_virt_clone.cluster.paging import pages
from kubectl_virt_clone.cluster.resources import CONFLICT, NOT_FOUND, delete, get, is_busy
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    StatusError,
    VirtCloneError,
)
from kubectl_virt_clone.model.api import Resource
from kubectl_virt_clone.model.manifest import named
from kubectl_virt_clone.model.objects import Object
from kubectl_virt_clone.model.removal import Limits, remembered
from kubectl_virt_clone.model.selection import Selection

Say = Callable[[Object], None]
"""Hears of each object that was deleted."""
Outcome = Any  # None for a deletion, a VirtCloneError that says why there was none, or NOT_MADE
NOT_MADE = "not made"


@dataclass(frozen=True)
class Found:
    """What is to be deleted, as much of it as is needed; ``spared`` is how many are not.

    ``errors`` stand for names that could not be read.
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
) -> Found:
    """The clones of a selection that the limits allow to delete, before the first is deleted."""
    clones, errors, spared = [], list[VirtCloneError](), 0
    if selection.names:
        read = _by_name(session, served, selection.names, at_once)
    else:
        namespace = selection.scope(session.namespace)
        listed = pages(session, served, namespace, selection.query, notice=notice)
        read = (obj for page in listed for obj in page)
    for outcome in read:
        if isinstance(outcome, VirtCloneError):
            errors.append(outcome)
        elif limits.allow(outcome, now):
            clones.append(remembered(outcome))
        else:
            spared += 1
    return Found(clones, spared, errors)


def _by_name(
    session: Session, served: Resource, names: Iterable[str], at_once: int
) -> Iterator[Any]:
    def read(name: str) -> Any:
        try:
            return get(session, served, session.namespace, name)
        except StatusError as error:
            return error

    calls = [partial(read, name) for name in names]
    return in_order(calls, at_once=at_once, is_busy=is_busy)


class Removal:
    """The deletion of clones; ``gone`` are those that were deleted, ``errors`` stand for others.

    A clone that is missing by now is an error only if it was ``named``.
    """

    def __init__(
        self, session: Session, served: Resource, *, at_once: int, dry_run: str, named: bool
    ) -> None:
        self.gone: list[Object] = []
        self.errors: list[VirtCloneError] = []
        self._session = session
        self._served = served
        self._at_once = at_once
        self._dry_run = dry_run
        self._named = named
        self._stopped = threading.Event()

    def run(self, clones: Sequence[Object], say: Say) -> None:
        """Delete the clones; ``say`` hears of them in their order.

        Raises WaitInterrupted, after all that is deleted was said: Ctrl-C does not reach the thread
        that says it.
        """

        def told(answered: bool) -> str:
            unknown = "" if answered else f"; no answer came for up to {self._at_once} more"
            return f"interrupted; {len(self.gone)} of {len(clones)} clones are deleted{unknown}"

        stoppable(partial(self._delete_all, clones, say), self._stopped, told)

    def _delete_all(self, clones: Sequence[Object], say: Say) -> None:
        calls = [_Deletion(partial(self._delete, clone), clone) for clone in clones]
        outcomes = in_order(calls, at_once=self._at_once, is_busy=is_busy)
        for clone, outcome in zip(clones, outcomes, strict=True):
            if outcome is None:
                self.gone.append(clone)
                say(clone)
            elif isinstance(outcome, VirtCloneError):
                self._refuse(outcome)

    def _refuse(self, error: VirtCloneError) -> None:
        """Keep why one was not deleted; a server that is not there is asked for no other."""
        if isinstance(error, ConnectionFailed):
            self._stopped.set()
            if str(error) in map(str, self.errors):
                return
        if self._named or not _is_missing(error):
            self.errors.append(error)

    def _delete(self, clone: Object) -> bool:
        """Delete one, unless it is too late to begin with it: returns whether it was done.

        Raises StatusError or ConnectionFailed.
        """
        if self._stopped.is_set():
            return False
        if self._dry_run != "client":
            dry_run = self._dry_run == "server"
            delete(self._session, self._served, clone, dry_run=dry_run)
        return True


class _Deletion:
    """The deletion of one clone, which may be tried more than once.

    An answer that was lost may have been that of a deletion: then the clone is gone, or going.
    """

    def __init__(self, delete: Callable[[], bool], clone: Object) -> None:
        self._delete = delete
        self._clone = clone
        self._tried = False

    def __call__(self) -> Outcome:
        again, self._tried = self._tried, True
        try:
            return None if self._delete() else NOT_MADE
        except (ConnectionFailed, StatusError) as error:
            if again and _is_missing(error):
                return None
            if isinstance(error, StatusError) and error.code == CONFLICT:
                taken = f"{named(self._clone)} was deleted and created again meanwhile"
                return VirtCloneError(f"{taken}: the new one is left alone")
            return error


def _is_missing(outcome: Outcome) -> bool:
    return isinstance(outcome, StatusError) and outcome.code == NOT_FOUND
