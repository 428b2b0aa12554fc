"""What a judgement needs, read beside the watch: the thread that waits never waits for an answer.

Questions and answers are data; what an answer means is ``clone/progress``'s to say.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from queue import Empty, Queue
from typing import TypeVar

from kubectl_virt_clone.actions.describe import events_of, surroundings_of
from kubectl_virt_clone.actions.wait.pace import Pace
from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES
from kubectl_virt_clone.clone.progress.around import Lookup, Surroundings
from kubectl_virt_clone.clone.progress.judgement import Need, target_of
from kubectl_virt_clone.clone.progress.origin import is_marked
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.paging import pages
from kubectl_virt_clone.kube.resource import FORBIDDEN, NOT_FOUND, get
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import Posted
from kubectl_virt_clone.objects.fields import Key, Object, key_of, text_at, uid_of
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

    The threads are daemons that end when there is nothing to do, or nothing more is wanted.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        put: Callable[[Posted | BaseException], None],
        stopped: threading.Event,
        pace: Pace,
    ) -> None:
        self._session = session
        self._resource = resource
        self._put = put
        self._stopped = stopped
        self._seconds = pace.aside
        self._questions: deque[Question] = deque()
        self._changed = threading.Condition()
        self._running = 0
        self._taken = 0
        self._open: set[int] = set()
        self._lists: dict[str, _Targets] = {}

    def list_targets(self, namespaces: Iterable[str]) -> None:
        """Read the targets in these namespaces in one list each, once the first is wanted."""
        for namespace in namespaces:
            self._lists[namespace] = _Targets(self._session, namespace, self._seconds)

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
            return self._target(clone)
        if question.need is Need.EVENTS:
            events = events_of(
                self._session, namespace, name, uid_of(clone), read_timeout=self._seconds
            )
            return Surroundings(events=events)
        self._confirm(clone)
        return surroundings_of(self._session, namespace, clone, read_timeout=self._seconds)

    def _confirm(self, clone: Object) -> None:
        """Raise ConnectionFailed if it is not this version any more: the watch will tell.

        Its surroundings of now would not be those of that version.
        """
        path = ("metadata", "resourceVersion")
        try:
            now = get(self._session, self._resource, *key_of(clone), read_timeout=self._seconds)
        except StatusError as error:
            if error.code != FORBIDDEN:
                raise
        else:
            if text_at(now, *path) != text_at(clone, *path):
                raise ConnectionFailed("it has changed since")

    def _target(self, clone: Object) -> Surroundings:
        """The target; and where it has no mark of the clone, the events on the clone's restore."""
        namespace, name = key_of(clone)[0], target_of(clone)
        target: Object | None = None
        if listed := self._lists.get(namespace):
            target = listed.pop(text_at(clone, "status", "targetName"))
        if target is None or not is_marked(clone, target):
            try:
                target = get(
                    self._session, VIRTUAL_MACHINES, namespace, name, read_timeout=self._seconds
                )
            except StatusError as error:
                if error.code == FORBIDDEN:
                    return Surroundings(target=Lookup(unreadable=error.message))
                if error.code != NOT_FOUND:
                    raise
                target = None
        if target is not None and is_marked(clone, target):
            return Surroundings(target=Lookup(target))
        restore = f"tmp-restore-{uid_of(clone)}"
        events = events_of(self._session, namespace, restore, "", read_timeout=self._seconds)
        return Surroundings(target=Lookup(target), events=events)


class _Targets:
    """The metadata of all VMs of a namespace, read once, by the first who wants one of them.

    None where they can't be read in a list: each is asked for by its name then.
    """

    def __init__(self, session: Session, namespace: str, seconds: float) -> None:
        self._session = session
        self._namespace = namespace
        self._seconds = seconds
        self._lock = threading.Lock()
        self._vms: dict[Key, Object] | None = None

    def pop(self, name: str) -> Object | None:
        """The VM of that name, which is given once."""
        with self._lock:
            if self._vms is None:
                self._vms = self._read()
            return self._vms.pop((self._namespace, name), None)

    def _read(self) -> dict[Key, Object]:
        read = pages(
            *(self._session, VIRTUAL_MACHINES, self._namespace),
            metadata_only=True,
            read_timeout=self._seconds,
            notice=lambda _: None,
        )
        try:
            return {key_of(vm): vm for page in read for vm in page}
        except (ConnectionFailed, StatusError):
            return {}


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
