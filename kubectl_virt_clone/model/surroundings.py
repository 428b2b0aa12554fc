"""What stands around a clone, as far as the user may read it: values, fetched elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from kubectl_virt_clone.model.objects import Object, time_at


@dataclass(frozen=True)
class Lookup:
    """One object that was asked for: there, not there, or not ours to read.

    ``object`` is None when it does not exist; ``unreadable`` says why it could not be read.
    """

    object: Object | None = None
    unreadable: str = ""


@dataclass(frozen=True)
class Listing:
    """Objects of one kind that were asked for; ``unreadable`` as in Lookup."""

    objects: tuple[Object, ...] = ()
    unreadable: str = ""


@dataclass(frozen=True)
class Surroundings:
    """A clone's source, target, children and events; None where there is nothing to ask for."""

    source: Lookup | None = None
    target: Lookup | None = None
    snapshot: Lookup | None = None
    restore: Lookup | None = None
    events: Listing = field(default_factory=Listing)


def last_seen(event: Object) -> datetime | None:
    """When an event last happened, whichever of its time fields is set (core/v1 has four)."""
    return (
        time_at(event, "lastTimestamp")
        or time_at(event, "series", "lastObservedTime")
        or time_at(event, "eventTime")
        or time_at(event, "metadata", "creationTimestamp")
    )
