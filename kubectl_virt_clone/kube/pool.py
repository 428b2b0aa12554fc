"""Requests side by side: the one place where threads wait for answers together.

Answers come in the order of the questions; only the caller knows what they mean.
"""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from kubectl_virt_clone.errors import ExitCode, WaitInterrupted
from kubectl_virt_clone.kube.transport import Backoff, Clock

K = TypeVar("K")
T = TypeVar("T")
Outcome = tuple[Any, BaseException | None]

BACKOFF = Backoff(shortest=0.1, longest=4.0)
# How many of a few requests run side by side: each has a connection, whose handshake costs as much
# CPU as several requests.
AT_ONCE = 4
# How long to wait for answers that are under way after Ctrl-C.
LAST_ANSWERS = 5.0
# How long a signal may go unheard if it did not interrupt the thread that handles it.
A_MOMENT = 0.2


def side_by_side(calls: Mapping[K, Callable[[], Any]]) -> dict[K, Any]:
    """Make the calls, a few at once; returns each one's value under its key, in their order.

    Raises the first error in that order. The threads are daemons, so that Ctrl-C ends the program
    although a server is silent.
    """
    values = in_order(list(calls.values()), at_once=AT_ONCE)
    return dict(zip(calls, values, strict=True))


def stoppable(
    work: Callable[[], None],
    stopped: threading.Event,
    tell: Callable[[bool], str],
    *,
    alone: bool = False,
) -> None:
    """Do work that Ctrl-C and SIGTERM end between two of its steps, not within one.

    They set ``stopped``, after which the work must begin nothing new, and wait for answers under
    way; but not if it is ``alone``, a single request from this thread. Raises WaitInterrupted with
    the text of ``tell``, which learns whether all answers came.
    """
    ended = threading.Event()

    def working() -> None:
        try:
            work()
        finally:
            ended.set()

    try:
        if alone:
            work()
        else:
            side_by_side({"": working})
    except (KeyboardInterrupt, SystemExit) as end:
        stopped.set()
        code = ExitCode.TERMINATED if isinstance(end, SystemExit) else ExitCode.INTERRUPTED
        answered = not alone and ended.wait(LAST_ANSWERS)
        raise WaitInterrupted(tell(answered), code) from end


def in_order(
    calls: Sequence[Callable[[], T]],
    *,
    at_once: int,
    is_busy: Callable[[T], bool] = lambda _: False,
    seconds: float = math.inf,
    clock: Clock = Clock(),  # noqa: B008 - frozen
) -> Iterator[T]:
    """Make the calls, at most ``at_once`` at a time; yields their values in order, as they come.

    A value that shows that the server ``is_busy`` slows all of them down, and its call is repeated
    for up to ``seconds`` from now: each such value halves the limit, and each round of good ones
    adds one to it. No further call begins once the caller stops iterating.
    """
    outcomes = [queue.SimpleQueue[Outcome]() for _ in calls]
    left = list(zip(calls, outcomes, strict=True))[::-1]
    pool = _Pool(left, min(at_once, len(calls)), is_busy, clock.now() + seconds, clock)
    for _ in range(pool.most):
        threading.Thread(target=pool.work, daemon=True).start()
    try:
        for outcome in outcomes:
            value, error = _next_of(outcome)
            if error is not None:
                raise error
            yield value
    finally:
        pool.stop()


def _next_of(outcome: queue.SimpleQueue[Outcome]) -> Outcome:
    """Wait for an outcome so that Ctrl-C and SIGTERM end the wait.

    A signal that reaches another thread, or this one just before the wait, doesn't wake the thread
    that handles it: it has to look. It holds no lock that a handler could break.
    """
    while True:
        try:
            return outcome.get(timeout=A_MOMENT)
        except queue.Empty:
            continue


@dataclass
class _Pool:
    """The state of threads that take one call after the other, fewer while the server is busy."""

    left: list[tuple[Callable[[], Any], queue.SimpleQueue[Outcome]]]
    most: int
    is_busy: Callable[[Any], bool]
    last_at: float
    clock: Clock

    def __post_init__(self) -> None:
        self.lone = len(self.left) == 1
        self.good_at = self.clock.now()
        self.limit = self.most
        self.changed = threading.Condition()
        self.running = self.good = 0
        self.stopped = False

    def stop(self) -> None:
        """Begin no further call."""
        with self.changed:
            self.stopped = True
            self.left.clear()
            self.changed.notify_all()

    def work(self) -> None:
        """Make one call after the other until none is left."""
        while True:
            with self.changed:
                if not self.left:
                    return
                call, outcome = self.left.pop()
            try:
                outcome.put((self._made(call), None))
            except BaseException as error:  # noqa: BLE001 - raised again by ``in_order``
                outcome.put((None, error))

    def _made(self, call: Callable[[], Any]) -> Any:
        failures = 0
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.running < self.limit or self.stopped)
                if self.stopped:
                    raise RuntimeError("nobody waits for it any more")
                self.running += 1
            busy = False
            try:
                value = call()
                busy = not self.lone and self.is_busy(value)
            finally:
                patience = self._end(busy=busy)
            if not busy or patience <= 0:
                return value
            failures += 1
            pause = BACKOFF.pause(failures, self.clock.chance())
            self.clock.sleep(min(pause, patience))

    def _end(self, *, busy: bool) -> float:
        """Count a call as ended; returns for how many more seconds to repeat it."""
        now = self.clock.now()
        with self.changed:
            self.running -= 1
            if busy:
                self.limit, self.good = max(1, self.limit // 2), 0
            else:
                self.good, self.good_at = self.good + 1, now
                if self.good >= self.limit < self.most:
                    self.limit, self.good = self.limit + 1, 0
            self.changed.notify_all()
            last = min(self.good_at + BACKOFF.patience, self.last_at)
            return 0.0 if self.stopped else last - now
