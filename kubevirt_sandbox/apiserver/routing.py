"""Which resource a request is about, and whether its path and verb have a meaning there.

Custom resources and the server's own say no in different words; what is done is elsewhere.
"""

from __future__ import annotations

from kubevirt_sandbox.apiserver.requestinfo import RequestInfo
from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.resources import Catalogue, ResourceType

_STATUS_VERBS = ("get", "update", "patch")
_NAMED = ("update", "patch", "delete", "get")


def resource_of(info: RequestInfo, catalogue: Catalogue) -> ResourceType:
    """The resource of a request that can be answered; raises ApiError 400, 404, 405."""
    resource = catalogue.find(info.group, info.resource)
    if resource is None or info.version not in resource.versions:
        raise status.PageNotFound() if info.group else status.no_such_resource()
    if resource.custom:
        _check_custom(info, resource)
    else:
        _check_builtin(info, resource)
    return resource


def _check_custom(info: RequestInfo, resource: ResourceType) -> None:
    everywhere = resource.namespaced and not info.namespace
    if everywhere and (info.name or info.verb not in ("list", "watch")):
        raise status.PageNotFound
    if info.subresource:
        if info.subresource != "status" or not resource.has_status:
            raise status.not_found(resource, info.name)
        if info.verb not in _STATUS_VERBS:
            raise status.verb_not_supported(resource, info.verb)
    if info.verb not in resource.verbs:
        raise status.verb_not_supported(resource, "")
    if info.verb in ("update", "patch") and not info.name:
        raise status.bad_request("name must be provided")


def _check_builtin(info: RequestInfo, resource: ResourceType) -> None:
    if info.subresource and not (info.subresource == "status" and resource.has_status):
        raise status.no_such_resource()
    if resource.namespaced and not info.namespace and info.verb not in ("list", "watch"):
        raise status.method_not_allowed()
    allowed = _STATUS_VERBS if info.subresource else resource.verbs
    unnamed = info.verb in _NAMED and not info.name
    if info.verb not in allowed or unnamed or (info.verb == "create" and info.name):
        raise status.method_not_allowed()
