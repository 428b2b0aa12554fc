"""When a clone took each of its steps, as far as its events and its conditions still tell.

Events live for an hour by default, and give the time in whole seconds. Steps of unknown time are
left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kubectl_virt_clone.clone.api import CLONES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.progress import SUCCEEDED, Surroundings, phase_of, reason_of
from kubectl_virt_clone.objects.fields import Object, mappings_at, text_at, time_at
from kubectl_virt_clone.objects.resource import Lookup

CREATED = "Created"
_SNAPSHOT, _RESTORE = "SnapshotCreated", "RestoreCreated"
EVENTS = (_SNAPSHOT, "SnapshotReady", _RESTORE, "RestoreReady", "TargetVMCreated", "PVCBound")
"""What the clone controller's events of success are called, in the order of the steps."""

# The step with which a phase begins.
_BEGINNINGS = {
    "SnapshotInProgress": _SNAPSHOT,
    "RestoreInProgress": "SnapshotReady",
    "CreatingTargetVM": "RestoreReady",
    SUCCEEDED: "TargetVMCreated",
}


@dataclass(frozen=True)
class Step:
    """A step that is done: ``seconds`` since the one before it, None for the first."""

    what: str
    when: datetime
    seconds: float | None


def steps_of(clone: Object, around: Surroundings) -> tuple[Step, ...]:
    """The steps that are known, in their order."""
    times = dict(_known(clone, around))
    known = [(what, times[what]) for what in (CREATED, *EVENTS) if what in times]
    before = [None, *(when for _, when in known)]
    return tuple(
        Step(what, when, None if last is None else max((when - last).total_seconds(), 0.0))
        for (what, when), last in zip(known, before, strict=False)
    )


def phase_since(clone: Object, steps: Sequence[Step]) -> datetime | None:
    """Since when the clone has been in its phase; None if unknown.

    The conditions tell it only where they are not written anew: as long as a clone is pending or
    begins, and of one that Failed while they say why.
    """
    phase = phase_of(clone)
    began = {step.what: step.when for step in steps}.get(_BEGINNINGS.get(phase, ""))
    if began or phase in ("RestoreInProgress", "CreatingTargetVM"):
        return began
    if phase == "Failed" and not reason_of(clone):
        return None
    for condition in mappings_at(clone, "status", "conditions"):
        if text_at(condition, "type") == "Ready":
            return time_at(condition, "lastTransitionTime")
    return None if phase else time_at(clone, "metadata", "creationTimestamp")


def _known(clone: Object, around: Surroundings) -> Iterator[tuple[str, datetime]]:
    """(step, when); if a step comes twice, its last time here is the best."""
    moments = [(CREATED, time_at(clone, "metadata", "creationTimestamp"))]
    children = [(_RESTORE, around.restore)]
    if text_at(clone, "spec", "source", "kind") != SNAPSHOTS.kind:
        children.append((_SNAPSHOT, around.snapshot))
    for what, child in children:
        obj = (child or Lookup()).object
        moments.append((what, time_at(obj, "metadata", "creationTimestamp")))
    for event in reversed(around.events.objects):
        if text_at(event, "involvedObject", "kind") == CLONES.kind:
            first = time_at(event, "firstTimestamp") or time_at(event, "eventTime")
            when = first or time_at(event, "metadata", "creationTimestamp")
            moments.append((text_at(event, "reason"), when))
    return ((what, when) for what, when in moments if when is not None)
