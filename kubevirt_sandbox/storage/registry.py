"""The verbs on objects with their semantics, as the API server applies them to stored objects.

No HTTP, no text of URLs or headers; what KubeVirt does with objects is in its own modules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from http import HTTPStatus
from typing import Any

from kubevirt_sandbox.storage import checks, objectmeta, status
from kubevirt_sandbox.storage.admission import cluster
from kubevirt_sandbox.storage.decoding import DEFINITIONS, decode, set_defaults, strict_error
from kubevirt_sandbox.storage.garbage import Collector, finalizer_of
from kubevirt_sandbox.storage.limits.quotas import QUOTAS, Quotas
from kubevirt_sandbox.storage.listing import ListPage, ListQuery, list_page
from kubevirt_sandbox.storage.resources import Catalogue, ResourceType, default_catalogue
from kubevirt_sandbox.storage.store import ObjectKey, Store, TypeKey, copy_json
from kubevirt_sandbox.storage.webhooks import (
    CONTROLLER,
    AdmissionPlugin,
    AdmissionRequest,
    Write,
    admit,
    ask,
)

__all__ = ["CONTROLLER", "AdmissionPlugin", "AdmissionRequest", "Registry", "Write"]

Obj = dict[str, Any]

PROTECTED_NAMESPACES = ("default", "kube-system")


class Registry:
    """Create, get, list, update, delete on one store; every write is atomic."""

    def __init__(
        self,
        store: Store | None = None,
        catalogue: Catalogue | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
    ) -> None:
        self.store = store or Store()
        self.catalogue = catalogue or default_catalogue()
        self.clock = clock
        self.admission: list[AdmissionPlugin] = []
        self._collector = Collector(self.store, self._collect)
        self._quotas = Quotas(self.store)
        self._policies = cluster.policies(self.store, self.catalogue)
        self._webhooks = cluster.webhooks(self.store)

    def get(self, type_key: TypeKey, namespace: str, name: str) -> Obj:
        """A copy of the stored object; raises ApiError 404."""
        copied: Obj = copy_json(self._stored(self.catalogue[type_key], namespace, name))
        return copied

    def list(
        self, type_key: TypeKey, namespace: str | None = None, query: ListQuery | None = None
    ) -> ListPage:
        """One page of objects (all of them without a query's limit); None = every namespace.

        The items are shared with the store: copy before changing.
        """
        return list_page(self.store, self.catalogue[type_key], namespace, query or ListQuery())

    def create(
        self,
        type_key: TypeKey,
        namespace: str,
        obj: Mapping[str, Any],
        *,
        user: str = CONTROLLER,
        dry_run: bool = False,
        write: Write | None = None,
    ) -> Obj:
        """Stores a new object and returns it; raises ApiError 400, 403, 404, 409, 422."""
        resource = self.catalogue[type_key]
        how = write or Write(user=user, dry_run=dry_run)
        new = self._decode(resource, obj, how)
        with self.store.lock:
            if resource.namespaced:
                self._require_namespace(resource, namespace, new)
            objectmeta.fill_on_create(resource, namespace, new, self.clock())
            set_defaults(resource, new)
            new = admit(self._plugins(), "CREATE", resource, new, None, how)
            self._quotas.charge(resource, new)
            name = new["metadata"]["name"]
            if self.store.get(type_key, _key(resource, namespace, name)) is not None:
                raise status.already_exists(resource, name)
            if new["metadata"].get("resourceVersion"):
                message = "resourceVersion should not be set on objects to be created"
                raise status.failure(HTTPStatus.INTERNAL_SERVER_ERROR, message)
            if how.dry_run:
                return new
            self.store.put(type_key, new)
            self._collector.stored(type_key, new)
            self._quotas.count(namespace)
            if type_key == DEFINITIONS:
                self.catalogue.add(new)
        created: Obj = copy_json(new)
        return created

    def update(
        self,
        type_key: TypeKey,
        namespace: str,
        name: str,
        obj: Mapping[str, Any],
        *,
        subresource: str = "",
        user: str = CONTROLLER,
        write: Write | None = None,
    ) -> Obj:
        """Replaces an object (or with ``subresource="status"`` its status) and returns it.

        Raises ApiError 409 when ``obj`` carries another resourceVersion than the stored one.
        """
        how = write or Write(user=user)
        resource = self.catalogue[type_key]
        new = self._decode(resource, obj, how)
        given = new["metadata"].get("name")
        if not given:
            raise status.bad_request(
                f"the name of the object ({name} based on URL) was undeterminable: name must be "
                "provided"
            )
        if given != name:
            raise status.bad_request(
                f"the name of the object ({given}) does not match the name on the URL ({name})"
            )
        objectmeta.settle_namespace(resource, namespace, new["metadata"])
        with self.store.lock:
            old = self._stored(resource, namespace, name)
            return self._replace(resource, old, new, subresource, how)

    def patch(
        self,
        type_key: TypeKey,
        namespace: str,
        name: str,
        change: Callable[[Obj], Any],
        *,
        subresource: str = "",
        write: Write | None = None,
    ) -> Obj:
        """Replaces an object by what ``change`` makes of a copy of it, in one step."""
        how = write or Write()
        resource = self.catalogue[type_key]
        with self.store.lock:
            old = self._stored(resource, namespace, name)
            served = {**copy_json(old), "apiVersion": resource.api_version_of(how.version)}
            if not how.version:
                served["apiVersion"] = old["apiVersion"]
            changed = change(served)
            new = self._decode(resource, changed, how, patched=True)
            if new["metadata"].get("name") != name:
                raise status.bad_request(
                    f"the name of the object ({new['metadata'].get('name')}) does not match the "
                    f"name on the URL ({name})"
                )
            causes = checks.uid_violations(new, old)
            if causes:
                raise status.invalid(resource.group, resource.kind, name, causes)
            new["metadata"].setdefault("resourceVersion", old["metadata"]["resourceVersion"])
            return self._replace(resource, old, new, subresource, how)

    def delete(
        self,
        type_key: TypeKey,
        namespace: str,
        name: str,
        *,
        propagation: str = "Background",
        uid: str | None = None,
        resource_version: str | None = None,
        user: str = CONTROLLER,
        dry_run: bool = False,
    ) -> Obj:
        """Deletes an object and returns its last state.

        The state has a ``deletionTimestamp`` when finalizers still hold the object. Raises
        ApiError 404, and 409 when a precondition does not hold.
        """
        resource = self.catalogue[type_key]
        with self.store.lock:
            old = self._stored(resource, namespace, name)
            objectmeta.check_delete_preconditions(resource, old, uid, resource_version)
            if type_key == "namespaces" and name in PROTECTED_NAMESPACES:
                message = f'namespaces "{name}" is forbidden: this namespace may not be deleted'
                details = status.details_of(resource, name)
                raise status.failure(HTTPStatus.FORBIDDEN, message, "Forbidden", details)
            how = Write(user=user, dry_run=dry_run)
            ask(self._plugins(), "DELETE", resource, old, old, how)
            return self._delete(resource, old, propagation, dry_run=dry_run)

    # Writes, with the store's lock held.

    def _replace(
        self, resource: ResourceType, old: Obj, new: Obj, subresource: str, how: Write
    ) -> Obj:
        if resource.custom and not new["metadata"].get("resourceVersion"):
            message = "Invalid value: 0: must be specified for an update"
            wrong = status.cause("FieldValueInvalid", message, "metadata.resourceVersion")
            raise status.invalid(resource.group, resource.plural, old["metadata"]["name"], [wrong])
        objectmeta.check_preconditions(resource, old, new)
        new = _merged_parts(resource, old, new, subresource)
        new = admit(self._plugins(), "UPDATE", resource, new, old, how, subresource)
        new = _merged_parts(resource, old, new, subresource)
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        if new == old:
            unchanged: Obj = copy_json(old)
            return unchanged
        if resource.custom and _spec_of(new) != _spec_of(old):
            new["metadata"]["generation"] = old["metadata"].get("generation", 0) + 1
        if how.dry_run:
            return new
        key = _key_of(new)
        held = new["metadata"].get("finalizers") or resource.key == "namespaces"
        if new["metadata"].get("deletionTimestamp") and not held:
            self._remove(resource.key, key, new)
            return new
        self.store.put(resource.key, new)
        self._collector.stored(resource.key, new)
        if resource.key == QUOTAS:
            self._quotas.count(key[0])
        if resource.key == DEFINITIONS:
            self.catalogue.add(new)
        written: Obj = copy_json(new)
        return written

    def _delete(
        self, resource: ResourceType, old: Obj, propagation: str, *, dry_run: bool = False
    ) -> Obj:
        added = finalizer_of(propagation)
        waits = old["metadata"].get("finalizers") or added or resource.key == "namespaces"
        if not waits:
            gone = old if dry_run else self._remove(resource.key, _key_of(old))
            last: Obj = copy_json(gone)
            return last
        marked: Obj = copy_json(old)
        metadata = marked["metadata"]
        if not metadata.get("deletionTimestamp"):
            metadata["deletionTimestamp"] = objectmeta.timestamp(self.clock())
            if resource.key != "namespaces":
                metadata["deletionGracePeriodSeconds"] = 0
            if "generation" in metadata:
                metadata["generation"] += 1
        if added and added not in metadata.get("finalizers", ()):
            metadata.setdefault("finalizers", []).append(added)
        if resource.key == "namespaces":
            marked["status"] = {"phase": "Terminating"}
        if marked != old and not dry_run:
            self.store.put(resource.key, marked)
            self._collector.pending(resource.key, marked)
        answer: Obj = copy_json(marked)
        return answer

    def _remove(self, type_key: TypeKey, key: ObjectKey, final: Obj | None = None) -> Obj:
        last = self.store.remove(type_key, key, final)
        self._collector.removed(last)
        if type_key == DEFINITIONS:
            for place, _ in self.store.snapshot(key[1], None)[1]:
                self._remove(key[1], place)
            self.catalogue.remove(key[1])
        self._quotas.count(key[0])
        return last

    def _collect(self, type_key: TypeKey, key: ObjectKey) -> None:
        obj = self.store.get(type_key, key)
        if obj is not None:
            self._delete(self.catalogue[type_key], obj, "Background")

    # Checks.

    def _plugins(self) -> Sequence[AdmissionPlugin]:
        """All that is asked of a write, in the API server's order."""
        has = self.store.has
        before = [self._policies] if has(self._policies.source) else []
        after = [self._webhooks] if has(self._webhooks.source) else []
        return [*before, *self.admission, *after]

    def _decode(
        self, resource: ResourceType, obj: Mapping[str, Any], how: Write, patched: bool = False
    ) -> Obj:
        new, unknown = decode(resource, obj, how.version, patched=patched)
        if unknown and how.field_validation == "Warn":
            how.warnings.extend(f'unknown field "{path}"' for path in unknown)
        if unknown and how.field_validation == "Strict":
            raise strict_error(resource, how.version, unknown, patched=patched)
        return new

    def _stored(self, resource: ResourceType, namespace: str, name: str) -> Obj:
        found = self.store.get(resource.key, _key(resource, namespace, name))
        if found is None:
            raise status.not_found(resource, name)
        return found

    def _require_namespace(self, resource: ResourceType, namespace: str, new: Obj) -> None:
        found = self.store.get("namespaces", ("", namespace))
        if found is None:
            raise status.namespace_not_found(namespace)
        if found["metadata"].get("deletionTimestamp"):
            name = new["metadata"].get("name", "")
            message = (
                f'{resource.key} "{name}" is forbidden: unable to create new content in '
                f"namespace {namespace} because it is being terminated"
            )
            details = status.details_of(resource, name)
            raise status.failure(HTTPStatus.FORBIDDEN, message, "Forbidden", details)


def _key(resource: ResourceType, namespace: str, name: str) -> ObjectKey:
    return (namespace if resource.namespaced else "", name)


def _key_of(obj: Obj) -> ObjectKey:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _merged_parts(resource: ResourceType, old: Obj, new: Obj, subresource: str) -> Obj:
    """What an endpoint may write: /status the status alone, the main one everything but it."""
    if subresource == "status":
        merged: Obj = copy_json(old)
        taken = new
    else:
        merged = new
        taken = old
    if resource.has_status:
        merged.pop("status", None)
        if "status" in taken:
            merged["status"] = copy_json(taken["status"])
    objectmeta.keep_on_update(old, merged)
    return merged


def _spec_of(obj: Obj) -> Obj:
    return {key: value for key, value in obj.items() if key not in ("metadata", "status")}
