"""List and watch as one iterator of states that outlives what servers and networks do to it.

Knows nothing of goals: its consumer judges what a state means.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from queue import Empty, Queue
from typing import Any

from kubectl_virt_clone.errors import ConnectionFailed, Deferred, StatusError
from kubectl_virt_clone.kube.resource import get, items_of, path_of
from kubectl_virt_clone.kube.transport import Backoff, Query, Session, may_pass, read_json
from kubectl_virt_clone.objects.fields import name_of, text_at
from kubectl_virt_clone.objects.resource import Resource

# The server ends a watch after this time, for which a half-open connection may go unnoticed.
WATCH_SECONDS = 60
# Silence for longer than that means that the connection is half open.
GRACE_SECONDS = 15
# Pause before asking a server or proxy again that ends watches at once.
SHORT_WATCH_SECONDS = 0.5
POLL_SECONDS = 1.0
BACKOFF = Backoff(shortest=0.2, longest=15.0)


@dataclass(frozen=True)
class Scope:
    """The objects of a resource to follow, in a namespace or, if it is empty, in all of them.

    ``names`` narrow it: a single one is all that is asked for, and where listing is forbidden, each
    is asked for by its name. ``selector`` narrows every list and watch; ``first`` only chooses what
    to begin with: an object whose labels change later is still the same object.
    ``page_size`` is the number of objects per request, 0 for all at once.
    """

    resource: Resource
    namespace: str
    names: tuple[str, ...] = ()
    selector: Query = ()
    first: Query = ()
    page_size: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """The kind of its objects, and their namespace."""
        return self.resource.kind, self.namespace


@dataclass(frozen=True)
class Listed:
    """A page of a list; after the ``last`` one, objects that were on no page don't exist.

    The first page after a break has ``first``: forget the state before it.
    """

    scope: Scope
    objects: tuple[dict[str, Any], ...]
    first: bool = True
    last: bool = True


@dataclass(frozen=True)
class Changed:
    """One object's new version; ``deleted`` if it was its last."""

    scope: Scope
    object: dict[str, Any]
    deleted: bool = False


@dataclass(frozen=True)
class Notice:
    """Something about the watch itself that the user should know, said once."""

    text: str


@dataclass(frozen=True)
class Unreadable:
    """A scope, followed ``in_passing``, that can't be followed, and why."""

    scope: Scope
    why: str


@dataclass(frozen=True)
class Posted:
    """A value that another thread of the consumer adds to the changes."""

    value: Any


Change = Listed | Changed | Notice | Unreadable | Posted


class Watch:
    """What the threads that follow one scope each have found; read it with ``next``.

    ``troubles``: by a scope's place, why the last attempt to reach it failed, while it does.
    ``deferred``: scopes that the server wants to be asked for after the deadline.
    """

    def __init__(self, session: Session, deadline: float) -> None:
        self.session = session
        self.deadline = deadline
        self.found: Queue[Change | BaseException] = Queue()
        self.stopped = threading.Event()
        self.troubles: dict[tuple[str, str], str] = {}
        self.deferred: set[Scope] = set()

    @property
    def trouble(self) -> str:
        """The trouble with one of the scopes; empty while all are well."""
        return next(iter(self.troubles.copy().values()), "")

    def follow(self, scope: Scope, *, in_passing: bool = False) -> None:
        """Begin to follow a scope, from a thread of its own.

        ``in_passing``: its changes are only good to know; trouble with it doesn't end the watch.
        """
        follower = _Follower(self, scope, in_passing=in_passing)
        # A daemon: it may still read from a socket when the program ends.
        name = f"watch-{scope.resource.plural}"
        threading.Thread(target=follower.run, name=name, daemon=True).start()

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
def watching(
    session: Session, scopes: Iterable[Scope], *, deadline: float = math.inf
) -> Iterator[Watch]:
    """Follow the ``scopes``, with one list and one watch for each.

    The ``deadline`` is a time of the monotonic clock. Stops at the end without waiting for the
    server.
    """
    watch = Watch(session, deadline)
    for scope in scopes:
        watch.follow(scope)
    try:
        yield watch
    finally:
        watch.stopped.set()


class _Follower:
    def __init__(self, watch: Watch, scope: Scope, *, in_passing: bool) -> None:
        self._shared = watch
        self._put = watch.found.put
        self._stopped = watch.stopped
        self._scope = scope
        self._in_passing = in_passing
        self._noticed: set[str] = set()
        self._names = scope.names
        self._version = ""  # to watch from; empty until there is a list
        self._listed_once = False
        self._in_pages = bool(scope.page_size)
        self._heard = False  # whether a watch had an event since the last trouble

    def run(self) -> None:
        """Follow until stopped, or until an error that no later attempt can cure."""
        now, chance = self._shared.session.clock.now, self._shared.session.clock.chance
        pause, failures = 0.0, 0
        while not self._stopped.wait(pause):
            began = now()
            try:
                self._follow()
            except Deferred as error:
                self._note(error, again=False)
                self._shared.deferred.add(self._scope)
                return
            except BaseException as error:  # noqa: BLE001 - raised again by Watch.next
                if not isinstance(error, (ConnectionFailed, StatusError)) or not may_pass(error):
                    why = error.message if isinstance(error, StatusError) else str(error)
                    self._put(Unreadable(self._scope, why) if self._in_passing else error)
                    return
                if now() - began > (pause if self._heard else BACKOFF.longest):
                    failures = 0  # it went well for a while: this is a new trouble
                self._heard = False
                self._note(error, again=failures > 0)
                failures += 1
                pause = BACKOFF.pause(failures, chance())
            else:
                pause = 0.0 if now() - began > SHORT_WATCH_SECONDS else SHORT_WATCH_SECONDS
                failures = 0

    def _note(self, error: ConnectionFailed | StatusError, *, again: bool) -> None:
        """Remember the trouble; say it if the second attempt fails, too."""
        if isinstance(error, StatusError) and error.code == HTTPStatus.GONE:
            self._version = ""
        elif not self._in_passing:
            self._shared.troubles[self._scope.place] = str(error)
            if again:
                self._notice(f"{error} (trying again)")

    def _notice(self, text: str) -> None:
        if text not in self._noticed and not self._in_passing:
            self._noticed.add(text)
            self._put(Notice(text))

    def _well(self) -> None:
        self._shared.troubles.pop(self._scope.place, None)

    def _follow(self) -> None:
        """List if need be, then watch from there until the stream ends.

        A watch that broke off goes on from its last event: there is a new list only if the server
        has forgotten that one. Polls where reading is allowed, but not listing or watching.
        """
        if not self._version:
            try:
                self._list()
            except StatusError as error:
                if error.code != HTTPStatus.FORBIDDEN or not self._names:
                    raise
                self._read_each()
                return self._poll("listing", self._read_each)
        try:
            return self._watch()
        except StatusError as error:
            if error.code != HTTPStatus.FORBIDDEN:
                raise
            return self._poll("watching", self._list)

    def _poll(self, forbidden: str, read: Callable[[], None]) -> None:
        self._notice(f"{forbidden} {self._scope.resource.plural} is forbidden: polling instead")
        while not self._stopped.wait(POLL_SECONDS):
            read()

    def _list(self) -> None:
        scope, session = self._scope, self._shared.session
        path, deadline = path_of(scope.resource, scope.namespace), self._shared.deadline
        query = [*self._selector, *(() if self._listed_once else scope.first)]
        if self._in_pages:
            query.append(("limit", str(scope.page_size)))
        names: list[str] = []
        token, first = "", True
        while first or token:
            more = [("continue", token)] if token else []
            try:
                page = session.request("GET", path, query=[*query, *more], deadline=deadline)
            except StatusError as error:
                # As in client-go: all at once if it takes longer than the server keeps a version.
                self._in_pages = self._in_pages and not (more and error.code == HTTPStatus.GONE)
                raise
            objects = items_of(page)
            names += map(name_of, objects)
            token = text_at(page, "metadata", "continue")
            self._well()
            self._put(Listed(scope, tuple(objects), first=first, last=not token))
            first = False
        if scope.first and scope.namespace and not self._listed_once:
            self._names = tuple(names)
        self._listed_once, self._in_pages = True, bool(scope.page_size)
        self._version = text_at(page, "metadata", "resourceVersion")

    @property
    def _selector(self) -> list[tuple[str, str]]:
        if len(self._names) != 1:
            return list(self._scope.selector)
        return [*self._scope.selector, ("fieldSelector", f"metadata.name={self._names[0]}")]

    def _watch(self) -> None:
        query = [("watch", "true"), ("resourceVersion", self._version)]
        query += [("allowWatchBookmarks", "true"), ("timeoutSeconds", str(WATCH_SECONDS))]
        with self._shared.session.stream(
            path_of(self._scope.resource, self._scope.namespace),
            query=[*self._selector, *query],
            read_timeout=WATCH_SECONDS + GRACE_SECONDS,
            deadline=self._shared.deadline,
        ) as lines:
            self._well()
            for line in lines:
                if self._stopped.is_set():
                    return
                event = _event(line)
                obj = event.get("object")
                if not isinstance(obj, dict):
                    continue
                if event.get("type") == "ERROR":
                    code = obj.get("code")
                    if code == HTTPStatus.UNAUTHORIZED:
                        return  # the next request renews the credentials, or fails for good
                    unknown = HTTPStatus.INTERNAL_SERVER_ERROR
                    raise StatusError(obj, code if isinstance(code, int) else unknown)
                self._heard = True
                self._version = text_at(obj, "metadata", "resourceVersion") or self._version
                if event.get("type") != "BOOKMARK":
                    self._put(Changed(self._scope, obj, deleted=event.get("type") == "DELETED"))

    def _read_each(self) -> None:
        scope, session, found = self._scope, self._shared.session, []
        read = partial(get, session, scope.resource, deadline=self._shared.deadline)
        for name in self._names:
            try:
                found.append(read(namespace=scope.namespace, name=name))
            except StatusError as error:
                if error.code != HTTPStatus.NOT_FOUND:
                    raise
        self._well()
        self._put(Listed(scope, tuple(found)))


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = read_json(line)
    except ValueError as error:
        raise ConnectionFailed("the watch broke off in the middle of an event") from error
    return event if isinstance(event, dict) else {}
