"""Watches: the log of changes as the events one client asked for.

How events are written to a connection is the server's; lists are in ``storage.listing``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from kubevirt_sandbox.storage.listing import is_version, unreadable_version
from kubevirt_sandbox.storage.resources import ResourceType
from kubevirt_sandbox.storage.selectors import Predicate, both, field_predicate, label_predicate
from kubevirt_sandbox.storage.status import expired, failure
from kubevirt_sandbox.storage.store import Change, Compacted, Store

Obj = dict[str, Any]

POLL = 1.0
"""Seconds after which a silent watch looks whether its client is still there."""
BOOKMARK_INTERVAL = 60.0
BOOKMARK_BEFORE_END = 2.0


@dataclass(frozen=True)
class WatchQuery:
    """What a watch is asked for; ``timeout`` in seconds, 0 = the server's choice.

    ``initial``: whether it begins with the objects that are there; None leaves that to ``version``.
    """

    namespace: str | None = None
    labels: str = ""
    fields: str = ""
    version: str = ""
    timeout: float = 0
    bookmarks: bool = False
    initial: bool | None = None


def watch(
    store: Store, resource: ResourceType, query: WatchQuery, alive: Callable[[], bool]
) -> Iterator[tuple[str, Obj]]:
    """(type, object) of each event, until the timeout, the client's or the server's end.

    Objects are shared with the store. Raises ApiError 400 before the first event for a selector
    that can't be read, and 500 for a version; a version that is compacted is an ERROR event, as
    with the API server's watch cache.
    """
    matches = _selector(resource, query)
    if query.version and not is_version(query.version):
        raise failure(HTTPStatus.INTERNAL_SERVER_ERROR, unreadable_version(query.version))
    version = int(query.version or 0)
    return _events(store, resource, query, alive, matches, version)


def _selector(resource: ResourceType, query: WatchQuery) -> Predicate:
    tests: list[Predicate] = []
    if query.namespace is not None:
        wanted = query.namespace
        tests.append(lambda obj: obj["metadata"].get("namespace", "") == wanted)
    if query.fields:
        tests.append(field_predicate(query.fields, resource))
    if query.labels:
        tests.append(label_predicate(query.labels))
    return both(tests)


def _events(
    store: Store,
    resource: ResourceType,
    query: WatchQuery,
    alive: Callable[[], bool],
    matches: Predicate,
    version: int,
) -> Iterator[tuple[str, Obj]]:
    # A watch without a timeout ends after 30 to 60 minutes, as the API server's does.
    timeout = query.timeout or random.uniform(1800, 3600)  # noqa: S311
    end = time.monotonic() + timeout
    bookmark = _next_bookmark(query, end)
    if query.initial is False and version == 0:
        version = store.version
    elif query.initial or version == 0:
        version, items = store.snapshot(resource.key, query.namespace)
        yield from (("ADDED", obj) for _, obj in items if matches(obj))
        if query.bookmarks and (query.initial or not query.version):
            yield "BOOKMARK", _bookmark(resource, version, initial=True)
    while not store.closed:
        now = time.monotonic()
        if now >= bookmark:
            yield "BOOKMARK", _bookmark(resource, version)
            bookmark = _next_bookmark(query, end)
        if now >= end or not alive():
            return
        try:
            wait = min(end - now, max(bookmark - now, 0.0), POLL)
            newest, changes = store.changes_since(version, wait)
        except Compacted as old:
            yield "ERROR", expired(str(old)).status
            return
        for change in changes:
            if change.type_key == resource.key:
                yield from _seen(change, matches)
        version = max(version, newest)


def _seen(change: Change, matches: Predicate) -> Iterator[tuple[str, Obj]]:
    """A change as the selector sees it: an object may begin or cease to match."""
    before = change.previous is not None and matches(change.previous)
    now = change.event != "DELETED" and matches(change.object)
    if now:
        yield ("MODIFIED" if before else "ADDED"), change.object
    elif before and change.event == "DELETED":
        yield "DELETED", change.object
    elif before and change.previous is not None:
        # The client sees the object as it last matched, under the version that took it away.
        metadata = {**change.previous["metadata"], "resourceVersion": str(change.version)}
        yield "DELETED", {**change.previous, "metadata": metadata}


def _next_bookmark(query: WatchQuery, end: float) -> float:
    """When the next bookmark is due: each minute, and shortly before the watch ends."""
    if not query.bookmarks:
        return float("inf")
    now = time.monotonic()
    last = end - BOOKMARK_BEFORE_END
    if now < last < now + BOOKMARK_INTERVAL:
        return last
    return now + BOOKMARK_INTERVAL if now < last else float("inf")


def _bookmark(resource: ResourceType, version: int, *, initial: bool = False) -> Obj:
    """How far the watch has come; the one that ends the ``initial`` events is marked."""
    annotations = {"annotations": {"k8s.io/initial-events-end": "true"}} if initial else {}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {**annotations, "resourceVersion": str(version)},
    }
