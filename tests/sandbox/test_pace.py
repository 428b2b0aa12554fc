"""How fast the simulated KubeVirt goes, and the queue that holds it to that."""

from __future__ import annotations

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace, Timers
from kubevirt_sandbox.kubevirt.workqueue import WorkQueue

INFINITE = float("inf")
ONE, TWO = ("c", "default", "one"), ("c", "default", "two")


@pytest.mark.parametrize(("speed", "seconds"), [(1, 2.0), (10, 0.2), (0.1, 20.0), (INFINITE, 0.0)])
def test_speed_divides_every_duration(speed: float, seconds: float) -> None:
    assert Pace(speed=speed).seconds(2) == pytest.approx(seconds)


def test_what_takes_for_ever_does_so_at_any_speed() -> None:
    assert Pace(speed=INFINITE).seconds(INFINITE) == INFINITE


def test_a_plain_clone_takes_about_four_tenths_of_a_second() -> None:
    pace = Pace()
    assert pace.pickup + pace.snapshot + pace.restore == pytest.approx(0.4, abs=0.05)


@pytest.mark.parametrize("speed", [0, -1, float("nan")])
def test_a_speed_that_gets_nowhere_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be greater than 0"):
        Pace(speed=speed)


@pytest.mark.parametrize(
    ("speed", "failures", "seconds"),
    [
        (1, 0, 0.005),
        (1, 3, 0.04),
        (1, 30, 1000.0),
        (0.5, 30, 2000.0),
        (INFINITE, 0, 0.005),
        (INFINITE, 30, 0.5),
        (1000, 1000, 1.0),
    ],
)
def test_retries_back_off_but_never_spin(speed: float, failures: int, seconds: float) -> None:
    assert Pace(speed=speed).retry(failures) == pytest.approx(seconds)


def test_a_timer_begins_when_it_is_first_asked_for() -> None:
    timers = Timers(Pace())
    first = timers.remaining("x", 100)
    assert 99 < timers.remaining("x", 1) <= first <= 100
    timers.forget("x")
    assert timers.remaining("x", 1) <= 1
    assert Timers(Pace(speed=INFINITE)).remaining("x", 100) <= 0


def test_a_key_is_queued_once_at_its_earliest_time() -> None:
    queue = WorkQueue(Pace())
    queue.add(ONE, 5.0)
    queue.add(ONE, 2.0)
    queue.add(ONE, 3.0)
    queue.add(TWO, 1.0)
    assert (len(queue), queue.next_due()) == (2, 1.0)
    assert queue.pop(0.5) is None
    assert [queue.pop(9.0), queue.pop(9.0), queue.pop(9.0)] == [TWO, ONE, None]
    assert queue.next_due() == INFINITE


def test_keys_of_one_moment_come_in_the_order_they_were_added() -> None:
    queue = WorkQueue(Pace())
    queue.add(TWO, 1.0)
    queue.add(ONE, 1.0)
    assert [queue.pop(1.0), queue.pop(1.0)] == [TWO, ONE]


def test_retries_of_a_key_wait_longer_until_it_is_forgotten() -> None:
    queue = WorkQueue(Pace())
    waits = []
    for _ in range(3):
        queue.retry(ONE, 0.0)
        waits.append(queue.next_due())
        queue.pop(INFINITE)
    assert waits == pytest.approx([0.005, 0.01, 0.02])
    queue.forget(ONE)
    queue.retry(ONE, 0.0)
    assert queue.next_due() == pytest.approx(0.005)


def test_what_counts_as_a_failure_makes_the_next_retry_later() -> None:
    # Recording 09: ten refused restores in twelve seconds, not twelve.
    queue = WorkQueue(Pace())
    queue.count(ONE, 2)
    queue.retry(ONE, 0.0)
    assert queue.next_due() == pytest.approx(0.02)
