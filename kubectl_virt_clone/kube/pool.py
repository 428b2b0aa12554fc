"""Requests side by side: the one place where threads wait for answers together.

What is asked for is the caller's; the order of the answers is that of the questions.
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from kubectl_virt_clone.errors import ExitCode, WaitInterrupted

K = TypeVar("K")
T = TypeVar("T")

LONGEST_PAUSE = 4.0
# After Ctrl-C the answers that are under way are waited for this long.
LAST_ANSWERS = 5.0
# A server that has refused everything for this long is not just busy.
PATIENCE = 30.0


def side_by_side(calls: Mapping[K, Callable[[], Any]]) -> dict[K, Any]:
    """Make all calls at once; returns each one's value under its key, in the order of ``calls``.

    Raises the first error in that order, after all have ended. The threads are daemons, so that
    Ctrl-C ends the program although a server is still silent.
    """
    values: dict[K, Any] = {}
    errors: dict[K, BaseException] = {}

    def run(key: K, call: Callable[[], Any]) -> None:
        try:
            values[key] = call()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            errors[key] = error

    threads = [
        threading.Thread(target=run, args=(key, call), daemon=True) for key, call in calls.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for key in calls:
        if key in errors:
            raise errors[key]
    return {key: values[key] for key in calls}


def stoppable(
    work: Callable[[], None], stopped: threading.Event, tell: Callable[[bool], str]
) -> None:
    """Do some work that Ctrl-C and SIGTERM end between two of its steps, not within one.

    They set ``stopped``, after which the work begins nothing new; what is under way is waited for.
    Raises WaitInterrupted then, with what ``tell`` says when it hears whether all answers came.
    """
    ended = threading.Event()

    def working() -> None:
        try:
            work()
        finally:
            ended.set()

    try:
        side_by_side({"": working})
    except (KeyboardInterrupt, SystemExit) as end:
        stopped.set()
        by_signal = isinstance(end, SystemExit)
        code = ExitCode.TERMINATED if by_signal else ExitCode.INTERRUPTED
        raise WaitInterrupted(tell(ended.wait(LAST_ANSWERS)), code) from end


def alone(work: Callable[[], None], tell: Callable[[bool], str]) -> None:
    """Do work that sends one request, in this thread: Ctrl-C and SIGTERM don't wait for its answer.

    Raises WaitInterrupted then, with what ``tell`` says when it hears that no answer came.
    """
    try:
        work()
    except (KeyboardInterrupt, SystemExit) as end:
        by_signal = isinstance(end, SystemExit)
        code = ExitCode.TERMINATED if by_signal else ExitCode.INTERRUPTED
        raise WaitInterrupted(tell(False), code) from end


def in_order(
    calls: Sequence[Callable[[], T]],
    *,
    at_once: int,
    is_busy: Callable[[T], bool] = lambda _: False,
    seconds: float = math.inf,
) -> Iterator[T]:
    """Make the calls, at most ``at_once`` at a time; yields their values in order, as they come.

    A value that says that the server ``is_busy`` slows all of them down, and that call is made
    again, if not later than so many ``seconds`` from now; the limit is halved by each such value
    and grows by one with each round of good ones. Where the iteration is given up, no call begins
    any more.
    """
    pool = _Pool(calls, at_once, is_busy, time.monotonic() + seconds)
    try:
        for number in range(len(calls)):
            yield pool.value(number)
    finally:
        pool.stop()


class _Pool:
    """Threads that take one call after the other, fewer of them while the server is busy."""

    def __init__(
        self,
        calls: Sequence[Callable[[], Any]],
        at_once: int,
        is_busy: Callable[[Any], bool],
        end: float,
    ) -> None:
        self._calls = calls
        self._is_busy = is_busy
        self._last_at = end
        self._most = self._limit = max(1, min(at_once, len(calls)))
        self._changed = threading.Condition()
        self._next = 0
        self._running = 0
        self._good = 0
        self._good_at = time.monotonic()
        self._stopped = False
        self._values: dict[int, Any] = {}
        self._errors: dict[int, BaseException] = {}
        for _ in range(self._most):
            threading.Thread(target=self._work, daemon=True).start()

    def value(self, number: int) -> Any:
        """The value of a call, as soon as it is there; raises what the call raised."""
        with self._changed:
            self._changed.wait_for(lambda: number in self._values or number in self._errors)
        if number in self._errors:
            raise self._errors[number]
        return self._values.pop(number)

    def stop(self) -> None:
        """Begin no further call."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (number := self._take()) is not None:
            try:
                value = self._made(self._calls[number])
            except BaseException as error:  # noqa: BLE001 - raised again by ``value``
                self._put(self._errors, number, error)
            else:
                self._put(self._values, number, value)

    def _take(self) -> int | None:
        with self._changed:
            if self._stopped or self._next == len(self._calls):
                return None
            self._next += 1
            return self._next - 1

    def _put(self, where: dict[int, Any], number: int, value: Any) -> None:
        with self._changed:
            where[number] = value
            self._changed.notify_all()

    def _made(self, call: Callable[[], Any]) -> Any:
        """Make a call, again and again while the server is too busy for it."""
        pause = 0.1
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._running < self._limit or self._stopped)
                if self._stopped:
                    raise RuntimeError("nobody waits for it any more")
                self._running += 1
            busy = False
            try:
                value = call()
                busy = len(self._calls) > 1 and self._is_busy(value)
            finally:
                patience = self._end(busy=busy)
            if not busy or patience <= 0:
                return value
            time.sleep(min(pause * random.uniform(0.75, 1.25), patience))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE)

    def _end(self, *, busy: bool) -> float:
        """One call is over; returns for how many seconds it is worth while to make it again."""
        now = time.monotonic()
        with self._changed:
            self._running -= 1
            if busy:
                self._limit, self._good = max(1, self._limit // 2), 0
            else:
                self._good, self._good_at = self._good + 1, now
                if self._good >= self._limit < self._most:
                    self._limit, self._good = self._limit + 1, 0
            self._changed.notify_all()
            return 0.0 if self._stopped else min(self._good_at + PATIENCE, self._last_at) - now
