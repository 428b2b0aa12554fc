"""What a URL asks for: verb, resource, namespace, name, subresource, options of the query.

Whether it exists, may be done, or what the answer is: not here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from kubevirt_sandbox.storage.status import Cause, bad_request, cause, invalid

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_OPTIONS = {
    "create": "CreateOptions",
    "update": "UpdateOptions",
    "patch": "PatchOptions",
    "delete": "DeleteOptions",
    "deletecollection": "DeleteOptions",
}
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_FALSE = ("", "0", "false")
_DIGITS = 18
"""As many are surely a number of 64 bits."""


@dataclass(frozen=True)
class RequestInfo:
    """One request line; ``resource`` is empty when the path names no resource."""

    method: str
    verb: str
    path: str
    query: dict[str, str]
    group: str = ""
    version: str = ""
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def flag(self, key: str) -> bool:
        """A boolean option of the query."""
        return self.query.get(key, "").lower() not in _FALSE

    def number(self, key: str) -> int:
        """A number of the query, 0 when it is absent or negative. Raises ApiError 400."""
        text = self.query.get(key, "") or "0"
        if not re.fullmatch(r"-?[0-9]+", text):
            raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax')
        if len(text) > _DIGITS:
            raise bad_request(f'strconv.ParseInt: parsing "{text}": value out of range')
        return max(int(text), 0)


def parse(method: str, target: str) -> RequestInfo:
    """The request line's method and target → RequestInfo."""
    path, _, options = target.partition("?")
    query = {key: values[-1] for key, values in parse_qs(options, True).items()}
    parts = [unquote(part) for part in path.strip("/").split("/")]
    group, version, rest = _split_version(parts)
    if not rest:
        return RequestInfo(method, method.lower(), path, query, group, version)
    namespace = ""
    match rest:
        case ["namespaces", _, "status" | "finalize"]:
            pass
        case ["namespaces", named, _, *_]:
            namespace, rest = named, rest[2:]
    resource, name, *sub = [*rest, ""] if len(rest) == 1 else rest
    # What follows the subresource is the subresource's own: no server here looks at it.
    subresource = sub[0] if sub else ""
    return RequestInfo(
        method,
        _verb(method, name, query),
        path,
        query,
        group,
        version,
        resource,
        # The namespace of a Namespace is itself: RBAC and its sentences see it so.
        name if (resource, group) == ("namespaces", "") else namespace,
        name,
        subresource,
    )


def _split_version(parts: list[str]) -> tuple[str, str, list[str]]:
    match parts:
        case ["api", version, *rest]:
            return "", version, rest
        case ["apis", group, version, *rest]:
            return group, version, rest
    return "", "", []


def _verb(method: str, name: str, query: dict[str, str]) -> str:
    if method in ("GET", "HEAD"):
        if name:
            return "get"
        return "watch" if query.get("watch", "").lower() not in _FALSE else "list"
    if method == "DELETE" and not name:
        return "deletecollection"
    return _VERBS.get(method, method.lower())


def dry_run_of(info: RequestInfo) -> list[str]:
    """The values of the query's dryRun."""
    return [info.query["dryRun"]] if "dryRun" in info.query else []


def check_write_options(info: RequestInfo, dry_run: list[str]) -> None:
    """Raises ApiError 422 for values of dryRun and fieldValidation that no server knows."""
    causes: list[Cause] = []
    if any(item != "All" for item in dry_run):
        text = f'Unsupported value: {json.dumps(dry_run)}: supported values: "All"'
        causes.append(cause("FieldValueNotSupported", text, "dryRun"))
    validation = info.query.get("fieldValidation", "")
    if validation not in _VALIDATIONS:
        known = ", ".join(f'"{item}"' for item in _VALIDATIONS)
        text = f'Unsupported value: "{validation}": supported values: {known}'
        causes.append(cause("FieldValueNotSupported", text, "fieldValidation"))
    if causes:
        raise invalid("meta.k8s.io", _OPTIONS[info.verb], "", causes)


def check_list_options(info: RequestInfo) -> None:
    """Raises ApiError 422 for options of lists and watches that don't go together, 400 for others.

    A number that is none is refused whether it is used or not.
    """
    for key in ("limit", "timeoutSeconds"):
        info.number(key)
    match = info.query.get("resourceVersionMatch", "")
    causes: list[Cause] = []
    if info.verb == "watch":
        causes += _of_watch(match, begins_with_list="sendInitialEvents" in info.query)
    elif "sendInitialEvents" in info.query:
        text = "Forbidden: sendInitialEvents is forbidden for list"
        causes.append(cause("FieldValueForbidden", text, "sendInitialEvents"))
    elif match and not info.query.get("resourceVersion"):
        text = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        causes.append(cause("FieldValueForbidden", text, "resourceVersionMatch"))
    elif match == "Exact" and info.query.get("resourceVersion") == "0":
        text = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
        causes.append(cause("FieldValueForbidden", text, "resourceVersionMatch"))
    elif match not in ("", "Exact", "NotOlderThan"):
        text = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
        causes.append(cause("FieldValueNotSupported", text, "resourceVersionMatch"))
    if match and info.query.get("continue"):
        text = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
        causes.append(cause("FieldValueForbidden", text, "resourceVersionMatch"))
    if causes:
        raise invalid("meta.k8s.io", "ListOptions", "", causes)


def _of_watch(match: str, *, begins_with_list: bool) -> Iterator[Cause]:
    """What is wrong with a watch's resourceVersionMatch, beside sendInitialEvents or without."""
    field, wanted = "resourceVersionMatch", "NotOlderThan"
    if begins_with_list and match != wanted:
        text = f"Forbidden: sendInitialEvents requires setting {field} to {wanted}"
        yield cause("FieldValueForbidden", text, field)
    if match and not begins_with_list:
        text = f"Forbidden: {field} is forbidden for watch unless sendInitialEvents is provided"
        yield cause("FieldValueForbidden", text, field)
    if match not in ("", wanted):
        text = f'Unsupported value: "{match}": supported values: "{wanted}"'
        yield cause("FieldValueNotSupported", text, field)
