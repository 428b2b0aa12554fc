"""Looks that take requests, beside the watch: the thread that waits never waits for an answer.

What is looked at, and what an answer means, is the caller's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from queue import Empty, Queue
from typing import Any, Generic, TypeVar

T = TypeVar("T")

AT_ONCE = 8
# Values are put in the order of the questions, unless an earlier one takes longer than this.
A_MOMENT = 0.1


class Looks:
    """Calls made by a few threads, in order; ``put`` gets each one's value, or what it raised.

    The threads are daemons that end when there is nothing to do, or nothing more is wanted.
    """

    def __init__(self, put: Callable[[Any], None], stopped: threading.Event) -> None:
        self._put = put
        self._stopped = stopped
        self._calls: deque[Callable[[], Any]] = deque()
        self._changed = threading.Condition()
        self._running = 0
        self._taken = 0
        self._open: set[int] = set()

    def ask(self, call: Callable[[], Any]) -> None:
        """Make a call as soon as one of the threads is free."""
        with self._changed:
            self._calls.append(call)
            if self._running == AT_ONCE:
                return
            self._running += 1
        threading.Thread(target=self._work, name="look", daemon=True).start()

    def _work(self) -> None:
        while taken := self._take():
            number, call = taken
            try:
                value = call()
            except BaseException as error:  # noqa: BLE001 - raised again by Watch.next
                value = error
            with self._changed:
                self._changed.wait_for(lambda: min(self._open) == number, A_MOMENT)  # noqa: B023
                self._put(value)
                self._open.discard(number)
                self._changed.notify_all()

    def _take(self) -> tuple[int, Callable[[], Any]] | None:
        with self._changed:
            if not self._calls or self._stopped.is_set():
                self._running -= 1
                return None
            self._taken += 1
            self._open.add(self._taken)
            return self._taken, self._calls.popleft()


class Once(Generic[T]):
    """A call that is made by the first who wants its value; the others wait for it."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._values: list[T] = []

    def __call__(self) -> T:
        """The value; raises what the call raises, and then the next one makes it again."""
        with self._lock:
            if not self._values:
                self._values.append(self._call())
            return self._values[0]


def within(seconds: float, call: Callable[[], T]) -> T | None:
    """The value of a call, or None where it takes longer than that; raises what it raises."""
    answers: Queue[Any] = Queue()
    Looks(answers.put, threading.Event()).ask(call)
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        return None
    if isinstance(answer, BaseException):
        raise answer
    return answer  # type: ignore[no-any-return]
