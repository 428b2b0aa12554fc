"""How long each step of the simulated KubeVirt takes, and the waits that follow from it.

Durations only; what happens when one has passed is up to the controllers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

NEVER = float("inf")
SETTLED_RETRY = 0.5
"""Seconds between late retries at any speed: what is stuck must not burn CPU."""


@dataclass(frozen=True)
class Pace:
    """Durations in seconds at speed 1; ``speed`` divides them, ``inf`` means no delay at all.

    At speed 1 a clone of a VM without volumes takes about 0.4 s: ``pickup``, then ``snapshot``,
    then ``restore``. ``throttled`` holds back many clones at once as KubeVirt does: its clone
    controller takes in so many changes a second, and of a VM one snapshot is taken at a time.
    """

    speed: float = 1.0
    pickup: float = 0.08
    snapshot: float = 0.15
    restore: float = 0.15
    bind: float = 0.1
    slow_snapshot: float = 10.0
    freeze_retry: float = 5.0
    lock_retry: float = 5.0
    target_update: float = 0.01
    provision_retry: float = 1.0
    resync: float = 15.0
    vm_status: float = 0.0
    vm_end: float = 0.01
    power_off_grace: float = 300.0
    failure_deadline: float = 300.0
    first_retry: float = 0.005
    last_retry: float = 1000.0
    throttled: bool = False
    clock: Callable[[], float] = field(default=time.monotonic, compare=False)
    """What all waits are measured with, in seconds; a test may bring one that it sets."""

    def __post_init__(self) -> None:
        """Refuses a speed at which nothing would ever happen: ValueError."""
        if not self.speed > 0:
            raise ValueError(f"speed must be greater than 0, not {self.speed}")

    def seconds(self, duration: float) -> float:
        """How long a step of ``duration`` seconds takes at this speed."""
        # Not inf / inf, which is no number: what never ends doesn't end at infinite speed either.
        return duration if duration == NEVER else duration / self.speed

    def retry(self, failures: int) -> float:
        """Seconds until the next try after so many failures in a row: doubled each time."""
        backoff = min(self.first_retry * 2.0 ** min(failures, 30), self.last_retry)
        return max(self.seconds(backoff), min(backoff, SETTLED_RETRY))


class Timers:
    """Waits in progress, by a token such as an object's uid; each begins when first asked for."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._due: dict[str, float] = {}

    def remaining(self, token: str, duration: float) -> float:
        """Seconds left of a wait of ``duration`` seconds at speed 1; 0 or less when it is over."""
        now = self._pace.clock()
        due = self._due.setdefault(token, now + self._pace.seconds(duration))
        return due - now

    def forget(self, token: str) -> None:
        """Ends a wait, so that the next question begins it anew."""
        self._due.pop(token, None)
