"""Why a clone is not going well: clone and surroundings in, the one cause to tell out.

What the clone says itself, and what a clone that Succeeded may still lack; what holds up the
snapshot or the restore of one that is under way is in ``child_causes.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from kubectl_virt_clone.clone.api import SHORT_NAMES, SOURCE_ALIASES
from kubectl_virt_clone.clone.hint import Command, kubectl
from kubectl_virt_clone.clone.progress.around import Surroundings
from kubectl_virt_clone.clone.progress.cause import Cause, deletion, kubectl_in
from kubectl_virt_clone.clone.progress.child_causes import restore_cause, snapshot_cause
from kubectl_virt_clone.clone.progress.progress import (
    FAILED,
    SUCCEEDED,
    Goal,
    gone_before,
    phase_of,
    reason_of,
)
from kubectl_virt_clone.clone.progress.provenance import Origin, origin_of
from kubectl_virt_clone.objects.fields import Object, at, text_at, time_at

SILENT_SECONDS = 5.0
"""A controller that works has written a status long before; one that works off a queue may not."""

# What the clone controller's failure events are called, and the cause that each stands for.
_FAILURE_EVENTS = {
    "SnapshotContentInvalid": "content-invalid",
    "SnapshotDeleted": "snapshot-deleted",
    "SourceDoesNotExist": "source-missing",
    "SourceVMWithBackendStorageInvalid": "backend-storage",
    "VMVolumeSnapshotsInvalid": "volume-not-snapshottable",
}
# The sentences of the clone's own conditions (KubeVirt 1.5 to 1.9), by what is found in them.
_SENTENCES = (
    ("Source doesnt exist", "source-missing"),
    ("does not support snapshots", "volume-not-snapshottable"),
    ("snapshot support unknown", "volume-unknown"),
    ("backendstorage", "backend-storage"),
    ("is not backed up in snapshot", "content-invalid"),
    ("does not exist anymore", "snapshot-deleted"),
    ("snapshot content", "content-invalid"),
)


def diagnose(clone: Object, around: Surroundings, now: datetime | None) -> Cause | None:
    """The cause of what holds ``clone`` up, or made it fail; None where nothing is known to.

    ``around`` may lack anything: what was not read tells nothing. Without ``now`` nothing is
    concluded from how long a clone has no status.
    """
    phase = phase_of(clone)
    if phase == FAILED:
        return clone_cause(clone, around.events.objects)
    if phase == SUCCEEDED:
        return _of_success(clone, around)
    own = clone_cause(clone)
    if own or not phase:
        return own or (silence_cause(clone, around, now) if now else None)
    if phase == "SnapshotInProgress":
        return snapshot_cause(clone, around)
    return restore_cause(clone, around) or _of_claims(clone, around)


def clone_cause(clone: Object, events: Iterable[Object] = ()) -> Cause | None:
    """The cause as far as the clone itself tells it, or for a Failed one its events.

    After a failure KubeVirt may overwrite the conditions with boilerplate: the events still know.
    """
    failed = phase_of(clone) == FAILED
    if sentence := reason_of(clone):
        ids = (cause for text, cause in _SENTENCES if text in sentence)
        return _told(clone, next(ids, "clone-failed"), sentence, final=failed)
    if not failed:
        return None
    for event in reversed(list(events)):
        if known := _FAILURE_EVENTS.get(text_at(event, "reason")):
            return _told(clone, known, text_at(event, "message"), final=True)
    return _told(clone, "clone-failed", "", final=True)


def deleted_cause(goal: Goal) -> Cause:
    """The cause for a clone that is gone before it reached ``goal``."""
    return Cause("clone-deleted", gone_before(goal), final=True)


def silence_cause(obj: Object, around: Surroundings, now: datetime) -> Cause | None:
    """The cause for a clone or a snapshot that has no status although it was created long ago."""
    created = time_at(obj, "metadata", "creationTimestamp")
    if created is None or at(obj, "status") or around.events.objects:
        return None
    if now - created < timedelta(seconds=SILENT_SECONDS):
        return None
    found = "no status" if around.events.unreadable else "no status and no event"
    return Cause(
        "controller-silent",
        f"KubeVirt has not looked at it yet, there is {found}:"
        " virt-controller is busy, or does not run",
        (kubectl("get", "pods", "-A", "-l", "kubevirt.io=virt-controller"),),
    )


def _told(clone: Object, id_: str, sentence: str, *, final: bool) -> Cause:
    """A cause in KubeVirt's own words, with the command that shows or mends what it speaks of."""
    if id_ == "source-missing":
        resource = SOURCE_ALIASES.get(text_at(clone, "spec", "source", "kind").lower())
        hint = kubectl_in(clone, "get", SHORT_NAMES[resource.kind]) if resource else ()
    elif id_.startswith("volume-"):
        source = text_at(clone, "spec", "source", "name")
        path = "jsonpath={.status.volumeSnapshotStatuses}"
        hint = kubectl_in(clone, "get", f"vm/{source}", "-o", path)
    else:
        hint = deletion(clone) if final else ()
    told = "; ".join(sentence.splitlines()) or "KubeVirt gives no reason"
    return Cause(id_, told, hint, final)


def _of_success(clone: Object, around: Surroundings) -> Cause | None:
    name = text_at(clone, "status", "targetName") or text_at(clone, "spec", "target", "name")
    target = around.target
    if target and target.object:
        made = origin_of(clone, target.object, around.events.objects)
        if made is not Origin.THIS_CLONE:
            return not_cloned(clone, name)
    return _of_claims(clone, around, name)


def _of_claims(clone: Object, around: Surroundings, target: str = "") -> Cause | None:
    """The restored volume that is not bound: the restore, or the end of the children, waits for it.

    A volume that waits for its first consumer holds up the end only; there is a ``target`` then.
    """
    for name, lookup in around.claims.items():
        phase = text_at(lookup.object, "status", "phase")
        later = lookup.object is not None and around.waits_for_consumer(lookup.object)
        if lookup.object is None or phase == "Bound" or (later and not target):
            continue
        if later:
            sentence = f'the volume "{name}" is bound only when the VM "{target}" starts'
            namespace = text_at(clone, "metadata", "namespace")
            start = Command(("start", target), namespace, program="virtctl")
            return Cause("first-consumer", sentence, (start,))
        sentence = f'the volume "{name}" is not bound: it is {phase or "new"}'
        show = kubectl_in(clone, "describe", f"pvc/{name}")
        return Cause("volume-unbound", sentence, show, passing=True)
    return None


def not_cloned(clone: Object, target: str) -> Cause:
    """The false success of KubeVirt 1.5 to 1.9: the target was there before, and stayed as it was.

    A restore whose target runs fails after 5 minutes, and the clone goes on as if it were done.
    """
    sentence = f'KubeVirt says {SUCCEEDED}, but the VM "{target}" was not made by this clone'
    show = kubectl_in(clone, "get", f"vm/{target}", "-o", "yaml")
    return Cause("not-cloned", sentence, show, final=True)
