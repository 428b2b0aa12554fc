"""The queue of due reconciles: deduplicated, delayed, with a backoff per key.

Nothing about resources belongs here, and nothing sleeps: the loop asks what is due.
"""

from __future__ import annotations

import heapq
import itertools

from kubevirt_sandbox.kubevirt.pace import Pace

Key = tuple[str, str, str]
"""(controller, namespace, name)."""
RATE, BURST = 10.0, 100
"""Tokens a second, and those saved up: client-go's DefaultControllerRateLimiter."""


class WorkQueue:
    """Keys with the time they are due; a key is in the queue once, at its earliest time.

    One that is held back until there are tokens is in it once more, as in client-go.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._heap: list[tuple[float, int, tuple[Key, bool]]] = []
        self._due: dict[tuple[Key, bool], float] = {}
        self._token = pace.seconds(1 / RATE)
        self._spent = float("-inf")
        self._failures: dict[Key, int] = {}
        self._order = itertools.count()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: Key, due: float, *, held_back: bool = False) -> None:
        """Puts ``key`` in for the moment ``due``, unless it is in for an earlier one."""
        entry = (key, held_back)
        if self._due.get(entry, float("inf")) <= due:
            return
        self._due[entry] = due
        heapq.heappush(self._heap, (due, next(self._order), entry))

    def add_rate_limited(self, key: Key, now: float, *, cost: int) -> None:
        """Puts ``key`` in for the moment when there are tokens for it.

        They are spent even if it is in already: many changes of few objects hold up all others.
        """
        self._spent = max(self._spent, now - BURST * self._token) + cost * self._token
        self.add(key, max(now, self._spent), held_back=True)

    def count(self, key: Key, times: int) -> None:
        """Counts so many failures of ``key``, as client-go's AddRateLimited does each time."""
        self._failures[key] = self._failures.get(key, 0) + times

    def retry(self, key: Key, now: float) -> None:
        """Puts ``key`` in again after a failure, later each time."""
        delay = self._pace.retry(self._failures.get(key, 0))
        self.count(key, 1)
        self.add(key, now + delay)

    def forget(self, key: Key) -> None:
        """Ends a row of failures: the next one starts with the shortest wait."""
        self._failures.pop(key, None)

    def next_due(self) -> float:
        """When the next key is due; infinity when the queue is empty."""
        while self._heap and self._due.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else float("inf")

    def pop(self, now: float) -> Key | None:
        """Takes out the key that has been due longest, or None when none is due yet."""
        if self.next_due() > now:
            return None
        _, _, entry = heapq.heappop(self._heap)
        del self._due[entry]
        return entry[0]
