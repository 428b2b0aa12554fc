"""The unfinished children of many clones, in one list of each kind and never one request each.

What a child's state means for its clone is ``model.diagnosis``'s to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

from kubectl_virt_clone.clone.api import RESTORES, SNAPSHOTS
from kubectl_virt_clone.clone.batch import Batch, Children
from kubectl_virt_clone.clone.progress.progress import STEPS, SUCCEEDED, phase_of
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.pool import side_by_side
from kubectl_virt_clone.kube.resource import pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    name_of,
    text_at,
)
from kubectl_virt_clone.objects.resource import Resource

# What says that a child is done and holds no clone up; most are, on a cluster in use.
_DONE = {SNAPSHOTS: "readyToUse", RESTORES: "complete"}


def with_children(session: Session, namespace: str, batches: Iterable[Batch]) -> Iterator[Batch]:
    """Give each batch the children of its clones; they are read once, when the first needs them."""
    children: Children | None = None
    for batch in batches:
        if children is None and any(map(_may_have_children, batch.objects)):
            children = _unfinished(session, namespace)
        yield replace(batch, children=children or {})


def _may_have_children(clone: Object) -> bool:
    phase = phase_of(clone)
    return phase in STEPS and phase != SUCCEEDED


def _unfinished(session: Session, namespace: str) -> Children:
    calls = {kind: partial(_read, session, kind, namespace) for kind in _DONE}
    return dict(chain.from_iterable(found.items() for found in side_by_side(calls).values()))


def _read(session: Session, resource: Resource, namespace: str) -> Children:
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
