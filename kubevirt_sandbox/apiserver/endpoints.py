"""Requests on resources → responses: verbs, options and forms, as values without sockets.

The semantics of the verbs are the registry's; reading and writing connections the server's.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from kubevirt_sandbox.apiserver import bodies, deletion, requestinfo, routing, tables, watching
from kubevirt_sandbox.apiserver.access import authorization
from kubevirt_sandbox.apiserver.access.authorization import User
from kubevirt_sandbox.apiserver.faults import disturbances
from kubevirt_sandbox.apiserver.faults.fault import Fault
from kubevirt_sandbox.apiserver.negotiation import JSON, UNREADABLE, Form, choose, read_body
from kubevirt_sandbox.apiserver.patches import patcher
from kubevirt_sandbox.apiserver.requestinfo import RequestInfo
from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.decoding import unreadable
from kubevirt_sandbox.storage.listing import ListQuery
from kubevirt_sandbox.storage.objectmeta import timestamp
from kubevirt_sandbox.storage.registry import Registry, Write
from kubevirt_sandbox.storage.resources import ResourceType

Obj = dict[str, Any]

_META = "meta.k8s.io"
_OBJECT_FORMS = (("Table", _META, "v1"), ("PartialObjectMetadata", _META, "v1"))
_LIST_FORMS = (*_OBJECT_FORMS, ("PartialObjectMetadataList", _META, "v1"))


@dataclass(frozen=True)
class Request:
    """One HTTP request, read completely; ``alive`` says whether the client is still there."""

    info: RequestInfo
    user: User
    accept: str = ""
    content_type: str = ""
    body: bytes = b""
    alive: Callable[[], bool] = lambda: True
    faults: Sequence[Fault] = ()


@dataclass(frozen=True)
class Response:
    """One HTTP response: a body, or the lines of a watch."""

    code: int
    body: bytes = b""
    content_type: str = JSON
    warnings: list[str] = field(default_factory=list)
    stream: Iterator[bytes] | None = None
    retry_after: int = 0


def encode(value: Any) -> bytes:
    """JSON as the API server writes it: no spaces, UTF-8, a newline at the end."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def refused(error: status.ApiError) -> Response:
    """The response that carries a refusal."""
    if isinstance(error, status.PageNotFound):
        return Response(error.code, error.text.encode(), "text/plain; charset=utf-8")
    seconds = error.status.get("details", {}).get("retryAfterSeconds", 0)
    return Response(error.code, encode(error.status), retry_after=seconds)


class Endpoints:
    """The resources of one registry over requests and responses."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._verbs: dict[str, Callable[[Request, ResourceType], Response]] = {
            "create": self._create,
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def answer(self, request: Request) -> Response:
        """The response to an authorized request; raises ApiError for every refusal."""
        resource = routing.resource_of(request.info, self._registry.catalogue)
        return self._verbs[request.info.verb](request, resource)

    def _create(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        form = choose(request.accept, _OBJECT_FORMS)
        body = self._body(request, resource)
        write = self._write(request, requestinfo.dry_run_of(info))
        if (resource.group, resource.plural) in authorization.SELF_REVIEWS:
            now = timestamp(self._registry.clock())
            answer = authorization.review(request.user, resource.kind, body, now)
            return Response(HTTPStatus.CREATED, encode(answer))
        created = self._registry.create(resource.key, info.namespace, body, write=write)
        return self._one(HTTPStatus.CREATED, form, request, resource, created, write.warnings)

    def _get(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        form = choose(request.accept, _OBJECT_FORMS)
        found = self._registry.get(resource.key, info.namespace, info.name)
        return self._one(HTTPStatus.OK, form, request, resource, found, [])

    def _list(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        form = choose(request.accept, _LIST_FORMS)
        requestinfo.check_list_options(info)
        page = self._registry.list(resource.key, _scope(resource, info), _list_query(info))
        items = bodies.served_items(resource, info, page)
        if form.kind == "PartialObjectMetadata":
            raise bodies.not_one_object(resource)
        body: Obj
        if form.kind == "Table":
            body = self._table(request, resource, items, page.metadata)
        elif form.kind:
            body = tables.partial_metadata_list(items, page.metadata)
        else:
            body = bodies.list_object(resource, info, page)
        return Response(HTTPStatus.OK, encode(body), warnings=self._deprecation(request, resource))

    def _watch(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        form = choose(request.accept, _OBJECT_FORMS)
        requestinfo.check_list_options(info)
        fields = info.query.get("fieldSelector", "")
        if info.name:
            fields = ",".join(filter(None, (fields, f"metadata.name={info.name}")))
        query = watching.WatchQuery(
            namespace=_scope(resource, info),
            labels=info.query.get("labelSelector", ""),
            fields=fields,
            version=info.query.get("resourceVersion", ""),
            timeout=info.number("timeoutSeconds"),
            bookmarks=info.flag("allowWatchBookmarks"),
            initial=info.flag("sendInitialEvents") if "sendInitialEvents" in info.query else None,
        )
        store = self._registry.store
        events = watching.watch(store, resource, query, request.alive)
        events = disturbances.disturbed(events, request.faults, info, store.version, request.alive)
        lines = self._lines(events, form, request, resource)
        stream = disturbances.cut(lines, request.faults)
        warnings = self._deprecation(request, resource)
        return Response(HTTPStatus.OK, warnings=warnings, stream=stream)

    def _lines(
        self,
        events: Iterator[tuple[str, Obj]],
        form: Form,
        request: Request,
        resource: ResourceType,
    ) -> Iterator[bytes]:
        for event, obj in events:
            shown = obj if event == "ERROR" else self._shown(form, request, resource, obj)
            yield encode({"type": event, "object": shown})

    def _update(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        form = choose(request.accept, _OBJECT_FORMS)
        body = self._body(request, resource)
        write = self._write(request, requestinfo.dry_run_of(info))
        updated = self._registry.update(
            resource.key,
            info.namespace,
            info.name,
            body,
            subresource=info.subresource,
            write=write,
        )
        return self._one(HTTPStatus.OK, form, request, resource, updated, write.warnings)

    def _patch(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        form = choose(request.accept, _OBJECT_FORMS)
        change = patcher(request.content_type, request.body, custom=resource.custom)
        write = self._write(request, requestinfo.dry_run_of(info))
        patched = self._registry.patch(
            resource.key,
            info.namespace,
            info.name,
            change,
            subresource=info.subresource,
            write=write,
        )
        return self._one(HTTPStatus.OK, form, request, resource, patched, write.warnings)

    def _delete(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        options = deletion.parse(info, read_body(request.content_type, request.body))
        last = self._registry.delete(
            resource.key,
            info.namespace,
            info.name,
            propagation=options.propagation,
            uid=options.uid,
            resource_version=options.resource_version,
            user=request.user.name,
            dry_run=options.dry_run,
        )
        if last["metadata"].get("deletionTimestamp"):
            return self._one(HTTPStatus.OK, Form(), request, resource, last, [])
        details = status.details_of(resource, info.name)
        details["uid"] = last["metadata"]["uid"]
        return Response(HTTPStatus.OK, encode(status.success(details)))

    def _delete_collection(self, request: Request, resource: ResourceType) -> Response:
        info = request.info
        options = deletion.parse(info, read_body(request.content_type, request.body))
        page = self._registry.list(resource.key, _scope(resource, info), _list_query(info))
        for obj in page.items:
            metadata = obj["metadata"]
            try:
                self._registry.delete(
                    resource.key,
                    metadata.get("namespace", ""),
                    metadata["name"],
                    propagation=options.propagation,
                    uid=metadata["uid"],
                    user=request.user.name,
                    dry_run=options.dry_run,
                )
            except status.ApiError as error:
                # Deleted meanwhile, perhaps as a dependent of the one before.
                if error.reason not in ("NotFound", "Conflict"):
                    raise
        return Response(HTTPStatus.OK, encode(bodies.list_object(resource, info, page)))

    def _body(self, request: Request, resource: ResourceType) -> Any:
        prefix = f"{unreadable(resource)}{UNREADABLE}"
        body = read_body(request.content_type, request.body, prefix=prefix)
        if body is None and not request.body.strip():
            raise status.bad_request(f"{prefix}unexpected end of JSON input (<empty>)")
        return body

    def _write(self, request: Request, dry_run: list[str]) -> Write:
        requestinfo.check_write_options(request.info, dry_run)
        return Write(
            user=request.user.name,
            dry_run=bool(dry_run),
            version=request.info.version,
            field_validation=request.info.query.get("fieldValidation") or "Warn",
        )

    def _one(
        self,
        code: int,
        form: Form,
        request: Request,
        resource: ResourceType,
        obj: Obj,
        warnings: list[str],
    ) -> Response:
        shown = self._shown(form, request, resource, obj)
        warnings = [*self._deprecation(request, resource), *warnings]
        return Response(code, encode(shown), warnings=warnings)

    def _shown(self, form: Form, request: Request, resource: ResourceType, obj: Obj) -> Obj:
        served = {**obj, "apiVersion": resource.api_version_of(request.info.version)}
        if form.kind == "Table":
            version = obj["metadata"].get("resourceVersion", "")
            return self._table(request, resource, [served], {"resourceVersion": version})
        return tables.partial_metadata(served) if form.kind else served

    def _table(
        self, request: Request, resource: ResourceType, items: list[Obj], metadata: Obj
    ) -> Obj:
        include = request.info.query.get("includeObject") or "Metadata"
        if include not in ("None", "Metadata", "Object"):
            raise status.bad_request(
                "Unable to convert to Table as requested: includeObject: Invalid value: "
                f"\"{include}\": must be 'Metadata', 'Object', 'None', or empty"
            )
        return tables.table(resource, items, metadata, self._registry.clock(), include)

    def _deprecation(self, request: Request, resource: ResourceType) -> list[str]:
        text = resource.deprecations.get(request.info.version)
        return [text] if text else []


def _scope(resource: ResourceType, info: RequestInfo) -> str | None:
    return (info.namespace or None) if resource.namespaced else None


def _list_query(info: RequestInfo) -> ListQuery:
    return ListQuery(
        labels=info.query.get("labelSelector", ""),
        fields=info.query.get("fieldSelector", ""),
        limit=info.number("limit"),
        token=info.query.get("continue", ""),
        version=info.query.get("resourceVersion", ""),
        match=info.query.get("resourceVersionMatch", ""),
    )
