"""How an object that stands around a clone is now, in a word or two, its own error included.

What a state means for the clone is ``model.diagnosis``'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_virt_clone.clone.api import SNAPSHOTS
from kubectl_virt_clone.clone.progress.around import Lookup, Surroundings
from kubectl_virt_clone.clone.progress.progress import SUCCEEDED, phase_of
from kubectl_virt_clone.clone.progress.provenance import Origin, origin_of
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    mappings_at,
    text_at,
)
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.tables import underlined

NONE, UNKNOWN = "<none>", "<unknown>"
MISSING = "does not exist"


def state(lookup: Lookup | None) -> str:
    """The word that the object's own ``kubectl get`` shows."""
    if lookup is None:
        return UNKNOWN
    if lookup.unreadable:
        return f"{UNKNOWN} ({escaped(lookup.unreadable)})"
    if lookup.object is None:
        return MISSING
    status = text_at(lookup.object, "status", "printableStatus")
    return escaped(status or text_at(lookup.object, "status", "phase")) or UNKNOWN


def source_state(clone: Object, around: Surroundings) -> str:
    """The state of the source; a snapshot is told with its error, as the clone's own is."""
    own = text_at(clone, "spec", "source", "kind") != SNAPSHOTS.kind
    return state(around.source) if own else child_state(around.source)


def target_state(clone: Object, around: Surroundings) -> str:
    """The state of the target, and whose work it is."""
    target = around.target.object if around.target else None
    if target is None:
        return state(around.target)
    made = origin_of(clone, target, around.events.objects)
    older = "NOT made by this clone" if phase_of(clone) == SUCCEEDED else "was there before"
    maker = older if made is Origin.OLDER else f"made by {made.value}"
    return f"{state(around.target)} ({maker})"


def child_state(lookup: Lookup | None) -> str:
    """A snapshot's or restore's state, and its error or what its Ready condition says."""
    shown = state(lookup)
    obj = lookup.object if lookup else None
    if obj is None:
        return shown
    complete = at(obj, "status", "complete")
    if complete is not None:
        shown = "complete" if complete is True else "not complete"
    return ": ".join(filter(None, [shown, escaped(_reason(obj))]))


def _reason(obj: Object) -> str:
    said = {
        (text_at(condition, "type"), text_at(condition, "status")): text_at(condition, "reason")
        for condition in reversed(mappings_at(obj, "status", "conditions"))
    }
    ready = [reason for (kind, _), reason in said.items() if kind == "Ready"]
    error = text_at(obj, "status", "error", "message") or said.get(("Failure", "True"))
    return (error or "".join(ready[-1:])).strip()


def volumes(clone: Object, around: Surroundings) -> list[str]:
    """The restored volumes with their claims, as lines; a single one where there is no table."""
    restore = around.restore
    if phase_of(clone) == SUCCEEDED and not text_at(clone, "status", "restoreName"):
        return ["none left to bind"]  # KubeVirt deletes the restore then
    if restore is None or restore.object is None:
        return [state(restore) if restore and restore.unreadable else NONE]
    rows = [_volume(item, around) for item in mappings_at(restore.object, "status", "restores")]
    return underlined(("Volume", "Claim", "State"), rows) if rows else [NONE]


def _volume(restored: Object, around: Surroundings) -> Sequence[str]:
    name = text_at(restored, "persistentVolumeClaim")
    lookup = around.claims.get(name)
    claim = lookup.object if lookup else None
    shown = state(lookup)
    if claim is not None and text_at(claim, "status", "phase") != "Bound":
        shown += ": waits for its first consumer" if around.waits_for_consumer(claim) else ""
    return text_at(restored, "volumeName") or NONE, name or NONE, shown
