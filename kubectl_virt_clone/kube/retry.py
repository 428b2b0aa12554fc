"""When a request is sent again: which answers may pass, how often, after which pause.

Whoever sends it asks here; what is said of a pause is theirs to know.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.objects.fields import at

ATTEMPTS = 4  # of a request that the server wants again later
LONGEST_DELAY = 30.0  # in seconds, that a server may ask for with Retry-After


@dataclass(frozen=True)
class Clock:
    """The monotonic time in seconds, a pause of so many, and a chance from 0 to 1."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


@dataclass(frozen=True)
class Backoff:
    """Pauses in seconds that double with each failure in a row, with jitter against herds.

    A server that has refused everything for ``patience`` seconds is not just busy.
    """

    shortest: float
    longest: float
    patience: float = 30.0

    def pause(self, failures: int, chance: float) -> float:
        """The pause after so many failures, at least 1; ``chance`` moves it by up to a quarter."""
        doubled = self.shortest * 2.0 ** min(failures - 1, 30)
        return min(doubled, self.longest) * (0.75 + chance / 2)


def retry_after(header: str, code: int) -> float | None:
    """Seconds to wait where the server asks for it (429, and 5xx with Retry-After), else None."""
    if not _asks_later(code):
        return None
    if header.isascii() and header.isdigit():
        return float(header)
    return 1.0 if code == HTTPStatus.TOO_MANY_REQUESTS else None


def may_pass(error: ConnectionFailed | StatusError) -> bool:
    """Whether a watch may go on later: no answer, an old version, too many requests, 5xx."""
    if isinstance(error, ConnectionFailed):
        return error.transient
    return error.code == HTTPStatus.GONE or _asks_later(error.code)


def is_busy(outcome: object) -> bool:
    """Whether the same request may pass soon; not where a webhook is what fails."""
    if isinstance(outcome, ConnectionFailed):
        return outcome.reset
    if not isinstance(outcome, StatusError) or "failed calling webhook" in outcome.message:
        return False
    return _asks_later(outcome.code)


def is_too_busy_to_create(outcome: object) -> bool:
    """The same for a creation: of the 500s only one that says when to come again.

    kubectl takes any other for the answer, such as that of a webhook which fails.
    """
    if isinstance(outcome, StatusError) and outcome.code == HTTPStatus.INTERNAL_SERVER_ERROR:
        return at(outcome.status, "details", "retryAfterSeconds") is not None
    return is_busy(outcome)


def _asks_later(code: int) -> bool:
    return code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR
