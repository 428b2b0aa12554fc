"""Who made a clone's target: the clone itself, another one, or somebody before them.

A reading of marks that KubeVirt leaves on VMs and in events; nothing is concluded from it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import Enum

from kubectl_virt_clone.clone.progress.around import last_seen
from kubectl_virt_clone.clone.progress.progress import SUCCEEDED, phase_of
from kubectl_virt_clone.objects.fields import (
    Object,
    text_at,
    time_at,
    uid_of,
)

LAST_RESTORE = "restore.kubevirt.io/lastRestoreUID"
"""The annotation that a restore writes on its VM: ``<restore's name>-<restore's uid>``."""


class Origin(Enum):
    """Whose work a VM is, seen from one clone."""

    THIS_CLONE = "this clone"
    ANOTHER_CLONE = "another clone"
    OLDER = "somebody else"


def is_marked(clone: Object, target: Object) -> bool:
    """Whether the last restore of ``target`` was that of ``clone``: it made it, and is its last."""
    restored = text_at(target, "metadata", "annotations", LAST_RESTORE)
    return restored.startswith(f"{_restore_name(clone)}-")


def is_restored_by_a_clone(vm: Object) -> bool:
    """Whether the last restore of ``vm`` was a clone's, whichever."""
    return text_at(vm, "metadata", "annotations", LAST_RESTORE).startswith("tmp-restore-")


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
    other = Origin.ANOTHER_CLONE if is_restored_by_a_clone(target) else Origin.OLDER
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


def _own(clone: Object, events: Iterable[Object]) -> Iterator[Object]:
    name = _restore_name(clone)
    return (event for event in events if text_at(event, "involvedObject", "name") == name)


def _restore_name(clone: Object) -> str:
    return f"tmp-restore-{uid_of(clone)}"
