"""What an earlier run of the same command left to create, wherever it was interrupted.

Only reads; what follows from it is ``creating.py``'s to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from kubectl_virt_clone.cluster.paging import each, pages
from kubectl_virt_clone.cluster.resources import FORBIDDEN
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.cluster.snapshots import find_snapshot
from kubectl_virt_clone.errors import StatusError, VirtCloneError, is_missing
from kubectl_virt_clone.model.api import VIRTUAL_MACHINES, Resource
from kubectl_virt_clone.model.manifest import named, target_name
from kubectl_virt_clone.model.objects import Object, at, name_of, text_at
from kubectl_virt_clone.model.shared_snapshot import (
    is_made_from,
    is_of_series,
    is_usable,
    shares,
    sharing,
)


@dataclass(frozen=True)
class Plan:
    """What there is to create: the clones that are ``missing``.

    ``there`` are those that exist as they are wanted, ``done`` the target VMs of those that did
    what they were for and are gone, ``errors`` stand for those that exist otherwise. ``wanted`` is
    the snapshot that they are to share, ``snapshot`` the one that an earlier run took.
    """

    missing: Sequence[Object]
    there: Sequence[dict[str, Any]] = ()
    done: Sequence[dict[str, Any]] = ()
    errors: Sequence[VirtCloneError] = ()
    wanted: Object | None = None
    snapshot: Object | None = None
    is_series: bool = False

    @property
    def checked(self) -> list[Object]:
        """The missing clones as they will be sent, as far as their source is known."""
        if self.snapshot is None:
            return list(self.missing)
        return [sharing(clone, self.snapshot) for clone in self.missing]


def plan_of(
    session: Session,
    served: Resource,
    clones: Sequence[Object],
    wanted: Object | None,
    *,
    rm: bool,
    notice: Callable[[str], None],
) -> Plan:
    """What is left to create of a series, all of whose clones are in one namespace.

    With ``rm`` a clone whose object is gone may be done: its target tells.
    """
    stored = _stored(session, served, clones, notice)
    missing, there, errors = [], [], list[VirtCloneError]()
    for clone in clones:
        found = stored.get(name_of(clone))
        if found is None:
            missing.append(clone)
        elif at(found, "metadata", "deletionTimestamp"):
            errors.append(VirtCloneError(f"{named(clone)} is being deleted"))
        elif is_of_series(found, clone):
            there.append(found)
        else:
            errors.append(VirtCloneError(f"{named(clone)} exists already, and is another clone"))
    plan = Plan(missing, there, (), errors, wanted, None, is_series=True)
    if wanted is None:
        return plan
    snapshot = find_snapshot(session, wanted)
    used = snapshot is not None and any(shares(clone, snapshot) for clone in there)
    if snapshot is None or not (used or is_usable(snapshot, datetime.now(timezone.utc))):
        return plan
    plan = replace(plan, snapshot=snapshot)
    return _without_done(session, plan, snapshot) if rm else plan


def _stored(
    session: Session, served: Resource, clones: Sequence[Object], notice: Callable[[str], None]
) -> dict[str, dict[str, Any]]:
    """Those of ``clones`` that exist, by name: from one list, or where that is forbidden, each."""
    namespace = text_at(clones[0], "metadata", "namespace") or session.namespace
    names = {name_of(clone): None for clone in clones}
    try:
        listed = [
            obj
            for page in pages(session, served, namespace, notice=notice)
            for obj in page
            if name_of(obj) in names
        ]
    except StatusError as error:
        if error.code != FORBIDDEN:
            raise
        listed = _there(session, served, namespace, names)
    return {name_of(obj): obj for obj in listed}


def _there(
    session: Session, resource: Resource, namespace: str, names: Iterable[str]
) -> list[dict[str, Any]]:
    """The objects of these names that exist. Raises the first refusal to read one."""
    found = []
    for outcome in each(session, resource, namespace, names):
        if not isinstance(outcome, StatusError):
            found.append(outcome)
        elif not is_missing(outcome):
            raise outcome
    return found


def _without_done(session: Session, plan: Plan, snapshot: Object) -> Plan:
    """Take out the clones whose targets an earlier run made, before it was cut off deleting them.

    Their snapshot is still there, and a restore made their target after it was taken.
    """
    namespace = text_at(snapshot, "metadata", "namespace")
    targets = filter(None, map(target_name, plan.missing))
    vms = {name_of(vm): vm for vm in _there(session, VIRTUAL_MACHINES, namespace, targets)}
    done = {name: vm for name, vm in vms.items() if is_made_from(vm, snapshot)}
    missing = [clone for clone in plan.missing if target_name(clone) not in done]
    return replace(plan, missing=missing, done=list(done.values()))
