"""``get -w``: what is new on a watch, each version of an object once.

Of every object only its version is kept, never the object: a stream has no end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from kubectl_virt_clone.clone.batch import (
    ADDED,
    DELETED,
    MODIFIED,
    Batch,
)
from kubectl_virt_clone.errors import ConnectionFailed
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import (
    Changed,
    Listed,
    Notice,
    Scope,
    watching,
)
from kubectl_virt_clone.objects.fields import (
    Key,
    Object,
    key_of,
    name_of,
    text_at,
    uid_of,
)

# How long one look at the queue may take where there is no end.
LONG = 3600.0


def followed(
    session: Session,
    scope: Scope,
    *,
    known: Iterable[Object] = (),
    silent_first: bool = False,
    seconds: float | None = None,
    notice: Callable[[str], None],
) -> Iterator[Batch]:
    """Each new version of what is in ``scope``, for that many ``seconds`` or without end.

    ``known`` were shown before; ``silent_first`` leaves out what is there at the beginning. After a
    gap in the watch a list shows what changed in it, but not what vanished: of that no last state
    is known. Raises ConnectionFailed where the time was up before the first list.
    """
    versions = _Versions(scope.names)
    versions.listed(Listed(scope, tuple(dict(obj) for obj in known)))
    end = None if seconds is None else time.monotonic() + seconds
    first = True
    with watching(session, [scope]) as watch:
        while (remaining := LONG if end is None else end - time.monotonic()) > 0:
            change = watch.next(remaining)
            if isinstance(change, Listed):
                batches = versions.listed(change)
                if not (first and silent_first):
                    yield from batches
                first = first and not change.last
            elif isinstance(change, Changed):
                yield from versions.changed(change)
            elif isinstance(change, Notice):
                notice(change.text)
        if first and watch.trouble:
            raise ConnectionFailed(watch.trouble)


class _Versions:
    """(uid, resourceVersion) of each object that is there, to tell what is new."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)
        self._known: dict[Key, tuple[str, str]] = {}
        self._present: dict[Key, tuple[str, str]] = {}

    def listed(self, page: Listed) -> list[Batch]:
        """What is new on a page of a list; with the last one, what was on none is forgotten."""
        if page.first:
            self._present = {}
        wanted = [obj for obj in page.objects if self._wants(obj)]
        new = [(self._event(obj), obj) for obj in wanted]
        listed = {key_of(obj): _version(obj) for obj in wanted}
        self._present |= listed
        self._known |= listed  # a list that breaks off is begun anew, and shown only once
        if page.last:
            self._known, self._present = self._present, {}
        runs = groupby((pair for pair in new if pair[0]), key=lambda pair: pair[0])
        return [Batch([obj for _, obj in run], event) for event, run in runs]

    def changed(self, change: Changed) -> Iterator[Batch]:
        """The change as it was, unless a list has shown that version already."""
        obj = change.object
        event = DELETED if change.deleted else self._event(obj)
        if not self._wants(obj) or not event:
            return
        if change.deleted:
            self._known.pop(key_of(obj), None)
        else:
            self._known[key_of(obj)] = _version(obj)
        yield Batch([obj], event)

    def _wants(self, obj: Object) -> bool:
        return not self._names or name_of(obj) in self._names

    def _event(self, obj: Object) -> str:
        """What happened to an object; empty if nothing did."""
        known, version = self._known.get(key_of(obj)), _version(obj)
        if known == version:
            return ""
        return MODIFIED if known and known[0] == version[0] else ADDED


def _version(obj: Object) -> tuple[str, str]:
    return uid_of(obj), text_at(obj, "metadata", "resourceVersion")
