"""The clones to describe, and around each source, target, snapshot, restore, claims and events.

What may not be read is said to be unreadable, never an error; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from functools import partial
from typing import Any

from kubectl_virt_clone.clone.api import (
    EVENTS,
    PERSISTENT_VOLUME_CLAIMS,
    RESTORES,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    SOURCE_ALIASES,
    STORAGE_CLASSES,
    VIRTUAL_MACHINES,
)
from kubectl_virt_clone.clone.progress.progress import Surroundings, last_seen
from kubectl_virt_clone.clone.progress.provenance import own_claims
from kubectl_virt_clone.clone.target.preview import FILTERS
from kubectl_virt_clone.errors import VirtCloneError, is_missing
from kubectl_virt_clone.kube.pool import side_by_side
from kubectl_virt_clone.kube.resource import list_up, look_up, select
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    key_of,
    mappings_at,
    name_of,
    text_at,
    uid_of,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup, Resource, Selection

_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)
_VERSION = ("metadata", "resourceVersion")
_RETRIES = 3
_AT_ONCE = 8


def found(
    session: Session, served: Resource, selection: Selection, *, notice: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[VirtCloneError]]:
    """The clones of a selection, and an error for each name that could not be read.

    A single name that does not exist stands for all that begin so; for none if none may be listed.
    """
    clones, errors = select(session, served, selection, notice=notice)
    if len(selection.names) == 1 and any(map(is_missing, errors)):
        listed = list_up(session, served, session.namespace).objects
        clones = [dict(each) for each in listed if name_of(each).startswith(selection.names[0])]
        errors = [] if clones else errors
    return clones, errors


def settled(
    session: Session, resource: Resource, clone: dict[str, Any]
) -> tuple[dict[str, Any], Surroundings]:
    """The clone, and what stands around it at the same moment.

    A clone that goes on meanwhile leaves children behind that are gone: it is read again then.
    """
    namespace, name = key_of(clone)
    around = surroundings_of(session, namespace, clone)
    for _ in range(_RETRIES):
        children = (around.snapshot, around.restore)
        if not any(child and child == Lookup() for child in children):
            break
        newer = look_up(session, resource, namespace, name).object
        if newer is None or at(newer, *_VERSION) == at(clone, *_VERSION):
            break
        clone = dict(newer)
        around = surroundings_of(session, namespace, clone)
    return clone, around


def surroundings_of(session: Session, namespace: str, clone: Object, **limits: Any) -> Surroundings:
    """Read everything around ``clone``, in rounds of requests that are sent side by side.

    A second round follows only where the first names something to ask for, and a third where a
    claim is not bound. ``limits``, here and below, are a ``read_timeout`` and a ``deadline``.
    """
    read = partial(partial, look_up, session, **limits)
    named = _named(clone)
    first: dict[str, Callable[[], Any]] = {
        what: read(resource, namespace, name) for what, (resource, name) in named.items()
    }
    for name, uid in _event_objects(clone):
        first[f"events/{name}"] = partial(events_of, session, namespace, name, uid, **limits)
    found = side_by_side(first)
    lookups = {what: found[what] for what in named}
    if _from_snapshot(clone):
        lookups["snapshot"] = lookups.get("source")
    target = lookups.get("target")
    own = own_claims(clone, target.object) if target and target.object else []
    second = {
        name: read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        for name in dict.fromkeys([*_claims(lookups.get("restore")), *own])
    }
    if content := _content(clone, lookups.get("snapshot")):
        second[""] = read(SNAPSHOT_CONTENTS, namespace, content)  # no claim is called so
    held = side_by_side(second)
    around = Surroundings(
        **lookups,
        content=held.pop("", None),
        claims=held,
        events=_merged([found[key] for key in found if key not in named]),
    )
    return _with_what_claims_wait_for(around, session, namespace, **limits)


def _with_what_claims_wait_for(
    around: Surroundings, session: Session, namespace: str, **limits: Any
) -> Surroundings:
    unbound = {
        name: claim.object
        for name, claim in around.claims.items()
        if claim.object and text_at(claim.object, "status", "phase") != "Bound"
    }
    if not unbound:
        return around
    third: dict[str, Callable[[], Any]] = {
        name: partial(events_of, session, namespace, name, uid_of(claim), **limits)
        for name, claim in [*unbound.items()][:_AT_ONCE]
    }
    third[""] = partial(list_up, session, STORAGE_CLASSES, "", **limits)
    read_last = side_by_side(third)
    classes = read_last.pop("")
    return replace(around, storage_classes=classes, claim_events=read_last)


def _named(clone: Object) -> dict[str, tuple[Resource, str]]:
    """What the clone names: field of Surroundings -> resource and name."""
    resource = SOURCE_ALIASES.get(text_at(clone, "spec", "source", "kind").lower())
    snapshot = text_at(clone, "status", "snapshotName")
    if text_at(clone, "status", "phase") == "SnapshotInProgress" and not _from_snapshot(clone):
        snapshot = snapshot or f"tmp-snapshot-{uid_of(clone)}"
    target = text_at(clone, "status", "targetName") or text_at(clone, "spec", "target", "name")
    wanted = {
        "source": (resource, text_at(clone, "spec", "source", "name")),
        "target": (VIRTUAL_MACHINES, target),
        "snapshot": (SNAPSHOTS, snapshot),
        "restore": (RESTORES, text_at(clone, "status", "restoreName")),
    }
    return {
        what: (resource, name) for what, (resource, name) in wanted.items() if resource and name
    }


def _from_snapshot(clone: Object) -> bool:
    kind = text_at(clone, "spec", "source", "kind").lower()
    return SOURCE_ALIASES.get(kind) == SNAPSHOTS


def _content(clone: Object, snapshot: Lookup | None) -> str:
    """The content with the VM that is cloned, of a snapshot that is the source.

    It is only used to show what the filters do to that VM.
    """
    filtered = any(isinstance(at(clone, *path), list) for path in FILTERS.values())
    if snapshot is None or not filtered or not _from_snapshot(clone):
        return ""
    return text_at(snapshot.object, "status", "virtualMachineSnapshotContentName")


def _claims(restore: Lookup | None) -> list[str]:
    """The claims that the restore has made, each once."""
    restored = mappings_at(restore.object if restore else None, "status", "restores")
    names = (text_at(item, "persistentVolumeClaim") for item in restored)
    return list(dict.fromkeys(filter(None, names)))


def events_of(session: Session, namespace: str, name: str, uid: str, **limits: Any) -> Listing:
    """The events on the object of that name, oldest first; of all uids if ``uid`` is empty."""
    selector = f"involvedObject.name={name}" + (f",involvedObject.uid={uid}" if uid else "")
    query = [("fieldSelector", selector)]
    return _merged([list_up(session, EVENTS, namespace, query, **limits)])


def _when(event: Object) -> datetime:
    return last_seen(event) or _BEGINNING


def _event_objects(clone: Object) -> list[tuple[str, str]]:
    """(name, uid) of the clone and of its children, whose events outlive them.

    The children's names follow from the clone's uid since KubeVirt 1.2.
    """
    uid = uid_of(clone)
    kinds = ("restore",) if _from_snapshot(clone) else ("snapshot", "restore")
    return [(name_of(clone), uid), *((f"tmp-{kind}-{uid}", "") for kind in kinds if uid)]


def _merged(listings: list[Listing]) -> Listing:
    objects = [event for listing in listings for event in listing.objects]
    unreadable = next((listing.unreadable for listing in listings if listing.unreadable), "")
    return Listing(tuple(sorted(objects, key=_when)), unreadable)
