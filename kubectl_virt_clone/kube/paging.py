"""Lists in pages, each given on before the next is asked for; and objects by their names.

What the objects mean, and how they are shown, is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from kubectl_virt_clone.errors import StatusError, VirtCloneError
from kubectl_virt_clone.kube.pool import in_order
from kubectl_virt_clone.kube.resource import (
    get,
    is_busy,
    items_of,
    list_page,
)
from kubectl_virt_clone.kube.transport import Query, Session
from kubectl_virt_clone.objects.fields import text_at
from kubectl_virt_clone.objects.resource import Resource
from kubectl_virt_clone.objects.selection import PAGE_SIZE, Selection

AT_ONCE = 8
EXPIRED = 410
INCONSISTENT = "the list expired while it was read: what follows is newer than what stands before"


def pages(
    session: Session,
    resource: Resource,
    namespace: str,
    query: Query = (),
    *,
    size: int = PAGE_SIZE,
    metadata_only: bool = False,
    read_timeout: float | None = None,
    notice: Callable[[str], None],
) -> Iterator[list[dict[str, Any]]]:
    """The objects of a list, page by page; a ``size`` of 0 asks for all at once.

    A continue token lives for some minutes. With the refusal of an old one the server sends
    another, that goes on behind the same object in a newer list (since Kubernetes 1.13): it is
    taken, and ``notice`` told once. Raises StatusError, also in the midst.
    """
    limit = [("limit", str(size))] if size else []
    token, told = "", False
    while True:
        place = [("continue", token)] if token else []
        try:
            query_of_page = [*query, *limit, *place]
            page = list_page(
                *(session, resource, namespace, query_of_page),
                metadata_only=metadata_only,
                read_timeout=read_timeout,
            )
        except StatusError as error:
            newer = text_at(error.status, "metadata", "continue")
            if error.code != EXPIRED or newer in ("", token):
                raise
            if not told:
                notice(INCONSISTENT)
            token, told = newer, True
            continue
        yield items_of(page)
        token = text_at(page, "metadata", "continue")
        if not token:
            return


def each(
    session: Session,
    resource: Resource,
    namespace: str,
    names: Iterable[str],
    *,
    at_once: int = AT_ONCE,
) -> Iterator[dict[str, Any] | StatusError]:
    """The objects of these names, read side by side, in order; the refusal of one in its place."""

    def read(name: str) -> dict[str, Any] | StatusError:
        try:
            return get(session, resource, namespace, name)
        except StatusError as error:
            return error

    return in_order([partial(read, name) for name in names], at_once=at_once, is_busy=is_busy)


def get_each(
    session: Session, resource: Resource, namespace: str, names: Iterable[str]
) -> tuple[list[dict[str, Any]], list[VirtCloneError]]:
    """Those of the objects that could be read, and an error for each that could not."""
    outcomes = list(each(session, resource, namespace, names))
    errors: list[VirtCloneError] = [item for item in outcomes if isinstance(item, StatusError)]
    return [item for item in outcomes if not isinstance(item, StatusError)], errors


def select(
    session: Session, resource: Resource, selection: Selection, *, notice: Callable[[str], None]
) -> tuple[list[dict[str, Any]], list[VirtCloneError]]:
    """All objects of a selection, and an error for each name that could not be read."""
    if selection.names:
        return get_each(session, resource, session.namespace, selection.names)
    namespace = selection.scope(session.namespace)
    read = pages(session, resource, namespace, selection.query, notice=notice)
    return [obj for page in read for obj in page], []
