"""What stands around a clone, as far as the user may read it: values, fetched elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from kubectl_virt_clone.objects.fields import Object, name_of, text_at, time_at


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
    """A clone's source, target, children and events; None where nothing was asked for.

    ``content`` is what the snapshot holds, ``claims`` are the restored volumes' claims by name, and
    ``storage_classes`` those of the cluster, for what these claims wait for.
    """

    source: Lookup | None = None
    target: Lookup | None = None
    snapshot: Lookup | None = None
    content: Lookup | None = None
    restore: Lookup | None = None
    claims: Mapping[str, Lookup] = field(default_factory=dict)
    storage_classes: Listing = field(default_factory=Listing)
    events: Listing = field(default_factory=Listing)

    def waits_for_consumer(self, claim: Object) -> bool:
        """Whether the claim is of a class that binds a volume only when a pod wants it."""
        wanted = text_at(claim, "spec", "storageClassName")
        modes = {name_of(c): text_at(c, "volumeBindingMode") for c in self.storage_classes.objects}
        return bool(wanted) and modes.get(wanted) == "WaitForFirstConsumer"


def last_seen(event: Object) -> datetime | None:
    """When an event last happened, whichever of its time fields is set (core/v1 has four)."""
    return (
        time_at(event, "lastTimestamp")
        or time_at(event, "series", "lastObservedTime")
        or time_at(event, "eventTime")
        or time_at(event, "metadata", "creationTimestamp")
    )
