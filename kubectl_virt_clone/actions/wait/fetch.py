"""What a judgement needs, read beside the watch: the thread that waits never waits for an answer.

Questions and answers are data; ``clone/progress`` says what an answer means.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from queue import Empty, Queue
from typing import Any, TypeVar

from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES
from kubectl_virt_clone.clone.progress.around import Lookup, Surroundings
from kubectl_virt_clone.clone.progress.judgement import Need, target_of
from kubectl_virt_clone.clone.progress.provenance import is_marked, restore_name
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.resource import get, pages
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import Posted
from kubectl_virt_clone.objects.fields import Key, Object, at, key_of, name_of, uid_of
from kubectl_virt_clone.objects.resource import Resource

T = TypeVar("T")

AT_ONCE = 8
# Answers are given in the order of the questions, unless an earlier one takes longer than this.
A_MOMENT = 0.1


@dataclass(frozen=True)
class Question:
    """What is needed to judge a clone; ``turn`` counts its versions."""

    key: Key
    turn: int
    need: Need
    clone: Object


@dataclass(frozen=True)
class Answer:
    """What was found, or why there is no answer: ``unanswered``."""

    question: Question
    found: Surroundings | None = None
    unanswered: str = ""


class Fetcher:
    """Answers questions from a few threads, and posts each answer, or an unknown error.

    The threads are daemons that end when there is nothing to do, or nothing more is wanted. A
    server that is silent for ``read_timeout`` seconds gives no answer.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        put: Callable[[Posted | BaseException], None],
        stopped: threading.Event,
        read_timeout: float,
        deadline: float,
    ) -> None:
        self._session = session
        self._limits: Any = {"read_timeout": read_timeout, "deadline": deadline}
        self._resource = resource
        self._put = put
        self._stopped = stopped
        self._questions: deque[Question] = deque()
        self._changed = threading.Condition()
        self._running = 0
        self._taken = 0
        self._open: set[int] = set()
        self._lists: dict[str, _Targets] = {}

    def list_targets(self, namespaces: Iterable[str]) -> None:
        """Read the targets in these namespaces in one list each, once the first is wanted."""
        for namespace in namespaces:
            self._lists[namespace] = _Targets(self._session, namespace, self._limits)

    def ask(self, question: Question) -> None:
        """Answer a question as soon as one of the threads is free."""
        with self._changed:
            self._questions.append(question)
            if self._running == AT_ONCE:
                return
            self._running += 1
        threading.Thread(target=self._work, name="look", daemon=True).start()

    def _work(self) -> None:
        while taken := self._take():
            number, question = taken
            answer: Posted | BaseException
            try:
                answer = Posted(Answer(question, self._found(question)))
            except (ConnectionFailed, StatusError) as error:
                answer = Posted(Answer(question, unanswered=str(error)))
            except BaseException as error:  # noqa: BLE001 - raised again by Watch.next
                answer = error
            with self._changed:
                self._changed.wait_for(lambda: min(self._open) == number, A_MOMENT)  # noqa: B023
                self._put(answer)
                self._open.discard(number)
                self._changed.notify_all()

    def _take(self) -> tuple[int, Question] | None:
        with self._changed:
            if not self._questions or self._stopped.is_set():
                self._running -= 1
                return None
            self._taken += 1
            self._open.add(self._taken)
            return self._taken, self._questions.popleft()

    def _found(self, question: Question) -> Surroundings:
        """The answer; raises what kept the server from giving it: then it is to be asked again."""
        clone, (namespace, name) = question.clone, question.key
        if question.need is Need.TARGET:
            return self._target(clone, namespace)
        from kubectl_virt_clone.actions.describe import events_of, surroundings_of

        if question.need is Need.EVENTS:
            return Surroundings(
                events=events_of(self._session, namespace, name, uid_of(clone), **self._limits)
            )
        self._confirm(clone)
        return surroundings_of(self._session, namespace, clone, **self._limits)

    def _confirm(self, clone: Object) -> None:
        """Raise ConnectionFailed if there is a newer version, which the watch will tell.

        What stands around the clone now would not be what stood around this version.
        """
        version = ("metadata", "resourceVersion")
        try:
            now = get(self._session, self._resource, *key_of(clone), **self._limits)
        except StatusError as error:
            if error.code != HTTPStatus.FORBIDDEN:
                raise
        else:
            if at(now, *version) != at(clone, *version):
                raise ConnectionFailed("it has changed since")

    def _target(self, clone: Object, namespace: str) -> Surroundings:
        """The target; and where it has no mark of the clone, the events on the clone's restore."""
        name = target_of(clone)
        listed = self._lists.get(namespace)
        target = listed.pop(name) if listed else None
        if target is None or not is_marked(clone, target):
            try:
                target = get(self._session, VIRTUAL_MACHINES, namespace, name, **self._limits)
            except StatusError as error:
                if error.code == HTTPStatus.FORBIDDEN:
                    return Surroundings(target=Lookup(unreadable=error.message))
                if error.code != HTTPStatus.NOT_FOUND:
                    raise
                target = None
        if target is not None and is_marked(clone, target):
            return Surroundings(target=Lookup(target))
        from kubectl_virt_clone.actions.describe import events_of

        events = events_of(self._session, namespace, restore_name(clone), "", **self._limits)
        return Surroundings(target=Lookup(target), events=events)


class _Targets:
    """The metadata of all VMs of a namespace, in a list that the first who wants one reads.

    None where that fails: each is asked for by its name then.
    """

    def __init__(self, session: Session, namespace: str, limits: Any) -> None:
        read = partial(pages, metadata_only=True, notice=lambda _: None)
        self._pages = read(session, VIRTUAL_MACHINES, namespace, **limits)
        self._lock = threading.Lock()
        self._vms: dict[str, Object] = {}

    def pop(self, name: str) -> Object | None:
        """The VM of that name, which is given once."""
        with self._lock:
            with suppress(ConnectionFailed, StatusError):
                self._vms.update({name_of(vm): vm for page in self._pages for vm in page})
            return self._vms.pop(name, None)


def within(seconds: float, call: Callable[[], T]) -> T | None:
    """The value of a call, or None where it takes longer than that; raises what it raises."""
    answers: Queue[T | BaseException] = Queue()

    def answer() -> None:
        try:
            answers.put(call())
        except BaseException as error:  # noqa: BLE001 - raised again below
            answers.put(error)

    threading.Thread(target=answer, name="look", daemon=True).start()
    try:
        value = answers.get(timeout=seconds)
    except Empty:
        return None
    if isinstance(value, BaseException):
        raise value
    return value
