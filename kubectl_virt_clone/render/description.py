"""``describe``: a clone and its surroundings as text, in the layout of ``kubectl describe``.

It shows every value as it was read, and says what is missing. It fetches and judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from kubectl_virt_clone.clone.api import CLONES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.diagnosis import diagnose
from kubectl_virt_clone.clone.progress.progress import (
    STEPS,
    SUCCEEDED,
    Cause,
    Surroundings,
    last_seen,
    phase_of,
    step_of,
)
from kubectl_virt_clone.clone.progress.provenance import Origin, adopted_claims, origin_of
from kubectl_virt_clone.clone.progress.timeline import Step, phase_since, steps_of
from kubectl_virt_clone.clone.target.preview import FILTERS, Effect, filter_effects
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    time_at,
    uid_of,
)
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access, Listing, Lookup
from kubectl_virt_clone.render.durations import age, human
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.hints import written
from kubectl_virt_clone.render.tables import aligned, underlined

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
MISSING = "does not exist"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"

Rows = Iterator[tuple[int, str, str]]
"""(level of indentation, label, value); an empty value is a heading."""


def description(
    clone: Object,
    around: Surroundings,
    now: datetime,
    *,
    show_events: bool = True,
    access: Access = NO_FLAGS,
) -> str:
    """The whole text for one clone, with a hint that acts by ``access``; ends with a newline."""
    steps = steps_of(clone, around)
    phase = (0, "Phase", phase_line(clone, steps, now))
    lines = _aligned([*_identity(clone, now), *_spec(clone, around), phase])
    lines += _section("Timeline", timeline(steps))
    lines += _aligned(list(_children(clone, around)))
    lines += _section("Volumes", volumes(clone, around))
    lines += _section("Conditions", _conditions(clone, now))
    lines += _cause(diagnose(clone, around, now), access)
    if show_events:
        lines += _section("Events", _events(around.events, now))
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    """A table under its title, or a single line beside it."""
    several = [f"{title}:", *(f"  {line}" for line in lines)]
    return several if len(lines) > 1 else [f"{title}:  {lines[0]}"]


def _identity(clone: Object, now: datetime) -> Rows:
    created = time_at(clone, "metadata", "creationTimestamp")
    annotations = {
        k: v for k, v in mapping_at(clone, "metadata", "annotations").items() if k != _LAST_APPLIED
    }
    yield 0, "Name", escaped(name_of(clone))
    yield 0, "Namespace", escaped(text_at(clone, "metadata", "namespace")) or NONE
    yield from _pairs("Labels", mapping_at(clone, "metadata", "labels"), "=")
    yield from _pairs("Annotations", annotations, ": ")
    yield 0, "API Version", escaped(text_at(clone, "apiVersion")) or CLONES.api_version
    yield 0, "UID", escaped(uid_of(clone)) or UNKNOWN
    yield 0, "Created", f"{moment(created)} ({age(created, now)} ago)" if created else UNKNOWN


def _pairs(label: str, pairs: Object, separator: str) -> Rows:
    if not pairs:
        yield 0, label, NONE
    for number, (key, value) in enumerate(sorted(pairs.items())):
        yield 0, "" if number else label, escaped(f"{key}{separator}{value}")


def _spec(clone: Object, around: Surroundings) -> Rows:
    yield from _reference("Source", at(clone, "spec", "source"), source_state(clone, around))
    yield from _reference("Target", _target(clone), target_state(clone, around))
    yield 0, "Filters", ""
    effects = filter_effects(clone, around)
    for name, path in FILTERS.items():
        yield 1, name.replace("_", " ").title(), _filters(at(clone, *path))
        if name in effects:
            yield 1, "", _effect(effects[name])
    macs = mapping_at(clone, "spec", "newMacAddresses")
    yield 0, "New MAC Addresses", "" if macs else NONE
    for interface, address in sorted(macs.items()):
        yield 1, escaped(str(interface)), escaped(str(address))
    yield 0, "New SMBIOS Serial", escaped(text_at(clone, "spec", "newSMBiosSerial")) or UNSET
    patches = at(clone, "spec", "patches")
    for number, patch in enumerate(patches if isinstance(patches, list) else ()):
        yield 0, "" if number else "Patches", escaped(str(patch))
    if policy := text_at(clone, "spec", "volumeNamePolicy"):
        yield 0, "Volume Name Policy", escaped(policy)


def _target(clone: Object) -> Object:
    """The target that the controller reported, or else the spec's, which may have changed."""
    target = dict(mapping_at(clone, "spec", "target"))
    if reported := text_at(clone, "status", "targetName"):
        target["name"] = reported
    return target


def _reference(label: str, reference: object, shown: str) -> Rows:
    yield 0, label, ""
    yield 1, "Kind", escaped(text_at(reference, "kind")) or NONE
    yield 1, "Name", escaped(text_at(reference, "name")) or NONE
    yield 1, "State", shown


def _filters(filters: object) -> str:
    if not isinstance(filters, list):
        return f"{UNSET} (every key is kept)"
    return ", ".join(escaped(str(item)) for item in filters) or "[] (no key is kept)"


def _effect(effect: Effect | None) -> str:
    """``kept 3, dropped 1: app``; nobody misses the keys that are kept."""
    if effect is None:
        return f"effect {UNKNOWN}"
    text = f"kept {len(effect.kept)}, dropped {_counted(effect.dropped)}"
    return escaped(f"{text}; patched {_counted(effect.patched)}" if effect.patched else text)


def _counted(keys: Sequence[str]) -> str:
    return f"{len(keys)}: {', '.join(keys)}" if keys else "0"


def _children(clone: Object, around: Surroundings) -> Rows:
    for label, key, lookup in (
        ("Snapshot", "snapshotName", around.snapshot),
        ("Restore", "restoreName", around.restore),
    ):
        name = escaped(text_at(clone, "status", key))
        yield 0, label, f"{name} ({child_state(lookup)})" if name else NONE


def _conditions(clone: Object, now: datetime) -> list[str]:
    rows = [
        (
            text_at(condition, "type"),
            text_at(condition, "status"),
            text_at(condition, "reason") or NONE,
            age(time_at(condition, "lastTransitionTime"), now),
        )
        for condition in mappings_at(clone, "status", "conditions")
    ]
    return underlined(("Type", "Status", "Reason", "Age"), rows) if rows else [NONE]


def _cause(cause: Cause | None, access: Access) -> list[str]:
    if cause is None:
        return []
    hint = [(0, "Try", escaped(written(cause.hint, access)))] if cause.hint else []
    return _aligned([(0, "Cause", escaped(cause.sentence)), *hint])


def _events(events: Listing, now: datetime) -> list[str]:
    if events.unreadable:
        return [f"{UNKNOWN} ({escaped(events.unreadable)})"]
    rows = [_event(event, now) for event in events.objects]
    headers = ("Type", "Reason", "Age", "From", "Object", "Message")
    return underlined(headers, rows) if rows else [NONE]


def _event(event: Object, now: datetime) -> Sequence[str]:
    last = age(last_seen(event), now)
    count = at(event, "count")
    if isinstance(count, int) and count > 1:
        last = f"{last} (x{count} over {age(time_at(event, 'firstTimestamp'), now)})"
    return (
        text_at(event, "type"),
        text_at(event, "reason"),
        last,
        text_at(event, "source", "component") or text_at(event, "reportingComponent"),
        text_at(event, "involvedObject", "kind"),
        text_at(event, "message").strip(),
    )


def _aligned(rows: Sequence[tuple[int, str, str]]) -> list[str]:
    labels = [f"{'  ' * level}{label}{':' if label else ''}" for level, label, _ in rows]
    values = [value for _, _, value in rows]
    return [line.rstrip() for line in aligned(list(zip(labels, values, strict=True)))]


def moment(when: datetime) -> str:
    """A point in time as ``kubectl describe`` writes it."""
    return when.strftime("%a, %d %b %Y %H:%M:%S %z")


def phase_line(clone: Object, steps: Sequence[Step], now: datetime) -> str:
    """``RestoreInProgress (2/4) for 55s``; without the time if it is unknown."""
    phase, step = escaped(phase_of(clone)) or "Pending", step_of(clone)
    since = phase_since(clone, steps)
    lasting = f" for {age(since, now)}" if since else ""
    return (f"{phase} ({step}/{len(STEPS)})" if step else phase) + lasting


def timeline(steps: Sequence[Step]) -> list[str]:
    """The lines of a table: each step, when it was done, and how long after the one before it."""
    rows = [(step.what, moment(step.when), _took(step.seconds)) for step in steps]
    return underlined(("Step", "Time", "Took"), rows) if rows else [UNKNOWN]


def _took(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return human(seconds) if seconds >= 1 else "<1s"  # whole seconds are all that is known


def state(lookup: Lookup | None) -> str:
    """The word that ``kubectl get`` shows for the object."""
    if lookup is None:
        return UNKNOWN
    if lookup.unreadable:
        return f"{UNKNOWN} ({escaped(lookup.unreadable)})"
    if lookup.object is None:
        return MISSING
    status = text_at(lookup.object, "status", "printableStatus")
    return escaped(status or text_at(lookup.object, "status", "phase")) or UNKNOWN


def source_state(clone: Object, around: Surroundings) -> str:
    """The state of the source; of a snapshot also its error."""
    own = text_at(clone, "spec", "source", "kind") != SNAPSHOTS.kind
    return state(around.source) if own else child_state(around.source)


def target_state(clone: Object, around: Surroundings) -> str:
    """The state of the target, and who made it."""
    target = around.target.object if around.target else None
    if target is None:
        return state(around.target)
    made = origin_of(clone, target, around.events.objects)
    older = "NOT made by this clone" if phase_of(clone) == SUCCEEDED else "was there before"
    maker = older if made is Origin.OLDER else f"made by {made.value}"
    return f"{state(around.target)} ({maker})"


def child_state(lookup: Lookup | None) -> str:
    """A snapshot's or restore's state, and its error or the reason of its Ready condition."""
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
    """The restored volumes with their claims, as a table or a single line."""
    restore = around.restore
    if phase_of(clone) == SUCCEEDED and not text_at(clone, "status", "restoreName"):
        return _adopted(clone, around) or ["none left to bind"]  # KubeVirt deletes the restore then
    if restore is None or restore.object is None:
        return [state(restore) if restore and restore.unreadable else NONE]
    rows = [_volume(item, around) for item in mappings_at(restore.object, "status", "restores")]
    return underlined(("Volume", "Claim", "State"), rows) if rows else [NONE]


def _adopted(clone: Object, around: Surroundings) -> list[str]:
    """The claims that the clone did not fill, though they have the names of its own."""
    target = around.target.object if around.target else None
    if target is None or origin_of(clone, target, around.events.objects) is not Origin.THIS_CLONE:
        return []
    names = adopted_claims(clone, target, around.claims)
    return [f"{escaped(name)} was there before, and was NOT filled by this clone" for name in names]


def _volume(restored: Object, around: Surroundings) -> Sequence[str]:
    name = text_at(restored, "persistentVolumeClaim")
    lookup = around.claims.get(name)
    claim, shown = lookup.object if lookup else None, state(lookup)
    is_bound = text_at(claim, "status", "phase") == "Bound"
    if claim is not None and not is_bound and around.waits_for_consumer(claim):
        shown += ": waits for its first consumer"
    return text_at(restored, "volumeName") or NONE, name or NONE, shown
