"""When an event was last seen, and what a claim waits for."""

from datetime import datetime, timezone

import pytest

from kubectl_virt_clone.clone.progress.progress import Surroundings, last_seen
from kubectl_virt_clone.objects.resource import Listing
from tests.unit.builders import WRONG, an_event, malformed

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


LATER = {"metadata": {"name": "later"}, "volumeBindingMode": "WaitForFirstConsumer"}
AT_ONCE = {"metadata": {"name": "at-once"}, "volumeBindingMode": "Immediate"}


def waits(storage_class, *classes):
    claim = {"spec": {"storageClassName": storage_class}}
    return Surroundings(storage_classes=Listing(classes)).waits_for_consumer(claim)


@pytest.mark.parametrize(
    ("storage_class", "expected"),
    [("later", True), ("at-once", False), ("nosuch", False), ("", False), (None, False)],
)
def test_a_claim_of_a_class_that_binds_late_waits_for_its_first_consumer(storage_class, expected):
    assert waits(storage_class, AT_ONCE, LATER, {"volumeBindingMode": "WaitForFirstConsumer"}) is (
        expected
    )


def test_without_the_classes_no_claim_is_known_to_wait():
    assert waits("later") is False


def test_whatever_is_malformed_a_claim_waits_or_does_not():
    answers = {type(waits("later", broken)) for broken in [*malformed(LATER), *WRONG]}
    around = Surroundings(storage_classes=Listing((LATER,)))
    answers |= {type(around.waits_for_consumer(broken)) for broken in WRONG}
    assert answers == {bool}
