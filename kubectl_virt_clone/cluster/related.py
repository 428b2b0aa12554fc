"""A clone's surroundings: source, target, snapshot, restore and events, read side by side.

What may not be read is said to be unreadable, never an error; nothing is judged here.
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import partial

from kubectl_virt_clone.cluster.concurrency import side_by_side
from kubectl_virt_clone.cluster.resources import NOT_FOUND, get, items_of, list_page
from kubectl_virt_clone.cluster.session import Query, Session
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.model.api import (
    EVENTS,
    RESTORES,
    SNAPSHOTS,
    SOURCE_ALIASES,
    VIRTUAL_MACHINES,
    Resource,
)
from kubectl_virt_clone.model.objects import Object, name_of, text_at, uid_of
from kubectl_virt_clone.model.surroundings import Listing, Lookup, Surroundings, last_seen

_BEGINNING = datetime.min.replace(tzinfo=timezone.utc)


def surroundings_of(session: Session, namespace: str, clone: Object) -> Surroundings:
    """Read everything around ``clone`` in one round of requests sent side by side."""
    source_kind = SOURCE_ALIASES.get(text_at(clone, "spec", "source", "kind").lower())
    source = text_at(clone, "spec", "source", "name")
    target = text_at(clone, "status", "targetName") or text_at(clone, "spec", "target", "name")
    snapshot = text_at(clone, "status", "snapshotName")
    restore = text_at(clone, "status", "restoreName")
    wanted = {
        "source": (source_kind, source),
        "target": (VIRTUAL_MACHINES, target),
        "snapshot": (SNAPSHOTS, snapshot),
        "restore": (RESTORES, restore),
    }
    lookups = {
        what: partial(look_up, session, resource, namespace, name)
        for what, (resource, name) in wanted.items()
        if resource is not None and name
    }
    events = {
        name: partial(events_of, session, namespace, name, uid)
        for name, uid in _event_objects(clone)
    }
    found = side_by_side({**lookups, **events})
    return Surroundings(
        **{what: found[what] for what in lookups}, events=_merged([found[name] for name in events])
    )


def look_up(session: Session, resource: Resource, namespace: str, name: str) -> Lookup:
    """Read one object; missing and unreadable ones are answers, not errors.

    A 404 that names no object is of a version or a resource that the server doesn't have.
    """
    try:
        return Lookup(get(session, resource, namespace, name))
    except (ConnectionFailed, StatusError) as error:
        if isinstance(error, ConnectionFailed) or error.code != NOT_FOUND:
            return Lookup(unreadable=_why(error))
        named = text_at(error.status, "details", "name")
        return Lookup() if named else Lookup(unreadable=f"{resource.api_version} is not served")


def list_up(
    session: Session,
    resource: Resource,
    namespace: str,
    query: Query = (),
    *,
    read_timeout: float | None = None,
) -> Listing:
    """Read a list; one that can't be read is an answer too. No namespace means the cluster."""
    try:
        page = list_page(session, resource, namespace, query, read_timeout=read_timeout)
    except (ConnectionFailed, StatusError) as error:
        return Listing(unreadable=_why(error))
    return Listing(tuple(items_of(page)))


def _why(error: ConnectionFailed | StatusError) -> str:
    return str(error) if isinstance(error, ConnectionFailed) else error.reason or "unknown"


def events_of(
    session: Session, namespace: str, name: str, uid: str, *, read_timeout: float | None = None
) -> Listing:
    """The events on the object of that name, oldest first; of all uids if ``uid`` is empty."""
    selector = f"involvedObject.name={name}" + (f",involvedObject.uid={uid}" if uid else "")
    query = [("fieldSelector", selector)]
    return _merged([list_up(session, EVENTS, namespace, query, read_timeout=read_timeout)])


def _when(event: Object) -> datetime:
    return last_seen(event) or _BEGINNING


def _event_objects(clone: Object) -> list[tuple[str, str]]:
    """(name, uid) of the clone and of its children, whose events outlive them.

    The children's names follow from the clone's uid since KubeVirt 1.2.
    """
    uid = uid_of(clone)
    children = [(f"tmp-snapshot-{uid}", ""), (f"tmp-restore-{uid}", "")] if uid else []
    return [(name_of(clone), uid), *children]


def _merged(listings: list[Listing]) -> Listing:
    objects = [event for listing in listings for event in listing.objects]
    unreadable = next((listing.unreadable for listing in listings if listing.unreadable), "")
    return Listing(tuple(sorted(objects, key=_when)), unreadable)
