"""Lists as they stand in answers: what is written differs for custom and for built-in resources.

Tables and metadata alone are in ``tables``; single objects are written as they are stored.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from kubevirt_sandbox.apiserver.requestinfo import RequestInfo
from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.listing import ListPage
from kubevirt_sandbox.storage.resources import ResourceType

Obj = dict[str, Any]


def not_one_object(resource: ResourceType) -> status.ApiError:
    """406: the metadata of one object was asked of a list."""
    go_type = "unstructured.UnstructuredList" if resource.custom else f"core.{resource.list_kind}"
    what = f"you requested PartialObjectMetadata, but the requested object is a list (*{go_type})"
    return status.failure(HTTPStatus.NOT_ACCEPTABLE, what, "NotAcceptable")


def served_items(resource: ResourceType, info: RequestInfo, page: ListPage) -> list[Obj]:
    """The objects of a page in the version of the request."""
    api_version = resource.api_version_of(info.version)
    return [{**obj, "apiVersion": api_version} for obj in page.items]


def list_object(resource: ResourceType, info: RequestInfo, page: ListPage) -> Obj:
    """A page as a list of its kind."""
    # A list of custom resources says by an empty token that nothing follows.
    no_token = {"continue": ""} if resource.custom else {}
    items = served_items(resource, info, page)
    if not resource.custom:
        # The list says what they are; they don't.
        items = [
            {key: value for key, value in item.items() if key not in ("apiVersion", "kind")}
            for item in items
        ]
    return {
        "apiVersion": resource.api_version_of(info.version),
        "items": items,
        "kind": resource.list_kind,
        "metadata": {**no_token, **page.metadata},
    }
