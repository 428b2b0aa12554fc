"""``describe``: a clone and its surroundings as text, in the layout of ``kubectl describe``.

Every value is shown as it was read; what is missing says so. Nothing is fetched or judged here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from kubectl_virt_clone.model.api import CLONES
from kubectl_virt_clone.model.diagnosis import cause
from kubectl_virt_clone.model.objects import (
    Object,
    at,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    time_at,
    uid_of,
)
from kubectl_virt_clone.model.progress import STEPS, phase_of, step_of
from kubectl_virt_clone.model.surroundings import Listing, Lookup, Surroundings, last_seen
from kubectl_virt_clone.render.durations import age
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.tables import underlined

NONE, UNKNOWN, UNSET = "<none>", "<unknown>", "<unset>"
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_FILTERS = (
    ("Labels", ("spec", "labelFilters")),
    ("Annotations", ("spec", "annotationFilters")),
    ("Template Labels", ("spec", "template", "labelFilters")),
    ("Template Annotations", ("spec", "template", "annotationFilters")),
)

Rows = Iterator[tuple[int, str, str]]
"""(level of indentation, label, value); an empty value is a heading."""


def description(clone: Object, around: Surroundings, now: datetime) -> str:
    """The whole text for one clone; ends with a newline."""
    lines = _aligned([*_identity(clone, now), *_spec(clone, around), *_status(clone, around)])
    lines += ["Conditions:", *_indented(_conditions(clone, now))]
    if why := cause(clone, around.events.objects):
        lines.append(f"Cause:  {escaped(why)}")
    lines += _events(around.events, now)
    return "\n".join(lines) + "\n"


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
    when = created.strftime("%a, %d %b %Y %H:%M:%S %z") if created else UNKNOWN
    yield 0, "Created", f"{when} ({age(created, now)} ago)" if created else when


def _pairs(label: str, pairs: Object, separator: str) -> Rows:
    if not pairs:
        yield 0, label, NONE
    for number, (key, value) in enumerate(sorted(pairs.items())):
        yield 0, "" if number else label, escaped(f"{key}{separator}{value}")


def _spec(clone: Object, around: Surroundings) -> Rows:
    yield from _reference("Source", at(clone, "spec", "source"), around.source)
    yield from _reference("Target", _target(clone), around.target)
    yield 0, "Filters", ""
    for label, path in _FILTERS:
        yield 1, label, _filters(at(clone, *path))
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
    """The target that the controller reported (a spec can be edited later), else the spec's."""
    target = dict(mapping_at(clone, "spec", "target"))
    if reported := text_at(clone, "status", "targetName"):
        target["name"] = reported
    return target


def _reference(label: str, reference: object, lookup: Lookup | None) -> Rows:
    yield 0, label, ""
    yield 1, "Kind", escaped(text_at(reference, "kind")) or NONE
    yield 1, "Name", escaped(text_at(reference, "name")) or NONE
    yield 1, "State", _state(lookup)


def _state(lookup: Lookup | None) -> str:
    """How the object is now, in the word that its own ``kubectl get`` shows."""
    if lookup is None:
        return UNKNOWN
    if lookup.unreadable:
        return f"{UNKNOWN} ({escaped(lookup.unreadable)})"
    if lookup.object is None:
        return "does not exist"
    status = text_at(lookup.object, "status", "printableStatus")
    return escaped(status or text_at(lookup.object, "status", "phase")) or UNKNOWN


def _filters(filters: object) -> str:
    if not isinstance(filters, list):
        return f"{UNSET} (every key is kept)"
    return ", ".join(escaped(str(item)) for item in filters) or "[] (no key is kept)"


def _status(clone: Object, around: Surroundings) -> Rows:
    phase = escaped(phase_of(clone)) or "Pending"
    step = step_of(clone)
    yield 0, "Phase", f"{phase} ({step}/{len(STEPS)})" if step else phase
    for label, key, lookup in (
        ("Snapshot", "snapshotName", around.snapshot),
        ("Restore", "restoreName", around.restore),
    ):
        name = escaped(text_at(clone, "status", key))
        yield 0, label, f"{name} ({_child_state(lookup)})" if name else NONE


def _child_state(lookup: Lookup | None) -> str:
    """A child's state, and its Ready condition's reason, where an error of its own stands."""
    state = _state(lookup)
    obj = lookup.object if lookup else None
    if obj is None:
        return state
    if at(obj, "status", "complete") is not None:
        state = "complete" if at(obj, "status", "complete") is True else "not complete"
    conditions = mappings_at(obj, "status", "conditions")
    reasons = [text_at(c, "reason") for c in conditions if text_at(c, "type") == "Ready"]
    error = text_at(obj, "status", "error", "message")
    return ": ".join(filter(None, [state, escaped((error or "".join(reasons[:1])).strip())]))


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


def _events(events: Listing, now: datetime) -> list[str]:
    if events.unreadable:
        return [f"Events:  {UNKNOWN} ({escaped(events.unreadable)})"]
    if not events.objects:
        return [f"Events:  {NONE}"]
    rows = [_event(event, now) for event in events.objects]
    headers = ("Type", "Reason", "Age", "From", "Object", "Message")
    return ["Events:", *_indented(underlined(headers, rows))]


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


def _aligned(rows: Iterable[tuple[int, str, str]]) -> list[str]:
    """Put the values into one column, two spaces behind the longest label."""
    shown = [
        (f"{'  ' * level}{label}{':' if label else ''}", value) for level, label, value in rows
    ]
    width = max(len(label) for label, _ in shown) + 2
    return [f"{label:<{width}}{value}".rstrip() for label, value in shown]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]
