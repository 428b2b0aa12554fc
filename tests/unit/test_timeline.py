"""When a clone took its steps, and since when it is in its phase."""

from datetime import datetime, timezone

import pytest

from kubectl_virt_clone.clone.progress.progress import Surroundings
from kubectl_virt_clone.clone.progress.timeline import Step, phase_since, steps_of
from kubectl_virt_clone.objects.resource import Lookup
from kubectl_virt_clone.render.description import phase_line, timeline
from tests.unit.builders import (
    NOW,
    WRONG,
    a_clone,
    a_condition,
    a_restore,
    a_snapshot,
    an_event,
    malformed,
    surroundings,
    without,
)

BACKEND = "Clone of source with backendstorage is not supported: VM default/vm-tpm"


def at_second(second):
    return f"2026-11-22T07:54:{second:02}Z"


def moment(second):
    return datetime(2026, 11, 22, 7, 54, second, tzinfo=timezone.utc)


def happened(reason, second, **given):
    return an_event(reason, "", **{"first": at_second(second), "last": at_second(55), **given})


SUCCESS = (
    happened("SnapshotCreated", 15),
    happened("SnapshotReady", 18, count=2),
    happened("RestoreCreated", 18),
    happened("RestoreReady", 30),
    happened("TargetVMCreated", 31),
    happened("PVCBound", 40),
)  # the events of recording 01, at a slower pace


def since(clone, around):
    return phase_since(clone, steps_of(clone, around))


def test_the_events_tell_when_each_step_was_done_and_how_long_it_took():
    assert steps_of(a_clone(), surroundings(events=SUCCESS)) == (
        Step("Created", moment(15), None),
        Step("SnapshotCreated", moment(15), 0.0),
        Step("SnapshotReady", moment(18), 3.0),
        Step("RestoreCreated", moment(18), 0.0),
        Step("RestoreReady", moment(30), 12.0),
        Step("TargetVMCreated", moment(31), 1.0),
        Step("PVCBound", moment(40), 9.0),
    )


def test_a_step_of_which_nothing_tells_is_left_out():
    assert steps_of(a_clone(), surroundings(events=SUCCESS[4:5])) == (
        Step("Created", moment(15), None),
        Step("TargetVMCreated", moment(31), 16.0),
    )


def test_a_clone_without_a_creation_time_begins_with_what_is_known():
    clone = without(a_clone(), "metadata", "creationTimestamp")
    assert steps_of(clone, surroundings(events=SUCCESS[:2])) == (
        Step("SnapshotCreated", moment(15), None),
        Step("SnapshotReady", moment(18), 3.0),
    )


@pytest.mark.parametrize(
    ("changes", "second"),
    [
        ({}, 20),
        ({"firstTimestamp": None, "eventTime": "2026-11-22T07:54:21.000000Z"}, 21),
        ({"firstTimestamp": None}, 22),
    ],
)
def test_an_event_that_repeats_happened_when_it_was_first_seen(changes, second):
    event = happened("SnapshotReady", 20) | changes
    event["metadata"]["creationTimestamp"] = at_second(22)
    assert steps_of(a_clone(), surroundings(events=(event,)))[-1].when == moment(second)


def test_of_two_events_of_a_step_the_earlier_counts():
    events = (happened("SnapshotReady", 20), happened("SnapshotReady", 50))
    assert steps_of(a_clone(), surroundings(events=events))[-1].when == moment(20)


def test_an_event_on_a_child_is_no_step_of_the_clone():
    event = happened("PVCBound", 20, kind="VirtualMachineRestore")
    assert [step.what for step in steps_of(a_clone(), surroundings(events=(event,)))] == ["Created"]


def test_children_that_are_still_there_tell_when_they_were_made():
    around = surroundings(
        snapshot=a_snapshot(),
        restore=a_restore(sentence="x"),
        events=(happened("RestoreCreated", 30),),
    )
    assert steps_of(a_clone("RestoreInProgress"), around) == (
        Step("Created", moment(15), None),
        Step("SnapshotCreated", moment(15), 0.0),
        Step("RestoreCreated", moment(30), 15.0),
    )


def test_a_snapshot_that_is_the_source_was_not_made_by_the_clone():
    clone = a_clone(spec={"source": {"kind": "VirtualMachineSnapshot", "name": "snap"}})
    steps = steps_of(clone, surroundings(snapshot=a_snapshot("snap")))
    assert [step.what for step in steps] == ["Created"]


def test_clocks_that_differ_make_no_negative_duration():
    assert steps_of(a_clone(), surroundings(events=(happened("SnapshotCreated", 10),))) == (
        Step("Created", moment(15), None),
        Step("SnapshotCreated", moment(10), 0.0),
    )


@pytest.mark.parametrize(
    ("clone", "events", "second"),
    [
        (a_clone("SnapshotInProgress"), SUCCESS, 15),
        (a_clone("RestoreInProgress"), SUCCESS, 18),
        (a_clone("CreatingTargetVM"), SUCCESS, 30),
        (a_clone("Succeeded"), SUCCESS, 31),
        (a_clone("SnapshotInProgress"), (), 20),
        (a_clone("RestoreInProgress"), (), None),
        (a_clone("CreatingTargetVM"), (), None),
        (a_clone("Succeeded"), (), 20),
        (a_clone("", sentence="Source doesnt exist"), (), 20),
        (a_clone("Failed", sentence=BACKEND), (), 20),
        (a_clone("Failed"), (), None),  # recording 04: the conditions were overwritten
        (without(a_clone(), "status"), (), 15),
        (without(a_clone("Failed", sentence=BACKEND), "status", "conditions"), (), None),
        (without(a_clone("Succeeded"), "status", "conditions"), (), None),
        (without(a_clone(""), "status", "conditions"), (), 15),
    ],
)
def test_a_phase_began_with_a_step_or_else_with_its_conditions(clone, events, second):
    for condition in clone.get("status", {}).get("conditions", []):
        condition["lastTransitionTime"] = at_second(20 if condition["type"] == "Ready" else 25)
    assert since(clone, surroundings(events=events)) == (moment(second) if second else None)


@pytest.mark.parametrize(
    ("clone", "line"),
    [
        (a_clone("RestoreInProgress"), "RestoreInProgress (2/4) for 57s"),
        (without(a_clone(), "status"), "Pending for 60s"),
        (a_clone("Failed"), "Failed"),
        (a_clone("No\x1bsuch"), "No^[such for 60s"),
    ],
)
def test_the_phase_is_shown_with_its_number_and_how_long_it_lasts(clone, line):
    steps = steps_of(clone, surroundings(events=SUCCESS[:2]))
    assert phase_line(clone, steps, NOW) == line


def test_a_timeline_is_a_table_with_whole_seconds():
    steps = steps_of(a_clone(), surroundings(events=SUCCESS[:4]))
    assert timeline(steps) == [
        "Step             Time                             Took",
        "----             ----                             ----",
        "Created          Sun, 22 Nov 2026 07:54:15 +0000",
        "SnapshotCreated  Sun, 22 Nov 2026 07:54:15 +0000  <1s",
        "SnapshotReady    Sun, 22 Nov 2026 07:54:18 +0000  3s",
        "RestoreCreated   Sun, 22 Nov 2026 07:54:18 +0000  <1s",
        "RestoreReady     Sun, 22 Nov 2026 07:54:30 +0000  12s",
    ]


def test_a_timeline_of_nothing_is_unknown():
    assert timeline(()) == ["<unknown>"]


def test_whatever_is_malformed_there_is_a_timeline():
    clone, event = a_clone("Failed", sentence=BACKEND), happened("SnapshotReady", 20)
    clone["status"]["conditions"] = [a_condition("Ready", "False", BACKEND)]
    cases = [
        *((broken, surroundings(events=(event,))) for broken in [*malformed(clone), *WRONG]),
        *((clone, surroundings(events=(broken,))) for broken in [*malformed(event), *WRONG]),
        *((clone, Surroundings(restore=Lookup(broken))) for broken in WRONG),
    ]
    lines = {type(line) for case in cases for line in timeline(steps_of(*case))}
    times = {type(since(*case)) for case in cases}
    assert (lines, times) == ({str}, {datetime, type(None)})
