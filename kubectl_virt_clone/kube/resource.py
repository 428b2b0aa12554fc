"""Typed verbs on resources: one object, lists in pages, several objects by name; plain dicts.

What an object means is not judged here; only where it lives and how it is asked for.
A ``deadline`` is a time of the monotonic clock: what the server wants later raises Deferred.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from kubectl_virt_clone.errors import ConnectionFailed, StatusError, VirtCloneError
from kubectl_virt_clone.kube.transport import Query, Session, is_busy
from kubectl_virt_clone.objects.fields import key_of, mapping_at, mappings_at, text_at, uid_of
from kubectl_virt_clone.objects.resource import Resource
from kubectl_virt_clone.objects.selection import PAGE_SIZE, Selection

FIELD_MANAGER = "kubectl-virt-clone"
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
AT_ONCE = 8
INCONSISTENT = "the list expired while it was read: what follows is newer than what stands before"


def path_of(resource: Resource, namespace: str, name: str = "") -> str:
    """The URL path of a collection, or of one object in it; no namespace means the cluster's."""
    root = (
        f"/apis/{resource.group}/{resource.version}"
        if resource.group
        else f"/api/{resource.version}"
    )
    scope = f"/namespaces/{_quoted(namespace)}" if namespace else ""
    path = f"{root}{scope}/{resource.plural}"
    return f"{path}/{_quoted(name)}" if name else path


def _quoted(name: str) -> str:
    """A step of a path; bytes in a flag that are not UTF-8 stay as they are, as in Go."""
    return quote(name, safe="", errors="surrogateescape")


def served_fields(session: Session, resource: Resource) -> frozenset[str] | None:
    """The fields of the resource's spec that the server knows, from its OpenAPI v3 document.

    Every authenticated user may read it. None where the server does not publish one, or publishes
    none for the resource: it is then unknown what it would refuse.
    """
    path = f"/openapi/v3/apis/{resource.group}/{resource.version}"
    try:
        document = session.request("GET", path)
    except (ConnectionFailed, StatusError):
        return None
    for schema in mapping_at(document, "components", "schemas").values():
        kinds = mappings_at(schema, "x-kubernetes-group-version-kind")
        if any(text_at(kind, "kind") == resource.kind for kind in kinds):
            fields = mapping_at(schema, "properties", "spec", "properties")
            return frozenset(fields) if fields else None
    return None


def get(
    session: Session,
    resource: Resource,
    namespace: str,
    name: str,
    *,
    read_timeout: float | None = None,
    deadline: float = math.inf,
) -> dict[str, Any]:
    """Read one object. Raises StatusError, 404 among others."""
    path = path_of(resource, namespace, name)
    return session.request("GET", path, read_timeout=read_timeout, deadline=deadline)


def list_page(
    session: Session,
    resource: Resource,
    namespace: str,
    query: Query = (),
    *,
    metadata_only: bool = False,
    read_timeout: float | None = None,
    deadline: float = math.inf,
) -> dict[str, Any]:
    """Read a list (or a page of it, with ``limit`` and ``continue`` in the query)."""
    accept = METADATA if metadata_only else "application/json"
    path = path_of(resource, namespace)
    return session.request(
        "GET", path, query=query, accept=accept, read_timeout=read_timeout, deadline=deadline
    )


def create(
    session: Session,
    resource: Resource,
    obj: Mapping[str, Any],
    *,
    dry_run: bool = False,
    deadline: float = math.inf,
) -> dict[str, Any]:
    """Create an object in the version of ``resource``, whichever its manifest was written in.

    Its versions have to share one schema. A field that the server doesn't know is refused, never
    dropped (fieldValidation=Strict). Raises StatusError or ConnectionFailed.
    """
    namespace = text_at(obj, "metadata", "namespace") or session.namespace
    query = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict")]
    if dry_run:
        query.append(("dryRun", "All"))
    body = {**obj, "apiVersion": resource.api_version}
    path = path_of(resource, namespace)
    return session.request("POST", path, query=query, body=body, deadline=deadline)


def delete(
    session: Session,
    resource: Resource,
    obj: Mapping[str, Any],
    *,
    dry_run: bool = False,
    deadline: float = math.inf,
) -> None:
    """Delete exactly this stored object: another one of the same name is left alone (409).

    Raises VirtCloneError for one that can't be told from another, StatusError or ConnectionFailed.
    """
    namespace, name = key_of(obj)
    if not (namespace and name and uid_of(obj)):
        which = f"{resource.singular}.{resource.group}/{name}"
        raise VirtCloneError(f"{which} is left alone: the server tells no namespace, name or uid")
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid_of(obj)},
        "propagationPolicy": "Background",
        # In the body, for a server that finds one does not look at the query.
        **({"dryRun": ["All"]} if dry_run else {}),
    }
    path = path_of(resource, namespace, name)
    session.request("DELETE", path, body=body, deadline=deadline)


def items_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects of a list; skips everything else."""
    items = page.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def pages(
    session: Session,
    resource: Resource,
    namespace: str,
    query: Query = (),
    *,
    size: int = PAGE_SIZE,
    metadata_only: bool = False,
    read_timeout: float | None = None,
    deadline: float = math.inf,
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
                deadline=deadline,
            )
        except StatusError as error:
            newer = text_at(error.status, "metadata", "continue")
            if error.code != HTTPStatus.GONE or newer in ("", token):
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
    deadline: float = math.inf,
) -> Iterator[dict[str, Any] | StatusError]:
    """The objects of these names, read side by side, in order; the refusal of one in its place."""
    from kubectl_virt_clone.kube.pool import in_order

    def read(name: str) -> dict[str, Any] | StatusError:
        try:
            return get(session, resource, namespace, name, deadline=deadline)
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
