"""Lists and watches of a remote API server, merged into one stream of changes.

It survives closed streams and expired versions; nothing is known about any one resource.
"""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from kubevirt_sandbox.kubevirt.objects import section, text
from kubevirt_sandbox.kubevirt.resources import Resource
from kubevirt_sandbox.storage.status import ApiError
from kubevirt_sandbox.storage.store import Change

if TYPE_CHECKING:
    from tests.envtest.remote_api import RemoteApi

Obj = dict[str, Any]
Response = Any
"""A urllib3.BaseHTTPResponse: slow to import, even for a name."""
WATCH_SECONDS = 25
"""Shorter than the client waits for an answer: a watch without changes ends in order."""
PAUSE = 0.2


class Informers:
    """A watch for each resource, in a thread of its own."""

    def __init__(self, api: RemoteApi) -> None:
        self._api = api
        self._changes: queue.Queue[Change] = queue.Queue()
        self._informers: dict[Resource, Informer] = {}

    def changes(self, resources: Sequence[Resource], wait: float) -> Iterable[Change]:
        """What has come since the last call; begins to watch what is not watched yet."""
        for resource in resources:
            if resource not in self._informers:
                informer = Informer(self._api, resource, self._changes)
                self._informers[resource] = informer
                informer.start()
        try:
            found = [self._changes.get(timeout=wait) if wait else self._changes.get_nowait()]
        except queue.Empty:
            return []
        while not self._changes.empty():
            found.append(self._changes.get_nowait())
        return found

    def stop(self) -> None:
        """Ends the watches and waits for their threads."""
        for informer in self._informers.values():
            informer.stop()
        for informer in self._informers.values():
            informer.join()


class Informer(threading.Thread):
    """Follows one resource; knows what was there, to tell what vanished unseen."""

    def __init__(self, api: RemoteApi, resource: Resource, changes: queue.Queue[Change]) -> None:
        super().__init__(name=f"informer of {resource.plural}", daemon=True)
        self._api = api
        self._resource = resource
        self._changes = changes
        self._known: dict[str, Obj] = {}
        self._stream: Response | None = None
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Lets the thread end soon, even while it waits for the server."""
        self._stopping.set()
        connection = getattr(self._stream, "connection", None)
        if connection is not None and connection.sock is not None:
            try:
                connection.sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def run(self) -> None:
        """Lists, and then watches until the version is forgotten; again and again."""
        version = ""
        while not self._stopping.is_set():
            try:
                version = self._watch(version) if version else self._list()
            except ApiError:
                # 410 as well as whatever else: what was missed is found by a list.
                version = ""
                self._stopping.wait(PAUSE)

    def _list(self) -> str:
        listed = self._api.send("GET", self._api.path(self._resource))
        # By uid: what was made again under its name is another object, and the first one is gone.
        found = {_uid(item): item for item in self._api.items(self._resource, listed)}
        for uid in self._known.keys() - found.keys():
            self._put("DELETED", self._known[uid])
        for item in found.values():
            self._put("ADDED", item)
        return text(listed, "metadata", "resourceVersion")

    def _watch(self, version: str) -> str:
        """Passes on what a watch brings; the version from which the next one goes on."""
        import urllib3

        asked = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version}
        query = urlencode({**asked, "timeoutSeconds": WATCH_SECONDS})
        self._stream = self._api.open("GET", f"{self._api.path(self._resource)}?{query}")
        try:
            # Whoever stops this thread later shuts the stream down; whoever has, did not see it.
            lines = () if self._stopping.is_set() else _lines(self._stream)
            for line in lines:
                version = self._take(json.loads(line))
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            # Cut off, perhaps within a line: the next watch begins after the last whole one.
            self._stopping.wait(PAUSE)
        finally:
            self._stream.close()
        return version

    def _take(self, event: Obj) -> str:
        obj = section(event, "object")
        if event["type"] == "ERROR":
            raise ApiError(int(obj.get("code") or 500), obj)
        if event["type"] != "BOOKMARK":
            self._put(event["type"], obj)
        return text(obj, "metadata", "resourceVersion")

    def _put(self, event: str, obj: Obj) -> None:
        if event == "DELETED":
            self._known.pop(_uid(obj), None)
        else:
            self._known[_uid(obj)] = obj
        # The versions of different resources can't be compared: nobody asks for this one.
        self._changes.put(Change(0, event, self._resource.qualified, obj))


def _uid(obj: Obj) -> str:
    return text(obj, "metadata", "uid")


def _lines(stream: Response) -> Iterable[bytes]:
    """The lines of an answer as they come."""
    rest = b""
    for piece in stream.stream():
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
