"""Whether a clone that says Succeeded made its target: a look at the target, once per clone.

What the marks on a VM mean is ``model.origin``'s to say.
"""

from __future__ import annotations

from kubectl_virt_clone.actions.describe import events_of
from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES
from kubectl_virt_clone.clone.progress.cause import Cause
from kubectl_virt_clone.clone.progress.diagnosis import not_cloned
from kubectl_virt_clone.clone.progress.provenance import (
    Origin,
    has_failed,
    is_marked,
    origin_of,
)
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.paging import pages
from kubectl_virt_clone.kube.resource import FORBIDDEN, NOT_FOUND, get
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import (
    Key,
    Object,
    key_of,
    text_at,
    uid_of,
)


class Unconfirmed(Exception):
    """The target may not be read by this user: nobody can tell."""


def doubt(session: Session, clone: Object, *, read_timeout: float) -> Cause | None:
    """Why a clone that says Succeeded did not succeed; None if it did.

    A target that is gone since doesn't speak against it. Raises Unconfirmed, or what kept the
    server from answering: then it has to be asked again.
    """
    namespace, _ = key_of(clone)
    name = text_at(clone, "status", "targetName") or text_at(clone, "spec", "target", "name")
    try:
        target = get(session, VIRTUAL_MACHINES, namespace, name, read_timeout=read_timeout)
    except StatusError as error:
        if error.code == FORBIDDEN:
            raise Unconfirmed(error.message) from error
        if error.code != NOT_FOUND:
            raise
        target = {}
    if is_marked(clone, target):
        return None
    restore = f"tmp-restore-{uid_of(clone)}"
    events = events_of(session, namespace, restore, "", read_timeout=read_timeout).objects
    if target:
        made = origin_of(clone, target, events) is Origin.THIS_CLONE
    else:
        made = not has_failed(clone, events)
    return None if made else not_cloned(clone, name)


def targets_in(session: Session, namespace: str, *, read_timeout: float) -> dict[Key, Object]:
    """The metadata of all VMs of a namespace; none where they can't be read in a list.

    Each is asked for by its name then, and that is answered or not.
    """
    read = pages(
        session,
        VIRTUAL_MACHINES,
        namespace,
        metadata_only=True,
        read_timeout=read_timeout,
        notice=lambda _: None,
    )
    try:
        return {key_of(vm): vm for page in read for vm in page}
    except (ConnectionFailed, StatusError):
        return {}
