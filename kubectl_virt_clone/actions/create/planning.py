"""What an earlier run of the same command left to create, wherever it was interrupted.

Only reads; what follows from it is ``creating.py``'s to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any

from kubectl_virt_clone.clone.api import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    named,
    target_name,
)
from kubectl_virt_clone.clone.checks.facts import FLAGS, SERIES, Judged, from_snapshot, source_name
from kubectl_virt_clone.clone.progress.provenance import Proof, predates, proof, told
from kubectl_virt_clone.clone.shared_snapshot import (
    can_share,
    is_of_series,
    is_usable,
    shared_snapshot,
    shares,
    sharing,
)
from kubectl_virt_clone.clone.target.restore_rules import disks_of
from kubectl_virt_clone.errors import StatusError, VirtCloneError
from kubectl_virt_clone.kube.resource import each, get, pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import Key, Object, at, name_of, text_at, uid_of
from kubectl_virt_clone.objects.resource import Resource

ONE_BY_ONE = 8  # objects that are read one by one, where more are read as a list

Notice = Callable[[str], None]
Objects = dict[str, dict[str, Any]]
Made = Mapping[Key, tuple[dict[str, Any], Proof]]
"""(namespace, name) of targets whose clones are gone → the VM, and what is known of it."""


@dataclass(frozen=True)
class Plan:
    """What there is to create: the clones that are ``missing``.

    ``there`` are those that exist as they are wanted, ``made`` the targets of those that are gone.
    ``errors`` stand for clones that exist otherwise, ``refused`` for targets that this command
    can't make, however often it runs. ``wanted`` is the snapshot that they are to share,
    ``snapshot`` the one that an earlier run took; ``form`` is how several were asked for.
    """

    missing: Sequence[Object]
    there: Sequence[dict[str, Any]] = ()
    made: Made = field(default_factory=dict)
    errors: Sequence[VirtCloneError] = ()
    refused: Sequence[VirtCloneError] = ()
    wanted: Object | None = None
    snapshot: Object | None = None
    form: str = FLAGS

    @property
    def done(self) -> list[dict[str, Any]]:
        """The target VMs of clones that did what they were for and are gone."""
        return self._made(Proof.MADE, Proof.UNPROVEN)

    @property
    def hollow(self) -> list[dict[str, Any]]:
        """The target VMs whose clones went before their volumes were bound."""
        return self._made(Proof.HOLLOW)

    def _made(self, *wanted: Proof) -> list[dict[str, Any]]:
        return [vm for vm, found in self.made.values() if found in wanted]

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

    def without_taken(self, checked: Sequence[Judged]) -> tuple[Plan, list[Judged]]:
        """The plan, and what was found, without the clones whose targets are somebody else's."""
        taken = {
            target_name(clone): VirtCloneError(f"[{item.id}] {item.message}")
            for clone, found in checked
            for item in found
            if item.id == "target-exists"
        }
        missing = [clone for clone in self.missing if target_name(clone) not in taken]
        left = [(clone, found) for clone, found in checked if target_name(clone) not in taken]
        return replace(self, missing=missing, refused=[*self.refused, *taken.values()]), left


def plan_of(
    session: Session,
    served: Resource,
    clones: Sequence[Object],
    form: str,
    *,
    share: bool = True,
    notice: Notice,
    warn: Notice,
) -> Plan:
    """What is left to create of several clones, or of a series of one; another is missing.

    ``form`` is how they were asked for; those of a series ``share`` a snapshot, if they can.
    ``warn`` hears of each target that is taken for done, though nothing proves it.

    A clone whose object is gone may have made its target: the marks on it tell. What may not be
    read is not there, so that its creation is refused. Raises VirtCloneError.
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
    made = _made(session, missing, notice)
    snapshot = _earlier(session, wanted) if wanted else None
    needed = made or any(shares(clone, snapshot) for clone in there if snapshot)
    if snapshot and not needed and not is_usable(snapshot, datetime.now(timezone.utc)):
        snapshot = None
    missing = [clone for clone in missing if _target(session, clone) not in made]
    for doubt in _told(made, Proof.UNPROVEN):
        warn(doubt)
    errors += map(VirtCloneError, _told(made, Proof.HOLLOW))
    refused = [*map(VirtCloneError, _told(made, Proof.LOST))]
    return Plan(missing, there, made, errors, refused, wanted, snapshot, form)


def _told(made: Made, about: Proof) -> list[str]:
    return [told(vm, found) for vm, found in made.values() if found is about]


def _namespace(session: Session, clone: Object) -> str:
    return text_at(clone, "metadata", "namespace") or session.namespace


def _key(session: Session, clone: Object) -> Key:
    return _namespace(session, clone), name_of(clone)


def _target(session: Session, clone: Object) -> Key:
    return _namespace(session, clone), target_name(clone)


def _earlier(session: Session, wanted: Object) -> dict[str, Any] | None:
    """The snapshot that an earlier run took; none where the user could not have taken it."""
    from kubectl_virt_clone.actions.create.snapshots import find_snapshot

    try:
        return find_snapshot(session, wanted)
    except StatusError as error:
        if error.code != HTTPStatus.FORBIDDEN:
            raise
        return None


def _stored(
    session: Session, served: Resource, clones: Sequence[Object], notice: Notice
) -> dict[Key, dict[str, Any]]:
    """Those of ``clones`` that exist."""
    names: dict[str, list[str]] = {}
    for clone in clones:
        if name_of(clone):
            names.setdefault(_namespace(session, clone), []).append(name_of(clone))
    return {
        (namespace, name): obj
        for namespace, wanted in names.items()
        for name, obj in _present(session, served, namespace, wanted, notice).items()
    }


def _present(
    session: Session, resource: Resource, namespace: str, names: Sequence[str], notice: Notice
) -> Objects:
    """The objects of these names that may be read, with few requests however many there are."""
    if len(names) > ONE_BY_ONE:
        light = resource == VIRTUAL_MACHINES  # in full, the others may be thousands
        listed = _listed(session, resource, namespace, notice, metadata_only=light)
        if listed is not None:
            found = {name: listed[name] for name in names if name in listed}
            if not light:
                return found
            names = [*found]
    objects = {}
    for outcome in each(session, resource, namespace, dict.fromkeys(names)):
        if not isinstance(outcome, StatusError):
            objects[name_of(outcome)] = outcome
        elif outcome.code not in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise outcome
    return objects


def _listed(
    session: Session,
    resource: Resource,
    namespace: str,
    notice: Notice,
    *,
    metadata_only: bool = False,
) -> Objects | None:
    """All objects of a namespace by name; None where they may not be listed."""
    read = pages(session, resource, namespace, metadata_only=metadata_only, notice=notice)
    try:
        return {name_of(obj): obj for page in read for obj in page}
    except StatusError as error:
        if error.code != HTTPStatus.FORBIDDEN:
            raise
        return None


def _made(session: Session, clones: Iterable[Object], notice: Notice) -> Made:
    """The targets that clones made whose objects are gone; not those of somebody else."""
    groups: dict[str, list[Object]] = {}
    for clone in clones:
        if target_name(clone):
            groups.setdefault(_namespace(session, clone), []).append(clone)
    made: dict[Key, tuple[dict[str, Any], Proof]] = {}
    for namespace, group in groups.items():
        targets = [target_name(clone) for clone in group]
        vms = _present(session, VIRTUAL_MACHINES, namespace, targets, notice)
        if vms:
            marks = _Marks(session, namespace, vms.values(), notice)
            found = {target_name(c): marks.of(c, vms.get(target_name(c), {})) for c in group}
            made |= {
                (namespace, name): (vm, found[name])
                for name, vm in vms.items()
                if found[name] is not Proof.FOREIGN
            }
    return made


class _Marks:
    """What proves where the VMs of a namespace came from, each part read once, where needed."""

    def __init__(
        self, session: Session, namespace: str, vms: Iterable[Object], notice: Notice
    ) -> None:
        self._session, self._namespace, self._notice = session, namespace, notice
        mounted = [*dict.fromkeys(claim for vm in vms for claim in disks_of(vm).values())]
        present = _present(session, PERSISTENT_VOLUME_CLAIMS, namespace, mounted, notice)
        self._claims = present.values()
        self._sources: Objects = {}
        self._uids = self._snapshots()

    def of(self, clone: Object, vm: Object) -> Proof:
        """What tells that the VM is the target of the clone."""
        source = source_name(clone)
        if from_snapshot(clone):
            snapshot = self._source(source)
            if predates(vm, snapshot):
                return Proof.FOREIGN
            source = text_at(snapshot, "spec", "source", "name")
        return proof(clone, vm, self._claims, source=source, snapshots=self._uids)

    def _source(self, name: str) -> dict[str, Any]:
        """A snapshot that was asked for; empty where it is gone, or may not be read."""
        if name not in self._sources:
            self._sources[name] = {}
            with suppress(StatusError):
                self._sources[name] = get(self._session, SNAPSHOTS, self._namespace, name)
        return self._sources[name]

    def _snapshots(self) -> frozenset[str] | None:
        """The uids of the snapshots that stay, where a claim is yet to be filled from one."""
        if all(text_at(claim, "status", "phase") == "Bound" for claim in self._claims):
            return frozenset()
        listed = _listed(self._session, SNAPSHOTS, self._namespace, self._notice)
        if listed is None:
            return None
        staying = (o for o in listed.values() if not at(o, "metadata", "deletionTimestamp"))
        return frozenset(map(uid_of, staying))
