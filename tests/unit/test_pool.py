"""Requests side by side: a signal ends the wait for them, whichever thread it reaches."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from kubectl_virt_clone.kube.pool import in_order, side_by_side
from kubectl_virt_clone.kube.transport import Clock

PATIENCE = 20.0
Wait = Callable[[Callable[[], str]], object]
WAITS: dict[str, Wait] = {
    "side by side": lambda call: side_by_side({"a": call}),
    "in order": lambda call: list(in_order([call], at_once=1)),
}


def until_it_waits(thread: threading.Thread) -> None:
    """Look until a thread has stood at the same place for a while."""
    still, place = 0, (0, 0)
    while still < 20:
        time.sleep(0.005)
        frame = sys._current_frames()[thread.ident or 0]
        seen = (id(frame), frame.f_lasti)
        still, place = (still + 1 if seen == place else 0), seen


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_ctrl_c_that_reaches_another_thread_ends_the_wait(wait: Wait) -> None:
    given_up = threading.Event()
    late: list[str] = []

    def silent() -> str:
        until_it_waits(threading.main_thread())
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        if not given_up.wait(PATIENCE):
            late.append("the wait has lasted until the answer came")
        return ""

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            wait(silent)
    finally:
        given_up.set()
        signal.signal(signal.SIGINT, before)
    assert late == []


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
def test_what_a_call_raises_is_raised_where_it_is_waited_for(wait: Wait) -> None:
    def broken() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        wait(broken)


def test_values_come_in_the_order_of_the_calls_whichever_is_first() -> None:
    second = threading.Event()

    def first() -> str:
        assert second.wait(PATIENCE)
        return "first"

    def later() -> str:
        second.set()
        return "second"

    assert list(in_order([first, later], at_once=2)) == ["first", "second"]
    second.clear()
    assert side_by_side({"a": first, "b": later}) == {"a": "first", "b": "second"}


@pytest.mark.parametrize(("seconds", "last"), [(0.3, 0.3), (7.0, 7.0), (math.inf, 30.0)])
def test_a_busy_server_is_asked_again_until_the_time_is_up(seconds: float, last: float) -> None:
    now = [0.0]
    tried: dict[str, list[float]] = {"first": [], "second": []}

    def sleep(pause: float) -> None:
        now[0] += pause

    def asked(name: str) -> str:
        tried[name].append(round(now[0], 6))
        return name

    calls = [partial(asked, name) for name in tried]
    values = in_order(
        calls,
        at_once=1,
        is_busy=lambda _: True,
        seconds=seconds,
        clock=Clock(now=lambda: now[0], sleep=sleep),
    )

    assert list(values) == ["first", "second"]
    assert (tried["first"][0], tried["first"][-1], tried["second"]) == (0, last, [last])
    assert len(tried["first"]) > 2
