"""``get``: clones as rows of a table, or as whole objects, in the order in which they come.

Every row is made from one clone and what was read around it; nothing is fetched or kept here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from kubectl_virt_clone.clone.batch import Batch
from kubectl_virt_clone.clone.progress.around import Listing, Surroundings
from kubectl_virt_clone.clone.progress.diagnosis import clone_cause, diagnose, silence_cause
from kubectl_virt_clone.clone.progress.progress import FAILED, SUCCEEDED, phase_of
from kubectl_virt_clone.objects.fields import (
    Object,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    time_at,
)
from kubectl_virt_clone.render.durations import age
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.formats import documents, listed, watch_events
from kubectl_virt_clone.render.tables import Table

HEADERS = ("NAME", "PHASE", "SOURCE", "TARGET", "READY", "AGE")
WIDE_HEADERS = ("KIND", "SNAPSHOT", "RESTORE", "ELAPSED", "CAUSE")
EVENT_WIDTH = len("MODIFIED")  # rows that come later stay in line
NONE, UNKNOWN, PENDING = "<none>", "<unknown>", "Pending"

_EVENTS_UNREAD = Surroundings(events=Listing(unreadable="a table reads none"))

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class Look:
    """How clones are to be shown: ``output`` is None for a table, or one of -o.

    ``bare``: each object by itself, not as the items of one List.
    """

    output: str | None = None
    headers: bool = True
    namespaces: bool = False
    labels: bool = False
    events: bool = False
    bare: bool = False

    @property
    def is_table(self) -> bool:
        """Whether rows are asked for, not objects."""
        return self.output in (None, "wide")


def shown(batches: Iterable[Batch], look: Look, clock: Clock) -> Iterator[str]:
    """The text of each batch as soon as it is there; a List ends with the last one."""
    if look.output is None or look.is_table:
        return _table(batches, look, clock)
    if look.events and look.output != "name":
        return watch_events(map(_watch_events, batches), look.output)
    objects = (batch.objects for batch in batches)
    return (documents if look.bare else listed)(objects, look.output)


def nothing_found(namespace: str) -> str:
    """What kubectl says on stderr where a list is empty; no namespace means all of them."""
    where = f" in {escaped(namespace)} namespace." if namespace else ""
    return f"No resources found{where}"


def _watch_events(batch: Batch) -> Sequence[Object]:
    """What the API calls a WatchEvent, for each object."""
    return [{"type": batch.event, "object": obj} for obj in batch.objects]


def _table(batches: Iterable[Batch], look: Look, clock: Clock) -> Iterator[str]:
    headers = [
        *(["EVENT"] if look.events else []),
        *(["NAMESPACE"] if look.namespaces else []),
        *HEADERS,
        *(WIDE_HEADERS if look.output == "wide" else []),
        *(["LABELS"] if look.labels else []),
    ]
    table = Table(headers, shown=look.headers)
    for batch in batches:
        now = clock()
        rows = [_row(clone, batch, look, now) for clone in batch.objects]
        if rows:
            yield "\n".join(table.lines(rows)) + "\n"


def _row(clone: Object, batch: Batch, look: Look, now: datetime) -> list[str]:
    created = time_at(clone, "metadata", "creationTimestamp")
    return [
        *([f"{batch.event:{EVENT_WIDTH}}"] if look.events else []),
        *([text_at(clone, "metadata", "namespace") or NONE] if look.namespaces else []),
        name_of(clone) or NONE,
        phase_of(clone) or PENDING,
        text_at(clone, "spec", "source", "name") or NONE,
        text_at(clone, "status", "targetName") or text_at(clone, "spec", "target", "name") or NONE,
        text_at(_ready(clone), "status") or NONE,
        age(created, now),
        *(_wide(clone, batch, created, now) if look.output == "wide" else []),
        *([_labels(clone)] if look.labels else []),
    ]


def _wide(clone: Object, batch: Batch, created: datetime | None, now: datetime) -> list[str]:
    cause, around = clone_cause(clone), batch.around(clone)
    # Without a child little more is known: of its events none was read.
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

    A finished clone's end is when its Ready condition got its status. A later sync of a Failed one
    may write that time anew: what is shown is then longer than it was.
    """
    if phase_of(clone) not in (SUCCEEDED, FAILED):
        return age(created, now)
    end = time_at(_ready(clone), "lastTransitionTime")
    return UNKNOWN if end is None else age(created, end)


def _ready(clone: Object) -> Object:
    """The Ready condition; empty where there is none yet."""
    conditions = mappings_at(clone, "status", "conditions")
    return next((c for c in conditions if text_at(c, "type") == "Ready"), {})


def _labels(clone: Object) -> str:
    pairs = sorted(mapping_at(clone, "metadata", "labels").items())
    return ",".join(f"{key}={value}" for key, value in pairs) or NONE
