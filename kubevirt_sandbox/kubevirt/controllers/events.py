"""core/v1 Events about objects, correlated as client-go's recorder correlates them.

Which events KubeVirt's controllers record, and when, is theirs to say.
"""

from __future__ import annotations

import time
from typing import Literal

from kubevirt_sandbox.kubevirt.api import Api
from kubevirt_sandbox.kubevirt.objects import Obj, location, text
from kubevirt_sandbox.kubevirt.resources import EVENTS, Resource
from kubevirt_sandbox.storage.objectmeta import timestamp
from kubevirt_sandbox.storage.status import ApiError

EventType = Literal["Normal", "Warning"]


class Recorder:
    """Records the events of one component about objects of one resource, from one thread."""

    def __init__(self, api: Api, resource: Resource, component: str) -> None:
        self._api = api
        self._resource = resource
        self._component = component
        self._names: dict[tuple[str, ...], str] = {}

    def normal(self, obj: Obj, reason: str, message: str) -> None:
        """Records an event of type Normal on ``obj``."""
        self._record(obj, "Normal", reason, message)

    def warning(self, obj: Obj, reason: str, message: str) -> None:
        """Records an event of type Warning on ``obj``."""
        self._record(obj, "Warning", reason, message)

    def _record(self, obj: Obj, kind: EventType, reason: str, message: str) -> None:
        """One occurrence: a new event, or the count of the same one is raised.

        An event that can't be written is lost, as everywhere in Kubernetes.
        """
        namespace = location(obj)[0] or "default"
        key = (text(obj, "metadata", "uid"), kind, reason, message)
        known = self._names.get(key)
        if known and self._repeat(namespace, known):
            return
        try:
            stored = self._api.create(EVENTS, self._event(obj, namespace, kind, reason, message))
        except ApiError:
            return
        self._names[key] = location(stored)[1]

    def _repeat(self, namespace: str, name: str) -> bool:
        try:
            event = self._api.get(EVENTS, namespace, name)
            event["count"] += 1
            event["lastTimestamp"] = timestamp(self._api.now())
            self._api.update(EVENTS, event)
        except ApiError:
            # Deleted meanwhile, by a user or with its namespace: begin anew.
            return False
        return True

    def _event(self, obj: Obj, namespace: str, kind: EventType, reason: str, message: str) -> Obj:
        now = timestamp(self._api.now())
        name = location(obj)[1]
        reference = {
            "apiVersion": self._api.catalogue[self._resource.qualified].api_version,
            "kind": self._resource.kind,
            "name": name,
            "namespace": location(obj)[0],
            "resourceVersion": text(obj, "metadata", "resourceVersion"),
            "uid": text(obj, "metadata", "uid"),
        }
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{time.time_ns():016x}", "namespace": namespace},
            "involvedObject": {key: value for key, value in reference.items() if value},
            "reason": reason,
            "message": message,
            "source": {"component": self._component},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": kind,
            "eventTime": None,
            "reportingComponent": self._component,
            "reportingInstance": "",
        }
