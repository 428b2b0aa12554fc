"""What is left when clones are gone, or were never made: looked for in few lists.

``clone.removal`` decides what counts as left over; nothing is deleted here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from kubectl_virt_clone.clone.api import PERSISTENT_VOLUME_CLAIMS, SNAPSHOTS, VIRTUAL_MACHINES
from kubectl_virt_clone.clone.removal import (
    Remains,
    is_left_behind,
    may_have_restored,
    remains,
    unused,
)
from kubectl_virt_clone.clone.shared_snapshot import SHARED
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.pool import side_by_side
from kubectl_virt_clone.kube.resource import pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import Object, mapping_at
from kubectl_virt_clone.objects.resource import Resource


def what_stays(session: Session, namespace: str, gone: Sequence[Object]) -> Remains:
    """What stays of deleted clones; VMs and claims are listed once, if one was not finished.

    What can't be read is said to be unread, never an error.
    """
    if not any(map(may_have_restored, gone)):
        return remains(gone)
    kinds = (VIRTUAL_MACHINES, PERSISTENT_VOLUME_CLAIMS)
    found = side_by_side({kind: partial(_listed, session, kind, namespace) for kind in kinds})
    unread = [kind.plural for kind in kinds if found[kind] is None]
    vms, claims = (found[kind] or () for kind in kinds)
    return remains(gone, vms, claims, unread)


def _listed(session: Session, resource: Resource, namespace: str) -> list[Object] | None:
    """The metadata of all of them; None where they can't be read."""
    listed = pages(session, resource, namespace, notice=lambda text: None)
    try:
        return [{"metadata": mapping_at(obj, "metadata")} for page in listed for obj in page]
    except (ConnectionFailed, StatusError):
        return None


def left_behind(
    session: Session, served: Resource, namespace: str, *, notice: Callable[[str], None]
) -> list[Object]:
    """Snapshots that were taken for several clones, and that no clone owns or names.

    An interrupted run leaves such a one, and a run that is under way has one for a while. Raises
    StatusError or ConnectionFailed.
    """
    query = [("labelSelector", SHARED)]
    listed = pages(session, SNAPSHOTS, namespace, query, notice=notice)
    left = [_with_kind(obj) for page in listed for obj in page if is_left_behind(obj)]
    if not left:
        return []
    clones = (obj for page in pages(session, served, namespace, notice=notice) for obj in page)
    return unused(left, clones)


def _with_kind(snapshot: Object) -> dict[str, Any]:
    """The items of a list say nothing of their kind."""
    return {"apiVersion": SNAPSHOTS.api_version, "kind": SNAPSHOTS.kind, **snapshot}
