"""When an event was last seen, whichever of its time fields is set."""

from datetime import datetime, timezone

import pytest

from kubectl_virt_clone.model.surroundings import last_seen
from tests.unit.builders import WRONG, an_event

EARLY, LATE = "2026-11-22T07:54:15Z", "2026-11-22T07:55:00Z"


@pytest.mark.parametrize(
    ("changes", "minute"),
    [
        ({"lastTimestamp": LATE}, 55),
        ({"lastTimestamp": None, "eventTime": "2026-11-22T07:55:00.000000Z"}, 55),
        ({"lastTimestamp": None, "series": {"lastObservedTime": LATE}, "eventTime": EARLY}, 55),
        ({"lastTimestamp": None}, 54),
        ({"lastTimestamp": "soon", "series": "text", "eventTime": 5}, 54),
    ],
)
def test_an_event_was_last_seen_at_the_best_known_of_its_times(changes, minute):
    event = {**an_event("SnapshotReady", "ready"), **changes}
    moment = last_seen(event)
    assert moment == datetime(
        2026, 11, 22, 7, minute, 15 if minute == 54 else 0, tzinfo=timezone.utc
    )


@pytest.mark.parametrize("event", WRONG)
def test_an_event_without_any_time_was_never_seen(event):
    assert last_seen(event) is None
