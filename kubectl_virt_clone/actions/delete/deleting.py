"""``delete``, once confirmed: delete what was found, say what stays, wait until it is gone.

``removing`` finds and deletes clones; ``clone.removal`` decides what counts as left over.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from kubectl_virt_clone.actions.delete.removing import Found, Removal
from kubectl_virt_clone.clone.api import PERSISTENT_VOLUME_CLAIMS, SNAPSHOTS, VIRTUAL_MACHINES
from kubectl_virt_clone.clone.removal import (
    AN_HOUR,
    Limits,
    Remains,
    held,
    is_left_behind,
    is_older,
    may_have_restored,
    remains,
    unused,
)
from kubectl_virt_clone.clone.shared_snapshot import SHARED
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    SeveralErrors,
    StatusError,
    VirtCloneError,
    is_missing,
)
from kubectl_virt_clone.kube.pool import side_by_side
from kubectl_virt_clone.kube.resource import pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import Object, key_of, mapping_at, uid_of
from kubectl_virt_clone.objects.resource import Resource, Selection
from kubectl_virt_clone.render.messages import log, warn
from kubectl_virt_clone.render.progress.live import resumable
from kubectl_virt_clone.render.removal import deleted, loss, spared, staying, unread, young


class Deletion(NamedTuple):
    """What to delete, and how; ``timeout`` is in seconds, None doesn't wait until it is gone.

    ``tell`` gets each line of the result.
    """

    session: Session
    served: Resource
    selection: Selection
    limits: Limits
    now: datetime
    dry_run: str
    at_once: int
    timeout: float | None
    output: str | None
    ignore_not_found: bool
    tell: Callable[[str], None]

    def run(self, found: Found) -> bool:
        """Delete what was found; returns whether all of it was deleted.

        Failed deletions are logged at once, as the wait for the others may take long. Raises
        SeveralErrors for what goes wrong after them, and WaitInterrupted.
        """
        named = bool(self.selection.names) and not self.ignore_not_found
        removal = self._removal(self.served, found.clones, named=named)
        errors = [e for e in found.errors if not (self.ignore_not_found and is_missing(e))]
        with resumable(lambda: f"interrupted; {removal.state}"):
            try:
                removal.run(self._say)
            finally:
                errors += removal.errors
                for line in "\n".join(map(str, errors)).splitlines():
                    log(line)
            stays = what_stays(self.session, self._namespace, removal.gone)
            for line in staying(stays, access=self.session.flags.access):
                log(line)
            later = self._tidy_up(found, bool(removal.gone))
            if removal.gone and self.timeout is not None and self.dry_run == "none":
                later += self._wait(removal.gone, self.timeout)
        if later:
            raise SeveralErrors(later)
        return not errors

    @property
    def _namespace(self) -> str:
        return self.selection.scope(self.session.namespace)

    def _removal(self, resource: Resource, objects: Sequence[Object], *, named: bool) -> Removal:
        at_once, dry_run = self.at_once, self.dry_run
        return Removal(
            self.session, resource, objects, at_once=at_once, dry_run=dry_run, named=named
        )

    def _say(self, clone: Object) -> None:
        self.tell(deleted(clone, self.output, self.dry_run))
        if lost := loss(clone):
            log(lost)

    def _tidy_up(self, found: Found, any_gone: bool) -> list[VirtCloneError]:
        """With the finished clones, delete the snapshots that nobody needs.

        Returns why some are not deleted.
        """
        old, chosen = list[Object](), self.selection.names or self.selection.query
        if self.limits.finished and self.dry_run == "none" and not chosen:
            try:
                left = left_behind(self.session, self.served, self._namespace, notice=warn)
            except (ConnectionFailed, StatusError):
                log(unread(SNAPSHOTS.plural))
            else:
                old = [snapshot for snapshot in left if is_older(snapshot, AN_HOUR, self.now)]
                for snapshot in left:
                    if snapshot not in old:
                        log(young(snapshot, access=self.session.flags.access))
        snapshots = self._removal(SNAPSHOTS, old, named=False)
        if old:
            snapshots.run(lambda one: self.tell(deleted(one, self.output, self.dry_run)))
        if not (found.clones or snapshots.gone or self.selection.names):
            self.tell("No resources found")
        if found.spared and (self.selection.names or not any_gone):
            log(spared(found.spared))
        return snapshots.errors

    def _wait(self, gone: Sequence[Object], timeout: float) -> list[VirtCloneError]:
        """Wait until the deleted clones are gone: a finalizer may hold them."""
        from kubectl_virt_clone.actions.wait.loop import Wanted, wait_for
        from kubectl_virt_clone.clone.progress.progress import Goal
        from kubectl_virt_clone.render.progress.live import progress
        from kubectl_virt_clone.render.progress.outcomes import failure

        goal, access = Goal("delete"), self.session.flags.access
        wanted = Wanted({key_of(clone): uid_of(clone) for clone in gone})
        if self.selection.all_namespaces:  # the message of an interrupted wait names one
            access = replace(access, namespace=key_of(gone[0])[0])
        with progress(
            sys.stderr,
            met=lambda result: None,
            clock=time.monotonic,
            goal=goal,
            access=access,
            quiet=True,
        ) as shown:
            what = (self.session, self.served, wanted, goal)
            results = wait_for(*what, timeout=timeout, observer=shown)
        error = failure([held(result) for result in results], goal, looked_once=False)
        return [error] if error else []


def what_stays(session: Session, namespace: str, gone: Sequence[Object]) -> Remains:
    """What stays of deleted clones; VMs and claims are listed once, if one was not finished.

    What can't be read is said to be unread, never an error.
    """
    if not any(map(may_have_restored, gone)):
        return remains(gone)
    kinds = (VIRTUAL_MACHINES, PERSISTENT_VOLUME_CLAIMS)
    found = side_by_side({kind: partial(_listed, session, kind, namespace) for kind in kinds})
    unread = [kind.plural for kind in kinds if found[kind] is None]
    vms, claims = (found[kind] or () for kind in kinds)
    return remains(gone, vms, claims, unread)


def _listed(session: Session, resource: Resource, namespace: str) -> list[Object] | None:
    """The metadata of all of them; None where they can't be read."""
    listed = pages(session, resource, namespace, notice=lambda text: None)
    try:
        return [{"metadata": mapping_at(obj, "metadata")} for page in listed for obj in page]
    except (ConnectionFailed, StatusError):
        return None


def left_behind(
    session: Session, served: Resource, namespace: str, *, notice: Callable[[str], None]
) -> list[Object]:
    """Snapshots that were taken for several clones, and that no clone owns or names.

    An interrupted run leaves such a one, and a run that is under way has one for a while. Raises
    StatusError or ConnectionFailed.
    """
    query = [("labelSelector", SHARED)]
    listed = pages(session, SNAPSHOTS, namespace, query, notice=notice)
    left = [_with_kind(obj) for page in listed for obj in page if is_left_behind(obj)]
    if not left:
        return []
    clones = (obj for page in pages(session, served, namespace, notice=notice) for obj in page)
    return unused(left, clones)


def _with_kind(snapshot: Object) -> dict[str, Any]:
    """The items of a list say nothing of their kind."""
    return {"apiVersion": SNAPSHOTS.api_version, "kind": SNAPSHOTS.kind, **snapshot}
