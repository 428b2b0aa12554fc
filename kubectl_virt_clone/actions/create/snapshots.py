"""The snapshot that several clones share: found, waited for, and handed over to the clones.

``clone.shared_snapshot`` decides which clones share one, and names it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any

from kubectl_virt_clone.actions.wait.cache import Pace
from kubectl_virt_clone.clone.api import SNAPSHOTS, named
from kubectl_virt_clone.clone.progress.diagnosis import silence_cause, snapshot_cause
from kubectl_virt_clone.clone.progress.progress import Cause, Surroundings
from kubectl_virt_clone.clone.shared_snapshot import SHARED, is_usable, owners
from kubectl_virt_clone.errors import ExitCode, StatusError, VirtCloneError, WaitFailed
from kubectl_virt_clone.kube.resource import create, delete, get, path_of
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import Change, Changed, Listed, Notice, Scope, watching
from kubectl_virt_clone.objects.fields import Object, at, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.objects.resource import Listing, Lookup
from kubectl_virt_clone.render.hints import written

GONE_SECONDS = 30.0  # for a leftover to go
LOOK_SECONDS = 0.05  # between two looks whether to go on
MERGE_PATCH = "application/merge-patch+json"
# That a snapshot has no status for too long was measured with our own clock; why, is not asked.
_LATE = datetime.max.replace(tzinfo=timezone.utc)
_UNASKED = Surroundings(events=Listing(unreadable="not asked for"))


def find_snapshot(session: Session, wanted: Object) -> dict[str, Any] | None:
    """The snapshot that an earlier run took, if it is there.

    Raises VirtCloneError where the name is taken by one that is not ours.
    """
    namespace = text_at(wanted, "metadata", "namespace") or session.namespace
    try:
        stored = get(session, SNAPSHOTS, namespace, name_of(wanted))
    except StatusError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            return None
        raise
    same = text_at(stored, "spec", "source", "name") == text_at(wanted, "spec", "source", "name")
    if not same or not text_at(stored, "metadata", "labels", SHARED):
        raise VirtCloneError(f"{named(stored)} exists, but was not taken for these clones")
    return stored


def take(session: Session, wanted: Object, *, dry_run: bool) -> tuple[dict[str, Any], str]:
    """The snapshot that is ``wanted``, and its fate: created, or unchanged if another run took it.

    A leftover of an earlier run that no clone uses gives way. Raises VirtCloneError.
    """
    try:
        found = find_snapshot(session, wanted)
        if found and not dry_run:
            if is_usable(found, datetime.now(timezone.utc)):
                return found, "unchanged"
            _replace(session, found)
        return create(session, SNAPSHOTS, wanted, dry_run=dry_run), "created"
    except StatusError as error:
        taken = find_snapshot(session, wanted) if error.code == HTTPStatus.CONFLICT else None
        if taken:
            return taken, "unchanged"
        hint = "\nhint: --no-shared-snapshot" if error.code == HTTPStatus.FORBIDDEN else ""
        raise VirtCloneError(f"no shared snapshot: {error}{hint}") from error


def _replace(session: Session, leftover: Object) -> None:
    """Delete exactly this snapshot, and wait a little until its name is free."""
    if at(leftover, "metadata", "ownerReferences"):
        raise VirtCloneError(f"{named(leftover)} belongs to other clones, and can't be used")
    with suppress(StatusError):
        delete(session, SNAPSHOTS, leftover)
    end = time.monotonic() + GONE_SECONDS
    while find_snapshot(session, leftover) and time.monotonic() < end:
        time.sleep(LOOK_SECONDS)


def until_ready(
    session: Session,
    snapshot: Object,
    *,
    timeout: float,
    stopped: threading.Event,
    notice: Callable[[str], None],
    left: str,
    pace: Pace = Pace(),  # noqa: B008 - a frozen value
) -> Object:
    """Wait until a snapshot can be restored, or until ``stopped``.

    ``timeout`` in seconds; 0 looks once. ``notice`` hears what holds it up, as soon as that is
    known. Raises WaitFailed when it never will be ready or the time is up; ``left`` is its last
    line, which says what there is by then.
    """
    namespace, name = key_of(snapshot)
    end = time.monotonic() + timeout
    taking = _Taking(session, snapshot, notice, pace)
    with watching(session, [Scope(SNAPSHOTS, namespace, names=(name,))]) as watch:
        while not stopped.is_set():
            if time.monotonic() >= end + (0 if taking.seen else pace.first_look):
                break
            taking.take(watch.next(LOOK_SECONDS))
            if at(taking.snapshot, "status", "readyToUse") is True:
                return taking.snapshot
            if (cause := taking.cause()) and cause.final:
                lines = _lines(f"error: {cause.sentence}", cause, session)
                raise WaitFailed([*lines, left], ExitCode.CLONE_FAILED)
    if stopped.is_set():
        return taking.snapshot
    known = taking.seen and not watch.trouble
    cause = taking.cause(at_last=True) if known else None
    why = cause.sentence if cause else watch.trouble or "the server did not answer"
    lines = _lines(f"error: timed out waiting for {named(snapshot)}: {why}", cause, session)
    raise WaitFailed([*lines, left], ExitCode.TIMED_OUT)


class _Taking:
    """A snapshot that is being taken: its last version, and what holds it up."""

    def __init__(
        self, session: Session, snapshot: Object, notice: Callable[[str], None], pace: Pace
    ) -> None:
        self.snapshot = snapshot
        self.seen = False
        self._name = name_of(snapshot)
        self._access = session.flags.access
        self._notice = notice
        self._pace = pace
        self._changed_at = time.monotonic()
        self._told = ""

    def take(self, change: Change | None) -> None:
        """Take note of a change, and tell once what holds it up."""
        if isinstance(change, Notice):
            self._notice(change.text)
        elif isinstance(change, Listed):
            self.seen = True
            self._see(change.objects[0] if change.objects else {})
        elif isinstance(change, Changed):
            self._see({} if change.deleted else change.object)
        cause = self.cause()
        if cause and not cause.final and cause.sentence != self._told:
            self._told = cause.sentence
            hint = f"; hint: {written(cause.hint, self._access)}" if cause.hint else ""
            self._notice(cause.sentence + hint)

    def _see(self, snapshot: Object) -> None:
        if snapshot != self.snapshot:
            self.snapshot, self._changed_at = snapshot, time.monotonic()

    def cause(self, *, at_last: bool = False) -> Cause | None:
        """What holds it up; what may pass, as for a clone, after a while or ``at_last`` only."""
        if not self.snapshot or at(self.snapshot, "metadata", "deletionTimestamp"):
            gone = f'the snapshot "{self._name}" was deleted before it was ready'
            return Cause("snapshot-deleted", gone, final=True)
        quiet = time.monotonic() - self._changed_at
        begun = at(self.snapshot, "status")
        if not begun and quiet >= self._pace.silent:
            cause = silence_cause(self.snapshot, _UNASKED, _LATE)
            late = f'the snapshot "{self._name}" is not ready: '
            return cause and replace(cause, sentence=late + cause.sentence)
        cause = snapshot_cause(self.snapshot, Surroundings(snapshot=Lookup(self.snapshot)))
        early = not begun or (cause and cause.passing and quiet < self._pace.stall)
        return None if early and not at_last else cause


def _lines(error: str, cause: Cause | None, session: Session) -> list[str]:
    """An error, and below it the hint of its cause."""
    hint = written(cause.hint, session.flags.access) if cause else ""
    return [error, f"hint: {hint}"] if hint else [error]


def own(session: Session, snapshot: Object, clones: Sequence[Object]) -> None:
    """Let the clones own the snapshot, so that it goes with the last of them.

    Another run of the same command may do so at the same time: none takes the other's away.
    """
    namespace, name = key_of(snapshot)
    path = path_of(SNAPSHOTS, namespace, name)
    while True:
        references = owners(snapshot, clones)
        if references == at(snapshot, "metadata", "ownerReferences"):
            return
        metadata = {
            "ownerReferences": references,
            "resourceVersion": text_at(snapshot, "metadata", "resourceVersion"),
            "uid": uid_of(snapshot),
        }
        try:
            body = {"metadata": metadata}
            session.request("PATCH", path, body=body, content_type=MERGE_PATCH)
            return
        except StatusError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            snapshot = get(session, SNAPSHOTS, namespace, name)
