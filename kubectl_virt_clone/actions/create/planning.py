"""What an earlier run of the same command left to create, wherever it was interrupted.

Only reads; what follows from it is ``creating.py``'s to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from http import HTTPStatus
from typing import Any

from kubectl_virt_clone.actions.create.snapshots import find_snapshot
from kubectl_virt_clone.clone.api import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
)
from kubectl_virt_clone.clone.checks.facts import content_name, from_snapshot, source_name
from kubectl_virt_clone.clone.checks.finding import (
    FLAGS,
    SERIES,
    Judged,
)
from kubectl_virt_clone.clone.hint import flag
from kubectl_virt_clone.clone.progress.descent import (
    Descent,
    claims_of,
    descent,
    may_descend,
)
from kubectl_virt_clone.clone.shared_snapshot import (
    can_share,
    is_of_series,
    is_usable,
    shared_snapshot,
    shares,
    sharing,
)
from kubectl_virt_clone.clone.spec.manifest import named, target_name
from kubectl_virt_clone.errors import StatusError, VirtCloneError, is_missing
from kubectl_virt_clone.kube.resource import each, get, pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import (
    Key,
    Object,
    at,
    name_of,
    text_at,
)
from kubectl_virt_clone.objects.resource import Resource
from kubectl_virt_clone.render.hints import written

A_FEW = 8  # objects that are read one by one, where more are read as a list

Notice = Callable[[str], None]
Objects = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Plan:
    """What there is to create: the clones that are ``missing``.

    ``there`` are those that exist as they are wanted, ``done`` the target VMs of those that did
    what they were for and are gone. ``hollow`` are target VMs whose clones are gone, too, but
    before their volumes were bound. ``errors`` stand for these, and for clones that exist
    otherwise. ``wanted`` is the snapshot that they are to share, ``snapshot`` the one that an
    earlier run took; ``form`` is how several were asked for.
    """

    missing: Sequence[Object]
    there: Sequence[dict[str, Any]] = ()
    done: Sequence[dict[str, Any]] = ()
    hollow: Sequence[dict[str, Any]] = ()
    errors: Sequence[VirtCloneError] = ()
    wanted: Object | None = None
    snapshot: Object | None = None
    form: str = FLAGS

    @property
    def is_series(self) -> bool:
        """Whether there may be some of them already: they are called the same in each run."""
        return self.form != FLAGS

    @property
    def checked(self) -> list[Object]:
        """The missing clones as they will be sent, as far as their source is known."""
        return [self.as_sent(clone) for clone in self.missing]

    def as_sent(self, clone: Object) -> Object:
        """One of the clones, with the source that it gets."""
        return sharing(clone, self.snapshot) if self.snapshot else clone

    def refused(self, checked: Iterable[Judged]) -> list[VirtCloneError]:
        """The error for several clones whose targets are there in part; it names what is left."""
        ids = {target_name(clone): {item.id for item in found} for clone, found in checked}
        taken = [target for target, found in ids.items() if "target-exists" in found]
        if not taken or self.form != SERIES:
            return []
        number = sum(map(len, (self.missing, self.there, self.done, self.hollow)))
        some = f"{len(taken)} of the {number}" if number > len(taken) else "all of the"
        are, them = ("are", "them") if len(taken) > 1 or number == 1 else ("is", "it")
        # The clones of such targets are found by their names, and are left as they are.
        there = [c for c in self.there if name_of(c) == f"clone-{target_name(c)}"]
        left = [target_name(clone) for clone in (*self.missing, *there)]
        left = [target for target in left if target not in taken]
        # A single clone that is there is no series, and would be told to exist.
        useful = len(left) > 1 or not set(left) <= set(map(target_name, there))
        named_so = all(name_of(c) == f"clone-{target_name(c)}" for c in (*self.missing, *there))
        named = "" if named_so else ", without NAME"
        hint = f"\nhint: {written((flag('--target', *left),))}{named}" if useful else ""
        what = f"targets {are} there already; what made {them} can't be told any more"
        return [VirtCloneError(f"{some} {what}{hint}")]


def plan_of(
    session: Session,
    served: Resource,
    clones: Sequence[Object],
    form: str,
    *,
    share: bool = True,
    notice: Notice,
) -> Plan:
    """What is left to create of several clones, or of a series of one; another is missing.

    ``form`` is how they were asked for; those of a series ``share`` a snapshot, if they can.

    A clone whose object is gone may have made its target: that is proven, or not known; and what
    may not be read is not there, so that its creation is refused. Raises VirtCloneError.
    """
    if form != SERIES and len(clones) <= 1:
        return Plan(clones)
    wanted = shared_snapshot(clones) if share and form == SERIES and can_share(clones) else None
    stored = _stored(session, served, clones, notice)
    missing, there, errors = [], [], list[VirtCloneError]()
    for clone in clones:
        found = stored.get(_key(session, clone))
        if found is None:
            missing.append(clone)
        elif at(found, "metadata", "deletionTimestamp"):
            errors.append(VirtCloneError(f"{named(clone)} is being deleted"))
        elif is_of_series(found, clone):
            there.append(found)
        else:
            errors.append(VirtCloneError(f"{named(clone)} exists already, and is another clone"))
    snapshot = _earlier(session, wanted) if wanted else None
    made = _made(session, [sharing(c, snapshot) if snapshot else c for c in missing], notice)
    done = [vm for vm, how in made.values() if how is Descent.WHOLE]
    hollow = [vm for vm, how in made.values() if how is Descent.HOLLOW]
    if snapshot and not made and not any(shares(clone, snapshot) for clone in there):
        snapshot = snapshot if is_usable(snapshot, datetime.now(timezone.utc)) else None
    missing = [clone for clone in missing if _target(session, clone) not in made]
    errors += [VirtCloneError(_not_bound(vm)) for vm in hollow]
    return Plan(missing, there, done, hollow, errors, wanted, snapshot, form)


def _not_bound(vm: Object) -> str:
    return (
        f"{named(vm)} was made, but not all of its volumes are bound, and its clone is gone: what"
        " they are to be filled from has to stay until they are; run the same command again then"
    )


def _namespace(session: Session, clone: Object) -> str:
    return text_at(clone, "metadata", "namespace") or session.namespace


def _key(session: Session, clone: Object) -> Key:
    return _namespace(session, clone), name_of(clone)


def _target(session: Session, clone: Object) -> Key:
    return _namespace(session, clone), target_name(clone)


def _earlier(session: Session, wanted: Object) -> dict[str, Any] | None:
    """The snapshot that an earlier run took; none where the user could not have taken it."""
    try:
        return find_snapshot(session, wanted)
    except StatusError as error:
        if error.code != HTTPStatus.FORBIDDEN:
            raise
        return None


def _stored(
    session: Session, served: Resource, clones: Sequence[Object], notice: Notice
) -> dict[Key, dict[str, Any]]:
    """Those of ``clones`` that exist: from a list, or where that is forbidden, one by one."""
    names: dict[str, list[str]] = {}
    for clone in clones:
        if name_of(clone):
            names.setdefault(_namespace(session, clone), []).append(name_of(clone))
    found: dict[Key, dict[str, Any]] = {}
    for namespace, wanted in names.items():
        objects: Objects = {}
        for read in (partial(_listed, notice=notice), _there):
            try:
                objects = read(session, served, namespace, wanted)
                break
            except StatusError as error:
                if error.code != HTTPStatus.FORBIDDEN:
                    raise
        found |= {(namespace, name): obj for name, obj in objects.items()}
    return found


def _listed(
    session: Session,
    resource: Resource,
    namespace: str,
    names: Iterable[str],
    *,
    notice: Notice,
    metadata_only: bool = False,
) -> Objects:
    wanted = frozenset(names)
    read = pages(session, resource, namespace, metadata_only=metadata_only, notice=notice)
    return {name_of(obj): obj for page in read for obj in page if name_of(obj) in wanted}


def _there(session: Session, resource: Resource, namespace: str, names: Iterable[str]) -> Objects:
    """The objects of these names that exist. Raises the first refusal to read one."""
    found = {}
    for outcome in each(session, resource, namespace, dict.fromkeys(names)):
        if not isinstance(outcome, StatusError):
            found[name_of(outcome)] = outcome
        elif not is_missing(outcome):
            raise outcome
    return found


def _present(
    session: Session, resource: Resource, namespace: str, names: Sequence[str], notice: Notice
) -> Objects:
    """The objects of these names that exist, read with few requests however many there are."""
    light = resource == VIRTUAL_MACHINES  # in full, the others may be thousands
    listed = partial(_listed, session, resource, namespace, names, notice=notice)
    try:
        if len(names) > A_FEW and light:
            names = [*listed(metadata_only=True)]
        elif len(names) > A_FEW:
            return listed()
    except StatusError as error:
        if error.code != HTTPStatus.FORBIDDEN:
            raise
    return _there(session, resource, namespace, names)


Made = dict[Key, tuple[dict[str, Any], Descent]]


def _made(session: Session, clones: Iterable[Object], notice: Notice) -> Made:
    """The targets that clones of snapshots made, whose objects are gone; only what is proven."""
    groups: dict[Key, list[Object]] = {}
    for clone in clones:
        if from_snapshot(clone) and target_name(clone):
            groups.setdefault((_namespace(session, clone), source_name(clone)), []).append(clone)
    made: Made = {}
    for source, group in groups.items():
        try:
            made |= _made_from(session, source, group, notice)
        except StatusError as error:
            if error.code not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
                raise
    return made


def _made_from(session: Session, source: Key, clones: Sequence[Object], notice: Notice) -> Made:
    """Those of the targets that are proven to be of the snapshot that is the ``source``."""
    namespace, name = source
    targets = [target_name(clone) for clone in clones]
    vms = _present(session, VIRTUAL_MACHINES, namespace, targets, notice)
    snapshot = get(session, SNAPSHOTS, namespace, name) if vms else {}
    vms = {target: vm for target, vm in vms.items() if may_descend(vm, snapshot)}
    if not vms or not content_name(snapshot):
        return {}
    content = get(session, SNAPSHOT_CONTENTS, namespace, content_name(snapshot))
    mounted = [*dict.fromkeys(claim for vm in vms.values() for claim in claims_of(vm).values())]
    claims = _present(session, PERSISTENT_VOLUME_CLAIMS, namespace, mounted, notice)
    made: Made = {}
    for clone in clones:
        if vm := vms.get(target_name(clone)):
            how = descent(vm, clone, snapshot, content, claims.values())
            if how is not Descent.UNPROVEN:
                made[namespace, target_name(clone)] = vm, how
    return made
