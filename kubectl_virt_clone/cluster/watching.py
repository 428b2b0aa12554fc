"""List and watch as one iterator of states that outlives what servers and networks do to it.

It knows nothing of goals: what a state means is judged by its consumer.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, Queue
from time import monotonic
from typing import Any

from kubectl_virt_clone.cluster.resources import NOT_FOUND, get, items_of, list_page, path_of
from kubectl_virt_clone.cluster.session import Query, Session
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.model.api import Resource
from kubectl_virt_clone.model.objects import Key, text_at

# A server ends a watch by itself; 5 minutes is what it keeps of history at the least.
WATCH_SECONDS = 290
# Silence for longer than the server's own end of the watch: the connection is half open.
GRACE_SECONDS = 15
# A server or proxy that ends watches at once must not be asked again without a pause.
SHORT_WATCH_SECONDS = 0.5
POLL_SECONDS = 1.0
LONGEST_PAUSE = 15.0
FORBIDDEN, GONE, TOO_MANY_REQUESTS, SERVER_ERROR = 403, 410, 429, 500


@dataclass(frozen=True)
class Listed:
    """All objects of a namespace as they are now: a name that is missing here does not exist."""

    namespace: str
    objects: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Changed:
    """One object's new version; ``deleted`` when it was its last."""

    object: dict[str, Any]
    deleted: bool = False


@dataclass(frozen=True)
class Notice:
    """Something about the watch itself that the user should know, said once."""

    text: str


Change = Listed | Changed | Notice


class Watch:
    """What the threads that follow one namespace each have found; read it with ``next``."""

    def __init__(self) -> None:
        self.found: Queue[Change | BaseException] = Queue()
        self.stopped = threading.Event()
        self.trouble = ""
        """Why the last attempt to reach the server failed; empty while it answers."""

    def next(self, timeout: float) -> Change | None:
        """The next change, or None after ``timeout`` seconds without one.

        Raises the error that ended a watch for good: forbidden, unauthorized, no such resource.
        """
        try:
            change = self.found.get(timeout=max(timeout, 0))
        except Empty:
            return None
        if isinstance(change, BaseException):
            raise change
        return change


@contextmanager
def watching(session: Session, resource: Resource, keys: Iterable[Key]) -> Iterator[Watch]:
    """Follow the objects of these keys, with one list and one watch per namespace.

    Stops at the end without waiting for the server.
    """
    watch = Watch()
    names: dict[str, list[str]] = {}
    for namespace, name in keys:
        names.setdefault(namespace, []).append(name)
    for namespace, listed in names.items():
        follower = _Follower(watch, session, resource, namespace, tuple(listed))
        # A daemon, for it may sit in a read of the socket when the program is done.
        threading.Thread(target=follower.run, name=f"watch-{namespace}", daemon=True).start()
    try:
        yield watch
    finally:
        watch.stopped.set()


class _Follower:
    """Follows the objects of one namespace, from a thread of its own.

    ``names`` narrow the watch to one object, and are asked for one by one where listing is
    forbidden.
    """

    def __init__(
        self,
        watch: Watch,
        session: Session,
        resource: Resource,
        namespace: str,
        names: tuple[str, ...],
    ) -> None:
        self._shared = watch
        self._put = watch.found.put
        self._stopped = watch.stopped
        self._noticed: set[str] = set()
        self._session = session
        self._resource = resource
        self._namespace = namespace
        self._names = names

    def run(self) -> None:
        """Follow until stopped, or until an error that no later attempt can cure."""
        pause = 0.0
        while not self._stopped.wait(pause):
            began = monotonic()
            try:
                self._follow()
            except (ConnectionFailed, StatusError) as error:
                if not _may_pass(error):
                    self._put(error)
                    return
                if monotonic() - began > LONGEST_PAUSE:
                    pause = 0.0  # it went well for a while: this is not the trouble of before
                self._note(error, again=pause > 0)
                pause = _longer(pause)
            except BaseException as error:  # noqa: BLE001 - raised again by Watch.next
                self._put(error)
                return

    def _note(self, error: ConnectionFailed | StatusError, *, again: bool) -> None:
        """Remember what is wrong; said where it is still so at the second attempt."""
        if not (isinstance(error, StatusError) and error.code == GONE):
            self._shared.trouble = str(error)
            if again:
                self._notice(f"{error} (trying again)")

    def _notice(self, text: str) -> None:
        """Say something once."""
        if text not in self._noticed:
            self._noticed.add(text)
            self._put(Notice(text))

    def _listed(self, objects: Iterable[dict[str, Any]]) -> None:
        self._shared.trouble = ""
        self._put(Listed(self._namespace, tuple(objects)))

    def _follow(self) -> None:
        """List, then watch from there until the server says that the version is too old."""
        try:
            page = list_page(self._session, self._resource, self._namespace, self._selector)
        except StatusError as error:
            if error.code != FORBIDDEN:
                raise
            self._poll_each()
            return
        self._listed(items_of(page))
        version = text_at(page, "metadata", "resourceVersion")
        try:
            while not self._stopped.is_set():
                opened = monotonic()
                version = self._watch(version)
                if monotonic() - opened < SHORT_WATCH_SECONDS:
                    self._stopped.wait(SHORT_WATCH_SECONDS)
        except StatusError as error:
            if error.code != FORBIDDEN:
                raise
            self._poll_list()

    @property
    def _selector(self) -> Query:
        if len(self._names) == 1:
            return [("fieldSelector", f"metadata.name={self._names[0]}")]
        return []

    def _watch(self, version: str) -> str:
        """Watch from ``version`` until the stream ends; returns the version to go on from."""
        query = [
            *self._selector,
            ("watch", "true"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(WATCH_SECONDS)),
        ]
        path = path_of(self._resource, self._namespace)
        silence = WATCH_SECONDS + GRACE_SECONDS
        with self._session.stream(path, query=query, read_timeout=silence) as lines:
            for line in lines:
                if self._stopped.is_set():
                    break
                event = _event(line)
                obj = event.get("object")
                if not isinstance(obj, dict):
                    continue
                if event.get("type") == "ERROR":
                    raise StatusError(obj, _code(obj))
                version = text_at(obj, "metadata", "resourceVersion") or version
                if event.get("type") != "BOOKMARK":
                    self._put(Changed(obj, deleted=event.get("type") == "DELETED"))
        return version

    def _poll_list(self) -> None:
        self._notice(f"watching {self._resource.plural} is forbidden: polling instead")
        while not self._stopped.wait(POLL_SECONDS):
            page = list_page(self._session, self._resource, self._namespace, self._selector)
            self._listed(items_of(page))

    def _poll_each(self) -> None:
        """Ask for each object by name, where listing is forbidden but reading one is not."""
        self._listed(self._read_each())
        self._notice(f"listing {self._resource.plural} is forbidden: polling instead")
        while not self._stopped.wait(POLL_SECONDS):
            self._listed(self._read_each())

    def _read_each(self) -> tuple[dict[str, Any], ...]:
        found = []
        for name in self._names:
            try:
                found.append(get(self._session, self._resource, self._namespace, name))
            except StatusError as error:
                if error.code != NOT_FOUND:
                    raise
        return tuple(found)


def _may_pass(error: ConnectionFailed | StatusError) -> bool:
    """Whether a later attempt may succeed: no answer, an old version, too many requests, 5xx."""
    if isinstance(error, ConnectionFailed):
        return error.transient
    return error.code in (GONE, TOO_MANY_REQUESTS) or error.code >= SERVER_ERROR


def _event(line: bytes) -> dict[str, Any]:
    """Decode one line of a watch; half a line means that the connection broke in it."""
    try:
        event = json.loads(line)
    except ValueError as error:
        raise ConnectionFailed("the watch broke off in the midst of an event") from error
    return event if isinstance(event, dict) else {}


def _code(status: dict[str, Any]) -> int:
    code = status.get("code")
    return code if isinstance(code, int) else SERVER_ERROR


def _longer(pause: float) -> float:
    """The next pause after a failure: doubling from about 0.2 s, with jitter against herds."""
    return min(max(pause * 2, 0.2), LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311
