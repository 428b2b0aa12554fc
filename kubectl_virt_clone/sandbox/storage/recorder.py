"""core/v1 Events about objects, correlated as client-go's recorder correlates them.

Which events KubeVirt's controllers record, and when, is theirs to say.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Literal

from .objectmeta import timestamp
from .status import ApiError
from .store import TypeKey

if TYPE_CHECKING:
    from .registry import Registry

Obj = dict[str, Any]
EventType = Literal["Normal", "Warning"]


class EventRecorder:
    """Creates an event, or raises the count of the same one."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._names: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        self._last_stamp = 0

    def record(
        self,
        involved: Obj,
        type_key: TypeKey,
        kind_type: EventType,
        reason: str,
        message: str,
        component: str,
    ) -> None:
        """One occurrence; an event that can't be written is lost, as everywhere in Kubernetes."""
        namespace = involved["metadata"].get("namespace") or "default"
        uid = involved["metadata"].get("uid", "")
        key = (namespace, uid, kind_type, reason, message, component)
        with self._lock:
            known = self._names.get(key)
            if known and self._repeat(namespace, known):
                return
            event = self._event(involved, type_key, kind_type, reason, message, component)
            try:
                stored = self._registry.create("events", namespace, event)
            except ApiError:
                return
            self._names[key] = stored["metadata"]["name"]

    def _repeat(self, namespace: str, name: str) -> bool:
        try:
            event = self._registry.get("events", namespace, name)
            event["count"] += 1
            event["lastTimestamp"] = timestamp(self._registry.clock())
            self._registry.update("events", namespace, name, event)
        except ApiError:
            # Deleted meanwhile, by a user or with its namespace: begin anew.
            return False
        return True

    def _event(
        self,
        involved: Obj,
        type_key: TypeKey,
        kind_type: EventType,
        reason: str,
        message: str,
        component: str,
    ) -> Obj:
        resource = self._registry.catalogue[type_key]
        metadata = involved["metadata"]
        now = timestamp(self._registry.clock())
        self._last_stamp = max(self._last_stamp + 1, time.time_ns())
        reference = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": metadata["name"],
            "namespace": metadata.get("namespace", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
            "uid": metadata.get("uid", ""),
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{metadata['name']}.{self._last_stamp:016x}"},
            "involvedObject": {key: value for key, value in reference.items() if value},
            "reason": reason,
            "message": message,
            "source": {"component": component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind_type,
            "eventTime": None,
            "reportingComponent": component,
            "reportingInstance": "",
        }
