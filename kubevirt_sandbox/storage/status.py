"""Status bodies of refused requests: the exact shapes and sentences of kube-apiserver.

Which request is refused, and when, is decided elsewhere; nothing here looks at stored objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.resources import ResourceType


class Named(Protocol):
    """Anything that has the names of a resource, served or not."""

    @property
    def group(self) -> str:
        """The API group, empty for core."""

    @property
    def plural(self) -> str:
        """The plural, as in URLs."""


Obj = dict[str, Any]
Cause = dict[str, str]


class ApiError(Exception):
    """A refused request: the HTTP status code and the metav1.Status body that goes with it."""

    def __init__(self, code: int, status: Obj) -> None:
        super().__init__(status.get("message", ""))
        self.code = int(code)
        self.status = status

    @property
    def reason(self) -> str:
        """The Status reason (``NotFound``, ``Conflict``, …), empty when the server gives none."""
        return str(self.status.get("reason", ""))


class PageNotFound(ApiError):
    """404 of a path that nothing serves: its body is a line of text."""

    text = "404 page not found\n"

    def __init__(self) -> None:
        super().__init__(HTTPStatus.NOT_FOUND, no_such_resource().status)


def failure(code: int, message: str, reason: str = "", details: Obj | None = None) -> ApiError:
    """Any failure; where the server leaves ``reason`` out it is empty, and ``details`` None."""
    status: Obj = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
    }
    if reason:
        status["reason"] = reason
    if details is not None:
        status["details"] = details
    status["code"] = int(code)
    return ApiError(code, status)


def success(details: Obj | None = None) -> Obj:
    """The Status of a deletion that is done."""
    body: Obj = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if details:
        body["details"] = details
    return body


def cause(reason: str, message: str, field: str) -> Cause:
    """One entry of ``details.causes``; ``message`` is the field error without the field's path."""
    return {"reason": reason, "message": message, "field": field}


def details_of(resource: Named, name: str) -> Obj:
    """``details`` of a refusal about one object: name, group (when there is one), plural."""
    details: Obj = {"name": name} if name else {}
    if resource.group:
        details["group"] = resource.group
    details["kind"] = resource.plural
    return details


def not_found(resource: ResourceType, name: str) -> ApiError:
    """404: no such object."""
    message = f'{resource.key} "{name}" not found'
    return failure(HTTPStatus.NOT_FOUND, message, "NotFound", details_of(resource, name))


def namespace_not_found(namespace: str) -> ApiError:
    """404: an object was to be created in a namespace that does not exist."""
    details = {"name": namespace, "kind": "namespaces"}
    return failure(HTTPStatus.NOT_FOUND, f'namespaces "{namespace}" not found', "NotFound", details)


def no_such_resource() -> ApiError:
    """404 of a path under /apis that no served resource answers."""
    message = "the server could not find the requested resource"
    return failure(HTTPStatus.NOT_FOUND, message, "NotFound", {})


def already_exists(resource: ResourceType, name: str) -> ApiError:
    """409: the name is taken."""
    message = f'{resource.key} "{name}" already exists'
    return failure(HTTPStatus.CONFLICT, message, "AlreadyExists", details_of(resource, name))


def conflict(resource: ResourceType, name: str, message: str = "") -> ApiError:
    """409: the write was based on an older version; ``message`` replaces the usual sentence."""
    why = message or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    text = f'Operation cannot be fulfilled on {resource.key} "{name}": {why}'
    return failure(HTTPStatus.CONFLICT, text, "Conflict", details_of(resource, name))


def invalid(group: str, kind: str, name: str, causes: Sequence[Cause]) -> ApiError:
    """422: the object breaks its schema or the rules of metadata; one cause per field."""
    # Told once, however often it was found.
    errors = list(dict.fromkeys(f"{item['field']}: {item['message']}" for item in causes))
    joined = errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]"
    qualified = f"{kind}.{group}" if group else kind
    details: Obj = {"name": name} if name else {}
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    details["causes"] = list(causes)
    return failure(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f'{qualified} "{name}" is invalid: {joined}',
        "Invalid",
        details,
    )


def forbidden(
    user: str,
    verb: str,
    resource: Named,
    namespace: str = "",
    name: str = "",
    subresource: str = "",
) -> ApiError:
    """403 of RBAC for a resource; an empty ``namespace`` reads "at the cluster scope"."""
    what = f"{resource.plural}/{subresource}" if subresource else resource.plural
    subject = f"{resource.plural}.{resource.group}" if resource.group else resource.plural
    if name:
        subject += f' "{name}"'
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    message = (
        f'{subject} is forbidden: User "{user}" cannot {verb} resource "{what}" '
        f'in API group "{resource.group}" {where}'
    )
    return failure(HTTPStatus.FORBIDDEN, message, "Forbidden", details_of(resource, name))


def forbidden_path(user: str, verb: str, path: str) -> ApiError:
    """403 of RBAC for a path that is no resource."""
    message = f'forbidden: User "{user}" cannot {verb} path "{path}"'
    return failure(HTTPStatus.FORBIDDEN, message, "Forbidden", {})


def unauthorized() -> ApiError:
    """401: no token, or one that nobody holds."""
    return failure(HTTPStatus.UNAUTHORIZED, "Unauthorized", "Unauthorized")


def bad_request(message: str) -> ApiError:
    """400: the request can't be read."""
    return failure(HTTPStatus.BAD_REQUEST, message, "BadRequest")


def expired(message: str) -> ApiError:
    """410: the resource version is no longer in the log; list again."""
    return failure(HTTPStatus.GONE, message, "Expired")


def method_not_allowed() -> ApiError:
    """405: the path exists, the verb does not."""
    message = "the server does not allow this method on the requested resource"
    return failure(HTTPStatus.METHOD_NOT_ALLOWED, message, "MethodNotAllowed", {})


def verb_not_supported(resource: ResourceType, verb: str) -> ApiError:
    """405 of a custom resource, which knows its verbs but not its methods."""
    message = f'{verb} is not supported on resources of kind "{resource.key}"'
    return failure(
        HTTPStatus.METHOD_NOT_ALLOWED, message, "MethodNotAllowed", details_of(resource, "")
    )


def not_acceptable(accepted: Sequence[str]) -> ApiError:
    """406: none of the media types the client accepts can be written."""
    listed = ", ".join(accepted)
    message = (
        f"only the following media types are accepted: {listed}"
        if accepted
        else "the server was unable to respond with a content type that the client supports"
    )
    return failure(HTTPStatus.NOT_ACCEPTABLE, message, "NotAcceptable")


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    """415: the body's (or the patch's) media type can't be read."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return failure(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, message, "UnsupportedMediaType")


def internal_error(message: str) -> ApiError:
    """500: something behind the server broke; ``message`` is the inner sentence."""
    details = {"causes": [{"message": message}]}
    return failure(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Internal error occurred: {message}",
        "InternalError",
        details,
    )


def too_large_resource_version(wanted: int, current: int) -> ApiError:
    """504: a list asked for a version that this server has not reached."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: Too large resource version: {wanted}, current: {current}"
    return failure(HTTPStatus.GATEWAY_TIMEOUT, message, "Timeout", details)


def denied(
    webhook: str,
    message: str,
    *,
    code: int = HTTPStatus.BAD_REQUEST,
    reason: str = "",
    causes: Sequence[Cause] = (),
) -> ApiError:
    """A refusal by an admission webhook, with the code, reason and causes it answered."""
    text = f'admission webhook "{webhook}" denied the request: {message}'
    return failure(code, text, reason, {"causes": list(causes)} if causes else None)
