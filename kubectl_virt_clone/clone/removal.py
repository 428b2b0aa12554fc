"""Which clones a deletion is about, and what stays when they are gone.

Verdicts on versions of objects; reading and deleting them is ``actions/``'s work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from kubectl_virt_clone.clone.api import RESTORE_NAME, SNAPSHOTS
from kubectl_virt_clone.clone.progress.progress import (
    FAILED,
    STEPS,
    SUCCEEDED,
    Result,
    has_children,
    phase_of,
    target_of,
)
from kubectl_virt_clone.clone.progress.provenance import is_marked, restore_name
from kubectl_virt_clone.clone.shared_snapshot import SHARED
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Key, Object, at, key_of, text_at, time_at

AN_HOUR = 3600.0
"""How old a snapshot without owners has to be: one that is younger may be about to be used."""

_KEPT = (
    ("apiVersion",),
    ("kind",),
    *(("metadata", key) for key in ("namespace", "name", "uid")),
    ("spec", "target", "name"),
    *(("status", key) for key in ("phase", "targetName", "snapshotName", "restoreName")),
)


@dataclass(frozen=True)
class Limits:
    """What narrows a selection: only ``finished`` clones, only those ``older_than`` some seconds.

    ``finished`` alone is also a selection. Raises InvalidValue for a negative age.
    """

    finished: bool = False
    older_than: float | None = None

    def __post_init__(self) -> None:
        if self.older_than is not None and self.older_than < 0:
            raise InvalidValue("--older-than must not be negative")

    def allow(self, clone: Object, now: datetime) -> bool:
        """Whether the clone may be deleted."""
        if self.finished and not is_finished(clone):
            return False
        return self.older_than is None or is_older(clone, self.older_than, now)


def is_finished(clone: Object) -> bool:
    """Whether KubeVirt is done with it: it failed, or it succeeded and its volumes are bound."""
    phase = phase_of(clone)
    return phase == FAILED or (phase == SUCCEEDED and not has_children(clone))


def loses_data(clone: Object) -> bool:
    """Whether its deletion takes what volumes of its target are yet to be filled from.

    They could never be bound then (recordings 43, 67).
    """
    return phase_of(clone) == SUCCEEDED and has_children(clone)


def is_older(obj: Object, seconds: float, now: datetime) -> bool:
    """Whether it was created at least so long ago; no, if its age is unknown."""
    created = time_at(obj, "metadata", "creationTimestamp")
    return created is not None and (now - created).total_seconds() >= seconds


def remembered(clone: Object) -> dict[str, Any]:
    """As much of a clone as is needed after its deletion, because there may be thousands."""
    kept: dict[str, Any] = {}
    for *path, last in _KEPT:
        if text := text_at(clone, *path, last):
            where = kept
            for key in path:
                where = where.setdefault(key, {})
            where[last] = text
    return kept


def may_have_restored(clone: Object) -> bool:
    """Whether volumes or a VM may have been restored for a clone that did not succeed."""
    phase = phase_of(clone)
    return phase != SUCCEEDED and (phase in STEPS or bool(text_at(clone, "status", "restoreName")))


def unfinished(clone: Object) -> str:
    """What it means that this clone is deleted before its end; empty if it is finished."""
    if is_finished(clone):
        return ""
    phase = phase_of(clone)
    if phase == SUCCEEDED:
        target = f"target {target_of(clone)}" if target_of(clone) else "its target"
        return f"not all volumes of {target} are bound, and what they are to be filled from goes"
    if not phase:
        return "unfinished, and KubeVirt has made nothing for it"
    return f"unfinished, in {phase}: what KubeVirt made for it goes"


def held(result: Result) -> Result:
    """The result of waiting until a clone is gone; only its finalizers can hold it."""
    finalizers = at(result.clone, "metadata", "finalizers")
    if not isinstance(finalizers, list) or not finalizers:
        return replace(result, cause=None)
    why = f"held by {', '.join(map(str, finalizers))}"
    return replace(result, cause=None, verdict=replace(result.verdict, reason=why))


@dataclass(frozen=True)
class Remains:
    """What stays of deleted clones: target VMs, and restored claims that belong to no VM.

    ``begun`` are the targets that KubeVirt made for clones that were not finished.
    ``unread`` names the resources that could not be read, so that more may have stayed.
    """

    targets: Sequence[Key] = ()
    claims: Sequence[Key] = ()
    unread: Sequence[str] = ()
    begun: Sequence[Key] = ()


def remains(
    gone: Iterable[Object],
    vms: Iterable[Object] = (),
    claims: Iterable[Object] = (),
    unread: Sequence[str] = (),
) -> Remains:
    """What stays of the clones that are ``gone``, where ``vms`` and ``claims`` are still there."""
    found = {key_of(vm): vm for vm in vms}
    targets, begun = dict[Key, None](), list[Key]()
    restores = set[Key]()
    for clone in gone:
        key = (key_of(clone)[0], target_of(clone))
        target = found.get(key)
        if phase_of(clone) == SUCCEEDED:
            targets[key] = None
        elif target is not None and is_marked(clone, target):
            begun.append(key)
        else:
            restores.add((key[0], restore_name(clone)))
    orphaned = [
        key_of(claim)
        for claim in claims
        if (key_of(claim)[0], text_at(claim, "metadata", "annotations", RESTORE_NAME)) in restores
        and not at(claim, "metadata", "ownerReferences")
        and not text_at(claim, "metadata", "deletionTimestamp")
    ]
    named = tuple(key for key in targets if key[1])
    return Remains(named, tuple(orphaned), tuple(unread), tuple(begun))


def is_left_behind(snapshot: Object) -> bool:
    """Whether it was taken for several clones, and none of them owns it (any more)."""
    labelled = text_at(snapshot, "metadata", "labels", SHARED)
    return bool(labelled) and not at(snapshot, "metadata", "ownerReferences")


def unused(snapshots: Iterable[Mapping[str, Any]], clones: Iterable[Object]) -> list[Object]:
    """Those of the snapshots that are the source of none of the clones."""
    sources: Collection[Key] = {
        (key_of(clone)[0], text_at(clone, "spec", "source", "name"))
        for clone in clones
        if text_at(clone, "spec", "source", "kind").lower() == SNAPSHOTS.singular
    }
    return [snapshot for snapshot in snapshots if key_of(snapshot) not in sources]
