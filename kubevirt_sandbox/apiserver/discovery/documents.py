"""Paths that are no resource: discovery, OpenAPI, version and health, as path → document.

Objects are answered in ``endpoints``; who may read what is decided before.
"""

from __future__ import annotations

from typing import Any

from kubevirt_sandbox.apiserver.discovery import groups as discovery
from kubevirt_sandbox.apiserver.discovery import openapi
from kubevirt_sandbox.apiserver.negotiation import JSON, choose
from kubevirt_sandbox.storage.resources import Catalogue
from kubevirt_sandbox.storage.status import PageNotFound, method_not_allowed, no_such_resource

Obj = dict[str, Any]

_VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": openapi.KUBERNETES,
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-07-14T10:00:00Z",
    "goVersion": "go1.26",
    "compiler": "gc",
    "platform": "linux/amd64",
}


_OPENAPI_V2 = "application/com.github.proto-openapi.spec.v2"
_NOTHING_V2 = b"\n\x032.0"
"""A document of OpenAPI v2 in protobuf with nothing but its version: kubectl reads no other form.

It asks for one of a kind that version 3 does not tell, and then goes by what is not in it.
"""


class Documents:
    """The documents of one catalogue, served at ``address`` (host:port)."""

    def __init__(self, catalogue: Catalogue, address: str) -> None:
        self._catalogue = catalogue
        self._address = address

    def answer(self, method: str, path: str, accept: str) -> tuple[str, Obj | bytes]:
        """(Content-Type, document); raises ApiError 404, 405 or 406."""
        parts = path.strip("/").split("/")
        match parts:
            case ["healthz" | "livez" | "readyz"] | ["healthz" | "livez" | "readyz", "ping"]:
                return "text/plain; charset=utf-8", b"ok"
        if parts in (["api"], ["apis"]):
            return self._roots(method, accept, core=parts == ["api"])
        document = self._document(parts)
        if document is None:
            raise no_such_resource() if parts[0] == "api" else PageNotFound
        if method != "GET":
            raise method_not_allowed()
        if parts == ["openapi", "v2"] and accept.startswith(_OPENAPI_V2):
            return f"{_OPENAPI_V2}.v1.0+protobuf", _NOTHING_V2
        choose(accept)
        # The index of the documents is JSON, but nobody says so.
        index = parts == ["openapi", "v3"]
        return ("text/plain; charset=utf-8" if index else JSON), document

    def _roots(self, method: str, accept: str, *, core: bool) -> tuple[str, Obj]:
        if method != "GET":
            raise method_not_allowed()
        form = choose(accept, discovery.AGGREGATED_FORMS)
        if form.kind:
            found = discovery.aggregated(self._catalogue, core, form.version)
            return form.content_type, found
        if core:
            return JSON, discovery.api_versions(self._address)
        return JSON, discovery.group_list(self._catalogue)

    def _document(self, parts: list[str]) -> Obj | None:
        found: Obj | None = None
        match parts:
            case ["version"]:
                found = dict(_VERSION)
            case ["api", version]:
                found = discovery.resource_list(self._catalogue, "", version)
            case ["apis", group]:
                found = discovery.group(self._catalogue, group)
            case ["apis", group, version]:
                found = discovery.resource_list(self._catalogue, group, version)
            case ["openapi", "v2"]:
                found = openapi.document_v2(self._catalogue)
            case ["openapi", "v3"]:
                found = openapi.index(self._catalogue)
            case ["openapi", "v3", "api", version]:
                found = openapi.document_v3(self._catalogue, "", version)
            case ["openapi", "v3", "apis", group, version]:
                found = openapi.document_v3(self._catalogue, group, version)
        return found
