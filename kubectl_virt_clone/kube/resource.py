"""Typed verbs on resources: one object, lists in pages, several objects by name; plain dicts.

Knows where an object lives and how to ask for it, not what it means. ``limits`` are the
``read_timeout`` and ``deadline`` of ``Session.request``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from kubectl_virt_clone.errors import ConnectionFailed, StatusError, VirtCloneError
from kubectl_virt_clone.kube.transport import JSON, Query, Session, is_busy
from kubectl_virt_clone.objects.fields import (
    Object,
    key_of,
    mapping_at,
    mappings_at,
    text_at,
    uid_of,
)
from kubectl_virt_clone.objects.resource import PAGE_SIZE, Listing, Lookup, Resource, Selection

METADATA = f"{JSON};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,{JSON}"
AT_ONCE = 8
INCONSISTENT = "the list expired while it was being read: the rest is newer than what came before"


def path_of(resource: Resource, namespace: str, name: str = "") -> str:
    """The URL path of a collection, or of one object in it; no namespace means the cluster's."""
    steps = ("apis", resource.group) if resource.group else ("api",)
    scope = ("namespaces", namespace) if namespace else ()
    path = (*steps, resource.version, *scope, resource.plural, *((name,) if name else ()))
    # Bytes in a flag that are not UTF-8 stay as they are, as in Go.
    return "".join(f"/{quote(step, safe='', errors='surrogateescape')}" for step in path)


def served_fields(session: Session, resource: Resource) -> frozenset[str] | None:
    """The fields of the resource's spec that the server knows, from its OpenAPI v3 document.

    Every authenticated user may read it. None if the server publishes none for the resource.
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
    session: Session, resource: Resource, namespace: str, name: str, **limits: Any
) -> dict[str, Any]:
    """Read one object. Raises StatusError, 404 among others."""
    return session.request("GET", path_of(resource, namespace, name), **limits)


def create(
    session: Session,
    resource: Resource,
    obj: Mapping[str, Any],
    *,
    dry_run: bool = False,
    validation: str = "Strict",
    **limits: Any,
) -> dict[str, Any]:
    """Create an object in the version of ``resource``, whichever its manifest was written in.

    Its versions have to share one schema. The server refuses a field that it doesn't know, and
    never drops it, unless ``validation``, its fieldValidation, says so. Raises StatusError or
    ConnectionFailed.
    """
    namespace = text_at(obj, "metadata", "namespace") or session.namespace
    query = [("fieldManager", "kubectl-virt-clone"), ("fieldValidation", validation)]
    if dry_run:
        query.append(("dryRun", "All"))
    body = {**obj, "apiVersion": resource.api_version}
    return session.request("POST", path_of(resource, namespace), query=query, body=body, **limits)


def delete(
    session: Session, resource: Resource, obj: Mapping[str, Any], *, dry_run: bool = False
) -> None:
    """Delete exactly this stored object, not another one of the same name (409).

    Raises VirtCloneError if it can't be told from another, StatusError or ConnectionFailed.
    """
    namespace, name = key_of(obj)
    if not (namespace and name and uid_of(obj)):
        which = f"{resource.singular}.{resource.group}/{name}"
        raise VirtCloneError(f"{which} is left alone: the server reports no namespace, name or uid")
    body = {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": {"uid": uid_of(obj)},
        "propagationPolicy": "Background",
        # In the body: a server that finds one does not look at the query.
        **({"dryRun": ["All"]} if dry_run else {}),
    }
    session.request("DELETE", path_of(resource, namespace, name), body=body)


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
    notice: Callable[[str], None],
    **limits: Any,
) -> Iterator[list[dict[str, Any]]]:
    """The objects of a list, page by page; a ``size`` of 0 asks for all at once.

    A continue token lives for some minutes. When the server refuses an old one, it sends another
    that goes on behind the same object in a newer list (since Kubernetes 1.13): this uses it, and
    tells ``notice`` once. Raises StatusError, also halfway through.
    """
    accept = METADATA if metadata_only else JSON
    read = partial(session.request, "GET", path_of(resource, namespace), accept=accept, **limits)
    limit = [("limit", str(size))] if size else []
    token, told = "", False
    while True:
        try:
            page = read(query=[*query, *limit, *([("continue", token)] if token else [])])
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
) -> Iterator[dict[str, Any] | StatusError]:
    """The objects of these names, or the refusals, read side by side and in order."""

    def read(name: str) -> dict[str, Any] | StatusError:
        try:
            return get(session, resource, namespace, name)
        except StatusError as error:
            return error

    from kubectl_virt_clone.kube.pool import in_order  # here, for a single wait asks in no pool

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


def look_up(
    session: Session,
    resource: Resource,
    namespace: str,
    name: str,
    *,
    metadata_only: bool = False,
    **limits: Any,
) -> Lookup:
    """Read one object; missing and unreadable ones are answers, not errors.

    ``metadata_only``: its body is not asked for, and not taken from a server that sends it.
    A 404 that names no object is of a version or a resource that the server doesn't have.
    """
    try:
        if not metadata_only:
            return Lookup(get(session, resource, namespace, name, **limits))
        limits["accept"] = METADATA.replace("List", "").split(",")[0]
        found = get(session, resource, namespace, name, **limits)
        return Lookup({"metadata": mapping_at(found, "metadata")})
    except (ConnectionFailed, StatusError) as error:
        if isinstance(error, ConnectionFailed) or error.code != HTTPStatus.NOT_FOUND:
            return Lookup(unreadable=_why(error))
        named = text_at(error.status, "details", "name")
        return Lookup() if named else Lookup(unreadable=f"{resource.api_version} is not served")


def list_up(
    session: Session,
    resource: Resource,
    namespace: str,
    query: Query = (),
    *,
    metadata_only: bool = False,
    keep: Callable[[Object], Object] = lambda obj: obj,
    **limits: Any,
) -> Listing:
    """Read a list; one that can't be read is an answer too. No namespace means the cluster.

    ``keep`` says what to remember of each object.
    """
    read = pages(
        *(session, resource, namespace, query),
        metadata_only=metadata_only,
        notice=lambda _: None,
        **limits,
    )
    try:
        return Listing(tuple(keep(obj) for page in read for obj in page))
    except (ConnectionFailed, StatusError) as error:
        return Listing(unreadable=_why(error))


def _why(error: ConnectionFailed | StatusError) -> str:
    return str(error) if isinstance(error, ConnectionFailed) else error.reason or "unknown"
