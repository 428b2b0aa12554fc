"""Who made a VM that has the name of a clone's target: the clone, another one, or somebody else.

While the clone exists its events help (``origin_of``). Once it is gone, marks on the VM and on its
claims are all that lasts (``proof``; recordings 4b, 43, 72 to 74):

=================  =======================================================  ========
the VM's restore   its claims                                               proof
=================  =======================================================  ========
no clone's         any                                                      FOREIGN
a clone's          one of another restore, or of another source, or          FOREIGN
                   adopted under a name that the restore would have used
a clone's          one of this source, not bound, its snapshot gone         LOST
a clone's          one of this source, not bound                            HOLLOW
a clone's          one of this source                                       MADE
a clone's          none that says where it came from                        UNPROVEN
=================  =======================================================  ========

The first line that is true of any claim counts. A VM that is being deleted, or is older than the
requested snapshot, is also FOREIGN.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from enum import Enum

from kubectl_virt_clone.clone.api import (
    LAST_RESTORE_UID,
    RESTORE_NAME,
    SOURCE_VM_NAME,
    SOURCE_VM_NAMESPACE,
    named,
    target_name,
)
from kubectl_virt_clone.clone.progress.progress import SUCCEEDED, last_seen, phase_of
from kubectl_virt_clone.objects.fields import Object, name_of, text_at, time_at, uid_of
from kubectl_virt_clone.objects.resource import Lookup

_BY_A_CLONE = "tmp-restore-"  # KubeVirt's clone controller names its restores so


class Origin(Enum):
    """Whose work a VM is, seen from one clone."""

    THIS_CLONE = "this clone"
    ANOTHER_CLONE = "another clone"
    OLDER = "somebody else"


class Proof(Enum):
    """What a VM is to a clone whose object is gone, the strongest proof first.

    LOST and HOLLOW: such a clone made it, but a claim is not bound. HOLLOW may be bound yet.
    """

    FOREIGN = "foreign"
    LOST = "lost"
    HOLLOW = "hollow"
    MADE = "made"
    UNPROVEN = "unproven"


def restore_name(clone: Object) -> str:
    """The name that KubeVirt gives to the restore of ``clone``."""
    return f"{_BY_A_CLONE}{uid_of(clone)}"


def is_marked(clone: Object, target: Object) -> bool:
    """Whether the last restore of ``target`` was that of ``clone``: it made it, and is its last."""
    return _is_restored_by(restore_name(clone), target)


def has_failed(clone: Object, events: Iterable[Object]) -> bool:
    """Whether the restore of ``clone`` ended without having restored anything."""
    return any(text_at(e, "reason") == "Operation failed" for e in _own(clone, events))


def origin_of(clone: Object, target: Object, events: Iterable[Object] = ()) -> Origin:
    """Who made ``target``, which has the name of the target of ``clone``.

    ``events`` are those on the clone's restore. They decide where the annotation is not this
    restore's: it may have been taken away, or another restore may have followed since.
    """
    if is_marked(clone, target):
        return Origin.THIS_CLONE
    other = Origin.ANOTHER_CLONE if _last_restore(target).startswith(_BY_A_CLONE) else Origin.OLDER
    events = tuple(_own(clone, events))
    made = time_at(target, "metadata", "creationTimestamp")
    for event in events:
        done = last_seen(event)
        if text_at(event, "reason") == "VirtualMachineRestoreComplete" and made and done:
            # A VM of the same name that came later is not the one that was restored.
            return Origin.THIS_CLONE if made <= done else other
    if has_failed(clone, events) or other is Origin.ANOTHER_CLONE:
        return other
    if phase_of(clone) != SUCCEEDED:
        return Origin.OLDER  # before its restore is done, a clone has made nothing
    # Whatever happened to it since: a VM that is younger than the clone is the clone's.
    began = time_at(clone, "metadata", "creationTimestamp")
    later = began is not None and made is not None and made >= began
    return Origin.THIS_CLONE if later else Origin.OLDER


def may_adopt(clone: Object) -> bool:
    """Whether the restore of ``clone`` takes claims that have the names of its own."""
    return text_at(clone, "spec", "volumeNamePolicy") == "PrefixTargetName"


def own_claims(clone: Object, target: Object) -> list[str]:
    """The names of the claims that the restore of ``clone`` made for ``target``, or adopted.

    KubeVirt takes a claim as it is that has the name already, with whatever is in it (recordings
    44, 45, 50 to 52). Names with a UID in them are always its own. A volume of another name was
    changed later, by somebody else.
    """
    # Imported here, because only few clones have the policy.
    from kubectl_virt_clone.clone.target.restore_rules import claim_name, disks_of

    if not may_adopt(clone):
        return []
    name, policy = name_of(target), text_at(clone, "spec", "volumeNamePolicy")
    disks = disks_of(target).items()
    return [claim for volume, claim in disks if claim == claim_name(name, volume, policy)]


def adopted_claims(clone: Object, target: Object, claims: Mapping[str, Lookup]) -> list[str]:
    """Those of ``own_claims`` that were there before the restore, which did not fill them.

    One that is younger than the target was made anew since, and one that the target's last restore
    made belongs to it: neither speaks against the clone.
    """
    made = time_at(target, "metadata", "creationTimestamp")
    adopted = []
    for name in own_claims(clone, target):
        claim = claims.get(name, Lookup()).object
        there = time_at(claim, "metadata", "creationTimestamp")
        restore = text_at(claim, "metadata", "annotations", RESTORE_NAME)
        ours = restore and (restore == restore_name(clone) or _is_restored_by(restore, target))
        if not ours and there is not None and made is not None and there <= made:
            adopted.append(name)
    return adopted


def proof(
    clone: Object,
    vm: Object,
    claims: Iterable[Object],
    *,
    source: str,
    snapshots: Collection[str] | None,
) -> Proof:
    """How well it is proved that a clone like ``clone``, of the VM ``source``, made ``vm``.

    ``claims`` are those of the namespace that can be read; ``source`` is empty where it is not
    known. ``snapshots`` are the uids of the VMSnapshots that are there, None if that is not known.
    """
    # Imported here, because only a rerun of create asks.
    from kubectl_virt_clone.clone.target.restore_rules import claim_name, disks_of

    if text_at(vm, "metadata", "deletionTimestamp"):
        return Proof.FOREIGN
    if not _last_restore(vm).startswith(_BY_A_CLONE):
        return Proof.FOREIGN
    known = {name_of(claim): claim for claim in claims}
    told = {Proof.UNPROVEN}
    for volume, name in disks_of(vm).items():
        claim = known.get(name)
        restore = text_at(claim, "metadata", "annotations", RESTORE_NAME)
        if not restore:
            policy = text_at(clone, "spec", "volumeNamePolicy")
            if claim is not None and name == claim_name(target_name(clone), volume, policy):
                told.add(Proof.FOREIGN)
        elif not _is_restored_by(restore, vm):
            told.add(Proof.FOREIGN)
        elif claim is not None:
            told.add(_of_source(claim, source, snapshots))
    return next(strongest for strongest in Proof if strongest in told)


def _of_source(claim: Object, source: str, snapshots: Collection[str] | None) -> Proof:
    labels = ("metadata", "labels")
    origin = text_at(claim, *labels, SOURCE_VM_NAME)
    if not source or not origin:
        return Proof.UNPROVEN
    namespace = text_at(claim, "metadata", "namespace")
    if (origin, text_at(claim, *labels, SOURCE_VM_NAMESPACE)) != (source, namespace):
        return Proof.FOREIGN
    if text_at(claim, "status", "phase") == "Bound":
        return Proof.MADE
    # KubeVirt calls it vmsnapshot-<uid of the VMSnapshot>-volume-<volume>.
    filler = text_at(claim, "spec", "dataSource", "name")
    if snapshots is None or any(filler.startswith(f"vmsnapshot-{uid}-") for uid in snapshots):
        return Proof.HOLLOW
    return Proof.LOST


def predates(vm: Object, snapshot: Object) -> bool:
    """Whether the VM is older than the snapshot, so that it can't have been made from it."""
    made = time_at(vm, "metadata", "creationTimestamp")
    taken = time_at(snapshot, "metadata", "creationTimestamp")
    return made is not None and taken is not None and made < taken


def told(vm: Object, found: Proof) -> str:
    """What to say of a target whose clone is gone; empty if all is well."""
    made = f"{named(vm)} was made, but not all of its volumes are bound, and"
    if found is Proof.HOLLOW:
        return (
            f"{made} its clone is gone: what they are to be filled from has to stay until they are;"
            " run the same command again then"
        )
    if found is Proof.LOST:
        return (
            f"{made} the snapshot that they are to be filled from is gone: delete it, and run the"
            " same command again"
        )
    if found is Proof.UNPROVEN:
        return f"{named(vm)} is there already, and nothing proves that it was made from this source"
    return ""


def _last_restore(vm: Object) -> str:
    return text_at(vm, "metadata", "annotations", LAST_RESTORE_UID)


def _is_restored_by(restore: str, vm: Object) -> bool:
    return _last_restore(vm).startswith(f"{restore}-")


def _own(clone: Object, events: Iterable[Object]) -> Iterator[Object]:
    name = restore_name(clone)
    return (event for event in events if text_at(event, "involvedObject", "name") == name)
