"""Clones to show, page by page and as they change, with what is known of their children.

Of every object on a watch only its version is kept, never the object: a stream has no end. What a
child's state means for its clone is ``clone/progress``'s to say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, groupby

from kubectl_virt_clone.clone.api import RESTORES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.progress import STEPS, SUCCEEDED, phase_of
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.pool import side_by_side
from kubectl_virt_clone.kube.resource import pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import Changed, Listed, Notice, Scope, watching
from kubectl_virt_clone.objects.fields import Key, Object, at, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.objects.jsonpath import Path, sorted_by
from kubectl_virt_clone.objects.resource import Resource, Selection
from kubectl_virt_clone.render.rows import ADDED, DELETED, MODIFIED, Chunk, Unfinished

# How long one look at the queue may take where there is no end.
LONG = 3600.0
# What says that a child is done and holds no clone up; most are, on a cluster in use.
_DONE = {SNAPSHOTS: "readyToUse", RESTORES: "complete"}


def listed(
    session: Session,
    clones: Resource,
    selection: Selection,
    named: Sequence[Object],
    notice: Callable[[str], None],
    *,
    size: int,
    sort_by: Path | None,
    with_children: bool,
) -> Iterator[Chunk]:
    """The clones in pages of ``size``; in a single one where they are sorted, or were ``named``."""
    namespace = selection.scope(session.namespace)
    found: Iterable[Sequence[Object]] = [named]
    if not selection.names:
        found = pages(session, clones, namespace, selection.query, size=size, notice=notice)
    if sort_by:
        found = [sorted_by(chain.from_iterable(found), sort_by)]
    chunks = map(Chunk, found)
    return _with_children(session, namespace, chunks) if with_children else chunks


def followed(
    session: Session,
    clones: Resource,
    selection: Selection,
    named: Sequence[Object],
    notice: Callable[[str], None],
    *,
    size: int,
    only_changes: bool,
    seconds: float | None,
) -> Iterator[Chunk]:
    """What is there, unless ``only_changes`` are wanted, and then each new version of it.

    For that many ``seconds``, or without end if that is 0 or None; ``named`` were read before. The
    cause in a row is what the clone itself says: no request follows from a change. After a gap in
    the watch a list shows what changed in it, but not what vanished: of that no last state is
    known. Raises ConnectionFailed where the time was up before the first list.
    """
    namespace, query = selection.scope(session.namespace), selection.query
    scope = Scope(clones, namespace, names=selection.distinct, selector=query, page_size=size)
    versions = _Versions(scope.names)
    versions.listed(Listed(scope, tuple(dict(obj) for obj in named)))
    end = time.monotonic() + seconds if seconds else None
    if not only_changes:
        yield Chunk(named)
    first = True
    with watching(session, [scope]) as watch:
        while (remaining := LONG if end is None else end - time.monotonic()) > 0:
            change = watch.next(remaining)
            if isinstance(change, Listed):
                chunks = versions.listed(change)
                if not (first and only_changes):
                    yield from chunks
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

    def listed(self, page: Listed) -> list[Chunk]:
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
        return [Chunk([obj for _, obj in run], event) for event, run in runs]

    def changed(self, change: Changed) -> Iterator[Chunk]:
        """The change as it was, unless a list has shown that version already."""
        obj = change.object
        event = DELETED if change.deleted else self._event(obj)
        if not self._wants(obj) or not event:
            return
        if change.deleted:
            self._known.pop(key_of(obj), None)
        else:
            self._known[key_of(obj)] = _version(obj)
        yield Chunk([obj], event)

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


def _with_children(session: Session, namespace: str, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Give each chunk the children of its clones; they are read once, when the first needs them."""
    unfinished: Unfinished | None = None
    for chunk in chunks:
        if unfinished is None and any(map(_may_have_children, chunk.objects)):
            unfinished = _unfinished(session, namespace)
        yield replace(chunk, unfinished=unfinished or {})


def _may_have_children(clone: Object) -> bool:
    phase = phase_of(clone)
    return phase in STEPS and phase != SUCCEEDED


def _unfinished(session: Session, namespace: str) -> Unfinished:
    calls = {kind: partial(_read, session, kind, namespace) for kind in _DONE}
    return dict(chain.from_iterable(found.items() for found in side_by_side(calls).values()))


def _read(session: Session, resource: Resource, namespace: str) -> Unfinished:
    """Those of one kind; none where they can't be read: clones are shown without them."""
    found = {}
    try:
        for page in pages(session, resource, namespace, notice=lambda text: None):
            for obj in page:
                if at(obj, "status", _DONE[resource]) is not True:
                    found[resource.kind, text_at(obj, "metadata", "namespace"), name_of(obj)] = obj
    except (ConnectionFailed, StatusError):
        return {}
    return found
