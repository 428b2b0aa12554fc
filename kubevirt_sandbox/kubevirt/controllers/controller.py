"""What every controller of the simulated KubeVirt is made of: its observations and its requests.

The loop that runs them is in ``kubevirt.loop``; no rule about any one resource belongs here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

from kubevirt_sandbox.kubevirt.api import Api
from kubevirt_sandbox.kubevirt.objects import section
from kubevirt_sandbox.kubevirt.resources import Resource
from kubevirt_sandbox.storage.objectmeta import timestamp
from kubevirt_sandbox.storage.status import ApiError

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.store import Change

Obj = dict[str, Any]
Wish = tuple[str, str, float]
"""(namespace, name, seconds to wait): an object that a controller wants to look at."""


@dataclass(frozen=True)
class Requeue:
    """Look again after so many seconds; None leaves the wait to the queue's backoff."""

    after: float | None = None


class Controller(Protocol):
    """One control loop; both methods are called from one thread, and neither may block."""

    name: str

    def observe(self, change: Change) -> Iterable[Wish]:
        """The objects that have to be looked at because of ``change``."""

    def reconcile(self, namespace: str, name: str) -> Requeue | None:
        """Takes one object a step further; an ApiError means: try again later."""


class Client:
    """The few requests that controllers send, and nothing that a client over HTTP could not do."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def now(self) -> str:
        """The server's time as it stands in objects: ``2026-11-22T07:54:15Z``."""
        return timestamp(self._api.now())

    def read(self, resource: Resource, namespace: str, name: str) -> Obj | None:
        """The object, or None when there is none."""
        if not name:
            return None
        try:
            return self._api.get(resource, namespace, name)
        except ApiError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise

    def read_all(self, resource: Resource) -> list[Obj]:
        """All objects of a resource, in whatever namespace."""
        return self._api.list_all(resource)

    def create(self, resource: Resource, obj: Obj) -> Obj:
        """The object as stored; ApiError when it was refused."""
        obj = {"apiVersion": resource.api_version, "kind": resource.kind, **obj}
        return self._api.create(resource, obj)

    def update(self, resource: Resource, obj: Obj) -> Obj:
        """Writes everything but the status; ApiError 409 when ``obj`` is stale."""
        return self._api.update(resource, obj)

    def update_status(self, resource: Resource, obj: Obj, status: Obj) -> Obj:
        """Writes the status, if it differs from the one that ``obj`` holds."""
        if obj.get("status") == status:
            return obj
        return self._api.update(resource, {**obj, "status": status}, "status")

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Deletes an object; that it is gone already is fine."""
        try:
            self._api.delete(resource, namespace, name)
        except ApiError as error:
            if error.code != HTTPStatus.NOT_FOUND:
                raise

    def release(self, resource: Resource, obj: Obj, finalizer: str) -> None:
        """Takes ``finalizer`` off an object that is being deleted."""
        metadata = section(obj, "metadata")
        finalizers = metadata.get("finalizers") or []
        if finalizer in finalizers:
            kept = [item for item in finalizers if item != finalizer]
            self.update(resource, {**obj, "metadata": {**metadata, "finalizers": kept}})
