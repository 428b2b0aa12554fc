"""The snapshot that several clones share: found, waited for, and handed over to the clones.

Which clones share one, and what it is called, is ``model.shared_snapshot``'s to say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any

from kubectl_virt_clone.cluster.changes import Changed, Listed, Scope
from kubectl_virt_clone.cluster.resources import (
    CONFLICT,
    FORBIDDEN,
    NOT_FOUND,
    create,
    delete,
    get,
    path_of,
)
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.cluster.watching import watching
from kubectl_virt_clone.errors import ExitCode, StatusError, VirtCloneError, WaitFailed
from kubectl_virt_clone.model.api import SNAPSHOTS
from kubectl_virt_clone.model.manifest import named
from kubectl_virt_clone.model.objects import Object, at, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.model.shared_snapshot import SHARED, is_usable, owners
from kubectl_virt_clone.model.stalled import snapshot_failure

# For a first look at a server that is slow, and for a leftover to go.
LOOK_LONG, GONE_SECONDS = 10.0, 30.0
LOOK_SECONDS = 0.05  # between two looks whether to go on
MERGE_PATCH = "application/merge-patch+json"


def find_snapshot(session: Session, wanted: Object) -> dict[str, Any] | None:
    """The snapshot that an earlier run took, if it is there.

    Raises VirtCloneError where the name is taken by one that is not ours.
    """
    namespace = text_at(wanted, "metadata", "namespace") or session.namespace
    try:
        stored = get(session, SNAPSHOTS, namespace, name_of(wanted))
    except StatusError as error:
        if error.code == NOT_FOUND:
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
        taken = find_snapshot(session, wanted) if error.code == CONFLICT else None
        if taken:
            return taken, "unchanged"
        hint = "\nhint: --no-shared-snapshot" if error.code == FORBIDDEN else ""
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
    session: Session, snapshot: Object, *, timeout: float, stopped: threading.Event
) -> Object:
    """Wait until a snapshot can be restored, or until ``stopped``.

    ``timeout`` in seconds; 0 looks once. Raises WaitFailed when it failed or the time is up.
    """
    namespace, name = key_of(snapshot)
    end = time.monotonic() + timeout
    looked = False
    scope = Scope(SNAPSHOTS, namespace, names=(name,))
    with watching(session, [scope]) as watch:
        while not stopped.is_set() and (not looked or time.monotonic() < end):
            change = watch.next(LOOK_SECONDS)
            looked = looked or isinstance(change, Listed) or time.monotonic() > end + LOOK_LONG
            if isinstance(change, Listed):
                snapshot = change.objects[0] if change.objects else {}
            elif isinstance(change, Changed):
                snapshot = {} if change.deleted else change.object
            if not snapshot:
                raise VirtCloneError(f"the snapshot {name} was deleted before it was ready")
            if at(snapshot, "status", "readyToUse") is True:
                return snapshot
            if why := snapshot_failure(snapshot):
                raise WaitFailed([f"error: {why}"], ExitCode.CLONE_FAILED)
    if stopped.is_set():
        return snapshot
    raise WaitFailed([f"error: timed out waiting for {named(snapshot)}"], ExitCode.TIMED_OUT)


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
            if error.code != CONFLICT:
                raise
            snapshot = get(session, SNAPSHOTS, namespace, name)
