"""Lists of objects: selectors, pages, continue tokens, and lists of an older version.

Watches, tables and HTTP are elsewhere.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import Any

from kubevirt_sandbox.storage.resources import ResourceType
from kubevirt_sandbox.storage.selectors import both, field_predicate, label_predicate
from kubevirt_sandbox.storage.status import bad_request, expired, too_large_resource_version
from kubevirt_sandbox.storage.store import Compacted, ObjectKey, Store

Obj = dict[str, Any]


@dataclass(frozen=True)
class ListQuery:
    """What a list is asked for; texts as in the query of a URL, ``limit`` 0 = everything."""

    labels: str = ""
    fields: str = ""
    limit: int = 0
    token: str = ""
    version: str = ""
    match: str = ""


@dataclass(frozen=True)
class ListPage:
    """One page: the objects (shared with the store, read-only) and the list's metadata."""

    items: list[Obj]
    version: int
    token: str = ""
    remaining: int | None = None
    metadata: Obj = field(init=False)

    def __post_init__(self) -> None:
        metadata: Obj = {}
        if self.token:
            metadata["continue"] = self.token
            if self.remaining is not None:
                metadata["remainingItemCount"] = self.remaining
        metadata["resourceVersion"] = str(self.version)
        object.__setattr__(self, "metadata", metadata)


def list_page(
    store: Store, resource: ResourceType, namespace: str | None, query: ListQuery
) -> ListPage:
    """One page of the objects of a resource; ``namespace`` None = all.

    Raises ApiError 400 for what can't be read, 410 when the version of a continued or exact list
    is compacted, 504 when a version was asked for that does not exist yet.
    """
    at, after = _place(store, query)
    selectors = [field_predicate(query.fields, resource)] if query.fields else []
    if query.labels:
        selectors.append(label_predicate(query.labels))
    try:
        version, found = store.snapshot(resource.key, namespace, at, after)
    except Compacted as old:
        raise expired(_too_old(query, old)) from None
    if selectors:
        matches = both(selectors)
        found = [(key, obj) for key, obj in found if matches(obj)]
    if not query.limit or len(found) <= query.limit:
        return ListPage([obj for _, obj in found], version)
    page = found[: query.limit]
    # As the API server does: with a selector nobody knows how many are left.
    remaining = None if selectors else len(found) - query.limit
    return ListPage([obj for _, obj in page], version, _token(version, page[-1][0]), remaining)


def parse_version(text: str) -> int:
    """A resourceVersion as a number; empty is 0. Raises ApiError 400."""
    if text and not is_version(text):
        raise bad_request(f"invalid resource version: {unreadable_version(text)}")
    return int(text or 0)


def is_version(text: str) -> bool:
    """Whether it is a number that Go takes: no other digits than these, and not more."""
    return re.fullmatch(r"[0-9]{1,19}", text) is not None


def unreadable_version(text: str) -> str:
    """What Go says of a version that is no number, or of too many digits."""
    fault = "value out of range" if re.fullmatch(r"[0-9]+", text) else "invalid syntax"
    why = f'strconv.ParseUint: parsing "{text}": {fault}'
    return f'resourceVersion: Invalid value: "{text}": {why}'


def _place(store: Store, query: ListQuery) -> tuple[int | None, ObjectKey | None]:
    wanted = parse_version(query.version)
    if query.match and query.match not in ("Exact", "NotOlderThan"):
        raise bad_request(f'resourceVersionMatch: Unsupported value: "{query.match}"')
    if query.token:
        if wanted:
            raise bad_request("specifying resource version is not allowed when using continue")
        return _parse_token(query.token)
    if wanted > store.version:
        raise too_large_resource_version(wanted, store.version)
    return (wanted if query.match == "Exact" else None), None


def _token(version: int, key: ObjectKey) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(key) + "\0"})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _parse_token(token: str) -> tuple[int, ObjectKey]:
    try:
        padded = token + "=" * (-len(token) % 4)
        data = json.loads(base64.urlsafe_b64decode(padded))
        namespace, _, name = data["start"].rstrip("\0").partition("/")
        return int(data["rv"]), (namespace, name)
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError):
        raise bad_request(
            "invalid continue token: continue key is not valid: it can't be read"
        ) from None


def _too_old(query: ListQuery, old: Compacted) -> str:
    if not query.token:
        return str(old)
    return (
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter."
    )
