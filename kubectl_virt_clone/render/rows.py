"""``get``: clones as rows of a table, or as whole objects, in the order in which they come.

A row is made from one clone and what was read around it; nothing here fetches or keeps any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from kubectl_virt_clone.clone.api import RESTORES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.diagnosis import clone_cause, diagnose, silence_cause
from kubectl_virt_clone.clone.progress.progress import FAILED, SUCCEEDED, Surroundings, phase_of
from kubectl_virt_clone.objects.fields import (
    Object,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    time_at,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup, Resource
from kubectl_virt_clone.render.durations import age
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.formats import documents, listed, watch_events
from kubectl_virt_clone.render.tables import Table

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"
HEADERS = ("NAME", "PHASE", "SOURCE", "TARGET", "READY", "AGE")
WIDE_HEADERS = ("KIND", "SNAPSHOT", "RESTORE", "ELAPSED", "CAUSE")
EVENT_WIDTH = len("MODIFIED")  # rows that come later stay in line
NONE, UNKNOWN, PENDING = "<none>", "<unknown>", "Pending"

_EVENTS_UNREAD = Surroundings(events=Listing(unreadable="a table reads none"))

Unfinished = Mapping[tuple[str, str, str], Object]
"""(kind, namespace, name) → an unfinished snapshot or restore."""

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Chunk:
    """Objects to show at once: a page of a list, or one change of a watch.

    ``unfinished`` holds their children. One that it lacks was not read, is finished, or is newer:
    nothing follows from that.
    """

    objects: Sequence[Object]
    event: str = ADDED
    unfinished: Unfinished = field(default_factory=dict)

    def around(self, clone: Object) -> Surroundings:
        """The known children of one of the objects."""

        def child(resource: Resource, key: str) -> Lookup | None:
            name = text_at(clone, "status", key)
            place = (resource.kind, text_at(clone, "metadata", "namespace"), name)
            return Lookup(self.unfinished[place]) if place in self.unfinished else None

        return Surroundings(
            snapshot=child(SNAPSHOTS, "snapshotName"), restore=child(RESTORES, "restoreName")
        )


@dataclass(frozen=True)
class Layout:
    """How to show clones: ``output`` is None for a table, or one of -o.

    ``bare``: each object by itself, not as an item of a List.
    """

    output: str | None = None
    headers: bool = True
    namespaces: bool = False
    labels: bool = False
    events: bool = False
    bare: bool = False


def shown(chunks: Iterable[Chunk], layout: Layout, clock: Clock) -> Iterator[str]:
    """The text of each chunk as soon as it comes; a List ends with the last one."""
    if layout.output is None or layout.output == "wide":
        return _table(chunks, layout, clock)
    if layout.events and layout.output != "name":
        events = ([{"type": c.event, "object": obj} for obj in c.objects] for c in chunks)
        return watch_events(events, layout.output)
    objects = (chunk.objects for chunk in chunks)
    return (documents if layout.bare else listed)(objects, layout.output)


def nothing_found(namespace: str) -> str:
    """What kubectl says on stderr about an empty list; no namespace means all of them."""
    where = f" in {escaped(namespace)} namespace." if namespace else ""
    return f"No resources found{where}"


def _table(chunks: Iterable[Chunk], layout: Layout, clock: Clock) -> Iterator[str]:
    headers = [
        *(["EVENT"] if layout.events else []),
        *(["NAMESPACE"] if layout.namespaces else []),
        *HEADERS,
        *(WIDE_HEADERS if layout.output == "wide" else []),
        *(["LABELS"] if layout.labels else []),
    ]
    table = Table(headers, shown=layout.headers)
    for chunk in chunks:
        now = clock()
        rows = [_row(clone, chunk, layout, now) for clone in chunk.objects]
        if rows:
            yield "\n".join(table.lines(rows)) + "\n"


def _row(clone: Object, chunk: Chunk, layout: Layout, now: datetime) -> list[str]:
    created = time_at(clone, "metadata", "creationTimestamp")
    return [
        *([f"{chunk.event:{EVENT_WIDTH}}"] if layout.events else []),
        *([text_at(clone, "metadata", "namespace") or NONE] if layout.namespaces else []),
        name_of(clone) or NONE,
        phase_of(clone) or PENDING,
        text_at(clone, "spec", "source", "name") or NONE,
        text_at(clone, "status", "targetName") or text_at(clone, "spec", "target", "name") or NONE,
        text_at(_ready(clone), "status") or NONE,
        age(created, now),
        *(_wide(clone, chunk, created, now) if layout.output == "wide" else []),
        *([_labels(clone)] if layout.labels else []),
    ]


def _wide(clone: Object, chunk: Chunk, created: datetime | None, now: datetime) -> list[str]:
    cause, around = clone_cause(clone), chunk.around(clone)
    # Without a child little more is known, as its events were not read.
    if cause is None and (around.snapshot or around.restore):
        cause = diagnose(clone, around, now)
    elif cause is None:
        cause = silence_cause(clone, _EVENTS_UNREAD, now)
    return [
        text_at(clone, "spec", "source", "kind") or NONE,
        text_at(clone, "status", "snapshotName") or NONE,
        text_at(clone, "status", "restoreName") or NONE,
        _elapsed(clone, created, now),
        cause.sentence if cause else NONE,
    ]


def _elapsed(clone: Object, created: datetime | None, now: datetime) -> str:
    """How long it took, or has taken so far.

    A clone ends when its Ready condition gets its status. A later sync of a Failed one may renew
    that time; it then seems to have taken longer.
    """
    if phase_of(clone) not in (SUCCEEDED, FAILED):
        return age(created, now)
    end = time_at(_ready(clone), "lastTransitionTime")
    return UNKNOWN if end is None else age(created, end)


def _ready(clone: Object) -> Object:
    """The Ready condition; empty if there is none yet."""
    conditions = mappings_at(clone, "status", "conditions")
    return next((c for c in conditions if text_at(c, "type") == "Ready"), {})


def _labels(clone: Object) -> str:
    pairs = sorted(mapping_at(clone, "metadata", "labels").items())
    return ",".join(f"{key}={value}" for key, value in pairs) or NONE
