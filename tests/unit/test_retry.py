"""When a request is sent again, and after which pause; the clock and the dice are arguments."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest

from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.pool import in_order
from kubectl_virt_clone.kube.transport import Backoff, Clock, is_busy, may_pass, retry_after

BUSY = StatusError({}, 503)


def test_pauses_double_up_to_the_longest_and_differ_by_a_quarter_at_most() -> None:
    backoff = Backoff(shortest=0.2, longest=15.0)

    even = [backoff.pause(failures, 0.5) for failures in (1, 2, 3, 7, 8, 10**6)]

    assert even == [0.2, 0.4, 0.8, 12.8, 15.0, 15.0]
    assert [backoff.pause(8, chance) for chance in (0.0, 1.0)] == [11.25, 18.75]


@pytest.mark.parametrize(
    ("header", "code", "seconds"),
    [
        ("", 429, 1.0),
        ("7", 429, 7.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 429, 1.0),
        ("²", 429, 1.0),
        ("7", 500, 7.0),
        ("", 503, None),
        ("7", 499, None),
        ("7", 410, None),
    ],
)
def test_a_server_is_asked_again_after_the_time_it_names(
    header: str, code: int, seconds: float | None
) -> None:
    assert retry_after(header, code) == seconds


@pytest.mark.parametrize(
    ("error", "watch", "call"),
    [
        (ConnectionFailed("refused"), True, False),
        (ConnectionFailed("reset", reset=True), True, True),
        (ConnectionFailed("x509", transient=False), False, False),
        (StatusError({}, 403), False, False),
        (StatusError({}, 410), True, False),
        (StatusError({}, 429), True, True),
        (StatusError({}, 500), True, True),
        (StatusError({"message": "failed calling webhook"}, 500), True, False),
        (StatusError({"message": "failed calling webhook"}, 429), True, False),
    ],
)
def test_what_may_pass_for_a_watch_is_not_always_worth_another_call(
    error: ConnectionFailed | StatusError, watch: bool, call: bool
) -> None:
    assert (may_pass(error), is_busy(error)) == (watch, call)


class Time:
    """A clock on which only pauses take time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    @property
    def clock(self) -> Clock:
        return Clock(lambda: sum(self.slept), self.slept.append, lambda: 0.5)


def refusing(times: float) -> Callable[[], StatusError | int]:
    calls = count(1)
    return lambda: BUSY if next(calls) <= times else 1


def test_a_busy_server_is_asked_until_it_has_refused_everything_for_the_patience() -> None:
    time = Time()
    calls = [refusing(float("inf")), refusing(0)]

    values = list(in_order(calls, at_once=1, is_busy=is_busy, clock=time.clock))

    assert (values, sum(time.slept)) == ([BUSY, 1], 30.0)
    assert [round(pause, 6) for pause in time.slept] == [
        *(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 4.0, 4.0, 4.0, 4.0, 4.0, 3.7),
    ]


def test_no_call_is_made_again_when_the_time_is_up() -> None:
    time = Time()
    calls = [refusing(2), refusing(float("inf"))]

    values = list(in_order(calls, at_once=1, is_busy=is_busy, seconds=0.5, clock=time.clock))

    assert values == [1, BUSY]
    assert [round(pause, 6) for pause in time.slept] == [0.1, 0.2, 0.1, 0.1]


def test_a_lone_call_is_made_once() -> None:
    assert list(in_order([refusing(1)], at_once=8, is_busy=is_busy)) == [BUSY]
