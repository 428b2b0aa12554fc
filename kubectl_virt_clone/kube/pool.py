"""Requests side by side: the one place where threads wait for answers together.

What is asked for is the caller's; the order of the answers is that of the questions.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from kubectl_virt_clone.errors import ExitCode, WaitInterrupted
from kubectl_virt_clone.kube.transport import Backoff, Clock

K = TypeVar("K")
T = TypeVar("T")

BACKOFF = Backoff(shortest=0.1, longest=4.0)
# After Ctrl-C the answers that are under way are waited for this long.
LAST_ANSWERS = 5.0
# For so long a signal may go unheard that did not interrupt the thread which handles it.
A_MOMENT = 0.2


def side_by_side(calls: Mapping[K, Callable[[], Any]]) -> dict[K, Any]:
    """Make all calls at once; returns each one's value under its key, in the order of ``calls``.

    Raises the first error in that order, after all have ended. The threads are daemons, so that
    Ctrl-C ends the program although a server is still silent.
    """
    values: dict[K, Any] = {}
    errors: dict[K, BaseException] = {}
    ended: queue.SimpleQueue[K] = queue.SimpleQueue()

    def run(key: K, call: Callable[[], Any]) -> None:
        try:
            values[key] = call()
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            errors[key] = error
        ended.put(key)

    for key, call in calls.items():
        threading.Thread(target=run, args=(key, call), daemon=True).start()
    for _ in calls:
        _next_of(ended)
    for key in calls:
        if key in errors:
            raise errors[key]
    return {key: values[key] for key in calls}


def _next_of(ended: queue.SimpleQueue[T]) -> T:
    """The next item of a queue, waited for in such a way that Ctrl-C and SIGTERM end the wait.

    The thread that handles signals is not woken by one that reached another thread, or itself just
    before it began to wait: it has to look. And it holds no lock that a handler could tear open.
    """
    while True:
        try:
            return ended.get(timeout=A_MOMENT)
        except queue.Empty:
            continue


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
    backoff: Backoff = BACKOFF,
    clock: Clock = Clock(),  # noqa: B008 - frozen
) -> Iterator[T]:
    """Make the calls, at most ``at_once`` at a time; yields their values in order, as they come.

    A value that says that the server ``is_busy`` slows all of them down, and that call is made
    again, if not later than so many ``seconds`` from now; the limit is halved by each such value
    and grows by one with each round of good ones. Where the iteration is given up, no call begins
    any more.
    """
    pool = _Pool(calls, at_once, is_busy, seconds, backoff, clock)
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
        seconds: float,
        backoff: Backoff,
        clock: Clock,
    ) -> None:
        self._calls = calls
        self._is_busy = is_busy
        self._backoff = backoff
        self._clock = clock
        self._good_at = clock.now()
        self._last_at = self._good_at + seconds
        self._most = self._limit = max(1, min(at_once, len(calls)))
        self._changed = threading.Condition()
        self._next = 0
        self._running = 0
        self._good = 0
        self._stopped = False
        self._ended: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
        self._values: dict[int, tuple[Any, BaseException | None]] = {}
        for _ in range(self._most):
            threading.Thread(target=self._work, daemon=True).start()

    def value(self, number: int) -> Any:
        """The value of a call, as soon as it is there; raises what the call raised."""
        while number not in self._values:
            key, value, error = _next_of(self._ended)
            self._values[key] = value, error
        value, error = self._values.pop(number)
        if error is not None:
            raise error
        return value

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
                self._ended.put((number, None, error))
            else:
                self._ended.put((number, value, None))

    def _take(self) -> int | None:
        with self._changed:
            if self._stopped or self._next == len(self._calls):
                return None
            self._next += 1
            return self._next - 1

    def _made(self, call: Callable[[], Any]) -> Any:
        """Make a call, again and again while the server is too busy for it."""
        failures = 0
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
            failures += 1
            pause = self._backoff.pause(failures, self._clock.chance())
            self._clock.sleep(min(pause, patience))

    def _end(self, *, busy: bool) -> float:
        """One call is over; returns for how many seconds it is worth while to make it again."""
        now = self._clock.now()
        with self._changed:
            self._running -= 1
            if busy:
                self._limit, self._good = max(1, self._limit // 2), 0
            else:
                self._good, self._good_at = self._good + 1, now
                if self._good >= self._limit < self._most:
                    self._limit, self._good = self._limit + 1, 0
            self._changed.notify_all()
            last = min(self._good_at + self._backoff.patience, self._last_at)
            return 0.0 if self._stopped else last - now
