"""The API server as KubeVirt's controllers and webhooks need it, and the one in this process.

Requests and what has changed; rules are elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from kubevirt_sandbox.kubevirt.objects import location
from kubevirt_sandbox.kubevirt.resources import Resource
from kubevirt_sandbox.storage.status import no_such_resource
from kubevirt_sandbox.storage.store import Change, Compacted

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.registry import Registry
    from kubevirt_sandbox.storage.resources import Catalogue

Obj = dict[str, Any]


class Api(Protocol):
    """One API server; every refusal is an ApiError."""

    @property
    def catalogue(self) -> Catalogue:
        """The resources that it serves."""

    @property
    def closed(self) -> bool:
        """Whether it is going down."""

    def now(self) -> datetime:
        """The server's time."""

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """The object, the caller's to change."""

    def list_all(self, resource: Resource) -> list[Obj]:
        """All objects of a resource in whatever namespace; they must not be changed."""

    def create(self, resource: Resource, obj: Obj) -> Obj:
        """The object as stored in the namespace that it names."""

    def update(self, resource: Resource, obj: Obj, subresource: str = "") -> Obj:
        """Replaces an object, or its status."""

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Deletes an object; its dependents go after it."""

    def changes(self, resources: Sequence[Resource], wait: float) -> Iterable[Change]:
        """What has changed since the last call; waits up to ``wait`` seconds for the first.

        What is there at the first call is ADDED, and so is all that may have changed unseen.
        """


class LocalApi:
    """The registry of this process: nothing is sent, and all changes come in one order."""

    def __init__(self, registry: Registry) -> None:
        self.catalogue = registry.catalogue
        self._registry = registry
        self._version = 0

    @property
    def closed(self) -> bool:
        """Whether the store wakes nobody any more."""
        return self._registry.store.closed

    def now(self) -> datetime:
        """The time of the registry's clock, which a test may set."""
        return self._registry.clock()

    def get(self, resource: Resource, namespace: str, name: str) -> Obj:
        """A copy of the stored object."""
        self._require(resource)
        return self._registry.get(resource.qualified, namespace, name)

    def list_all(self, resource: Resource) -> list[Obj]:
        """The stored objects themselves."""
        self._require(resource)
        return self._registry.list(resource.qualified).items

    def create(self, resource: Resource, obj: Obj) -> Obj:
        """The object as stored."""
        self._require(resource)
        return self._registry.create(resource.qualified, location(obj)[0], obj)

    def update(self, resource: Resource, obj: Obj, subresource: str = "") -> Obj:
        """The object as stored."""
        self._require(resource)
        place = location(obj)
        return self._registry.update(resource.qualified, *place, obj, subresource=subresource)

    def delete(self, resource: Resource, namespace: str, name: str) -> None:
        """Deletes an object and what it owns."""
        self._require(resource)
        self._registry.delete(resource.qualified, namespace, name)

    def changes(self, resources: Sequence[Resource], wait: float) -> Iterable[Change]:
        """The changes of all resources; after a compaction, what is stored of the given ones."""
        try:
            self._version, changes = self._registry.store.changes_since(self._version, wait)
        except Compacted:
            self._version = self._registry.store.version
            return [
                Change(self._version, "ADDED", resource.qualified, obj)
                for resource in resources
                if resource.qualified in self.catalogue.by_key
                for obj in self.list_all(resource)
            ]
        return changes

    def _require(self, resource: Resource) -> None:
        """Raises ApiError 404 where nobody serves a resource: its CRD may be deleted."""
        if resource.qualified not in self.catalogue.by_key:
            raise no_such_resource()
