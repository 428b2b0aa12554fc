"""Typed verbs on the few resources that a clone touches; objects are plain dicts.

What an object means is not judged here; only where it lives and how it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from kubectl_virt_clone.clone.api import CLONE_GROUP, CLONE_VERSIONS, CLONES
from kubectl_virt_clone.errors import (
    ConnectionFailed,
    ResourceNotServed,
    StatusError,
    VirtCloneError,
)
from kubectl_virt_clone.kube.transport import Query, Session
from kubectl_virt_clone.objects.fields import (
    at,
    key_of,
    mapping_at,
    mappings_at,
    text_at,
    uid_of,
)
from kubectl_virt_clone.objects.resource import Resource

FIELD_MANAGER = "kubectl-virt-clone"
FORBIDDEN, NOT_FOUND, CONFLICT, TOO_MANY_REQUESTS, SERVER_ERROR = 403, 404, 409, 429, 500
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


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
    """A step of a path; what is no UTF-8 in a flag stays as it is, as in Go."""
    return quote(name, safe="", errors="surrogateescape")


def served_clones(session: Session) -> Resource:
    """The clone resource in the newest version that both sides know; raises ResourceNotServed."""
    served = served_versions(session)
    return replace(CLONES, version=next(known for known in CLONE_VERSIONS if known in served))


def served_versions(session: Session) -> tuple[str, ...]:
    """The versions of the clone API that the server has, preferred first, from discovery.

    Raises ResourceNotServed where there is none that we know.
    """
    try:
        group = session.request("GET", f"/apis/{CLONE_GROUP}")
    except StatusError as error:
        if error.code == NOT_FOUND:
            raise _not_served("KubeVirt is not installed, or older than 0.55") from error
        raise
    served = tuple(text_at(entry, "version") for entry in mappings_at(group, "versions"))
    if not set(served).isdisjoint(CLONE_VERSIONS):
        return served
    names = ", ".join(sorted(set(served))) or "no version"
    raise _not_served(f"it serves {CLONE_GROUP} in {names}, not in {' or '.join(CLONE_VERSIONS)}")


def _not_served(reason: str) -> ResourceNotServed:
    return ResourceNotServed(
        f'the server doesn\'t have a resource type "{CLONES.plural}": {reason}'
    )


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
) -> dict[str, Any]:
    """Read one object. Raises StatusError, 404 among others."""
    path = path_of(resource, namespace, name)
    return session.request("GET", path, read_timeout=read_timeout)


def list_page(
    session: Session,
    resource: Resource,
    namespace: str,
    query: Query = (),
    *,
    metadata_only: bool = False,
    read_timeout: float | None = None,
) -> dict[str, Any]:
    """Read a list (or a page of it, with ``limit`` and ``continue`` in the query)."""
    accept = METADATA if metadata_only else "application/json"
    path = path_of(resource, namespace)
    return session.request("GET", path, query=query, accept=accept, read_timeout=read_timeout)


def create(
    session: Session, resource: Resource, obj: Mapping[str, Any], *, dry_run: bool = False
) -> dict[str, Any]:
    """Create an object in the version of ``resource``, whichever its manifest was written in.

    The versions of a clone share one schema. A field that the server doesn't know is refused, never
    dropped (fieldValidation=Strict). Raises StatusError or ConnectionFailed.
    """
    namespace = text_at(obj, "metadata", "namespace") or session.namespace
    query = [("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict")]
    if dry_run:
        query.append(("dryRun", "All"))
    body = {**obj, "apiVersion": resource.api_version}
    return session.request("POST", path_of(resource, namespace), query=query, body=body)


def delete(
    session: Session, resource: Resource, obj: Mapping[str, Any], *, dry_run: bool = False
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
    session.request("DELETE", path_of(resource, namespace, name), body=body)


def is_busy(outcome: object) -> bool:
    """Whether the same request may pass later; not where KubeVirt's webhook is what is missing."""
    if isinstance(outcome, ConnectionFailed):
        return outcome.reset
    if not isinstance(outcome, StatusError) or "failed calling webhook" in outcome.message:
        return False
    return outcome.code == TOO_MANY_REQUESTS or outcome.code >= SERVER_ERROR


def is_too_busy_to_create(outcome: object) -> bool:
    """The same for a creation: of the 500s only one that says when to come again.

    kubectl takes any other for the answer, such as that of a webhook which fails.
    """
    if isinstance(outcome, StatusError) and outcome.code == SERVER_ERROR:
        return at(outcome.status, "details", "retryAfterSeconds") is not None
    return is_busy(outcome)


def items_of(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The objects of a list; what is no object in it is left out."""
    items = page.get("items")
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
