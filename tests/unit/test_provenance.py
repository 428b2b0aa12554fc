"""Whose work a VM is that has the name of a clone's target."""

import pytest

from kubectl_virt_clone.clone.progress.provenance import Origin, has_failed, is_marked, origin_of
from tests.unit.builders import RESTORE, UID, WRONG, a_clone, a_vm, an_event, malformed

BEFORE, DURING, AFTER = "2026-11-22T07:54:14Z", "2026-11-22T07:54:15Z", "2026-11-22T07:54:20Z"
OWN = f"{RESTORE}-ed58ba62-b934-41cf-963d-a88e8637b30b"
OTHER = "tmp-restore-b5c82d43-4d63-4abd-a097-8ddd03401071-595eb6e7-83e6-4c64-8b9d-c611f367f2e3"
BY_HAND = "restore-1-595eb6e7-83e6-4c64-8b9d-c611f367f2e3"
THIS, ANOTHER, OLDER = Origin.THIS_CLONE, Origin.ANOTHER_CLONE, Origin.OLDER


def a_target(restored=None, *, made=DURING):
    vm = a_vm("vm-cirros-clone")
    vm["metadata"]["creationTimestamp"] = made
    vm["metadata"]["annotations"] = {"restore.kubevirt.io/lastRestoreUID": restored}
    return vm


def a_restore_event(reason, *, of=RESTORE, last=DURING):
    event = an_event(reason, "", kind="VirtualMachineRestore", last=last)
    event["involvedObject"]["name"] = of
    return event


COMPLETE = a_restore_event("VirtualMachineRestoreComplete")
FAILED = a_restore_event("Operation failed")  # recording 21


@pytest.mark.parametrize(
    ("target", "events", "origin"),
    [
        # Its own mark says enough, whatever else there is: recordings 01, and 19 for an older VM.
        (a_target(OWN, made=AFTER), (), THIS),
        (a_target(OWN, made=BEFORE), (FAILED,), THIS),
        # Another mark: another clone's, unless this one's restore is known to have been complete.
        (a_target(OTHER), (), ANOTHER),
        (a_target(OTHER), (FAILED,), ANOTHER),
        (a_target(OTHER), (COMPLETE,), THIS),
        # No mark, or that of a restore by hand: the events on the restore decide, then the age.
        (a_target(made=AFTER), (COMPLETE,), OLDER),
        (a_target(made=BEFORE), (COMPLETE,), THIS),
        (a_target(made=DURING), (FAILED,), OLDER),
        (a_target(BY_HAND, made=AFTER), (FAILED,), OLDER),
        (a_target(made=DURING), (), THIS),
        (a_target(made=AFTER), (), THIS),
        (a_target(BY_HAND), (), THIS),
        (a_target(made=BEFORE), (), OLDER),
        (a_target(BY_HAND, made=BEFORE), (), OLDER),
        # The events of another restore tell nothing.
        (a_target(made=BEFORE), (a_restore_event("VirtualMachineRestoreComplete", of="x"),), OLDER),
        (a_target(made=DURING), (a_restore_event("Operation failed", of="x"),), THIS),
        (a_target(made=DURING), (a_restore_event("RestoreTargetNotReady"),), THIS),
    ],
)
def test_a_mark_tells_who_made_a_target_then_the_events_then_its_age(target, events, origin):
    assert origin_of(a_clone(), target, events) is origin


@pytest.mark.parametrize("phase", ["", "SnapshotInProgress", "RestoreInProgress", "Failed"])
@pytest.mark.parametrize(
    ("target", "origin"),
    [
        (a_target(OWN), THIS),
        (a_target(OTHER), ANOTHER),
        (a_target(made=BEFORE), OLDER),
        (a_target(made=AFTER), OLDER),
    ],
)
def test_before_a_clone_succeeded_only_a_mark_makes_a_target_its_own(phase, target, origin):
    assert origin_of(a_clone(phase), target) is origin


@pytest.mark.parametrize("path", [("clone",), ("target",)])
def test_a_vm_whose_age_is_not_known_is_not_taken_for_the_clones(path):
    clone, target = a_clone(), a_target()
    holder = clone if path == ("clone",) else target
    del holder["metadata"]["creationTimestamp"]
    assert origin_of(clone, target) is OLDER


@pytest.mark.parametrize(
    ("restored", "marked"),
    [(OWN, True), (OTHER, False), (RESTORE, False), ("", False), (None, False), (f"{UID}-", False)],
)
def test_a_mark_is_the_restores_name_with_its_uid_behind_it(restored, marked):
    assert is_marked(a_clone(), a_target(restored)) is marked


def test_a_restore_failed_if_its_own_events_say_so():
    other = a_restore_event("Operation failed", of="x")
    assert [has_failed(a_clone(), events) for events in ((FAILED,), (other, COMPLETE), ())] == [
        True,
        False,
        False,
    ]


def test_whatever_is_malformed_a_target_has_an_origin():
    clone, target = a_clone(), a_target(OTHER)
    origins = [
        *(origin_of(broken, target, (COMPLETE,)) for broken in [*malformed(clone), *WRONG]),
        *(origin_of(clone, broken, (FAILED,)) for broken in [*malformed(target), *WRONG]),
        *(origin_of(clone, target, (broken,)) for broken in [*malformed(COMPLETE), *WRONG]),
    ]
    assert {type(origin) for origin in origins} == {Origin}
