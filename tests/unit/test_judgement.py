"""What follows for a goal from a version of a clone, and from what was read beside it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from kubectl_virt_clone.clone.hint import kubectl
from kubectl_virt_clone.clone.progress.diagnosis import deleted_cause, not_cloned
from kubectl_virt_clone.clone.progress.judgement import (
    Evidence,
    Judgement,
    Need,
    gone_since,
    judge,
    unconfirmed,
)
from kubectl_virt_clone.clone.progress.progress import (
    BOUND,
    MET,
    SUCCESS,
    Cause,
    Goal,
    Outcome,
    Surroundings,
    Verdict,
    parse_goal,
    target_of,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup
from tests.unit.builders import (
    NOW,
    RESTORE,
    SNAPSHOT,
    a_clone,
    a_restore,
    a_snapshot,
    a_vm,
    an_event,
    malformed,
    surroundings,
    without,
)

TARGET = "vm-cirros-clone"
MARK = {"restore.kubevirt.io/lastRestoreUID": f"{RESTORE}-1"}
EXISTS = "restore source and restore target are different but restore target already exists"
TAKEN = f'the target "{TARGET}" exists already; KubeVirt goes on only if it is deleted'
DELETE = (kubectl("delete", "vmclone.clone.kubevirt.io/clone-1", namespace="default"),)
STUCK = Cause("target-exists", TAKEN, DELETE, final=True)
FAILED = "Clone of source with backendstorage is not supported: VM default/vm-tpm"
DELETED, CREATED, FROZEN = Goal("delete"), Goal("create"), parse_goal("condition=Frozen")
UNREAD = "it says Succeeded, but its target could not be read: "


def possible(reason="", cause=None, needs=Need.NOTHING, *, at_once=False):
    return Judgement(Verdict(Outcome.POSSIBLE, reason), cause, needs, not at_once)


def never(reason, cause=None, needs=Need.NOTHING):
    return Judgement(Verdict(Outcome.NEVER, reason), cause, needs)


def judged(clone, goal=SUCCESS, *, fail_on_pending=False, now=NOW, **evidence):
    return judge(clone, Evidence(**evidence), goal, now, fail_on_pending=fail_on_pending)


def read(need, **around):
    return {need: surroundings(**around)}


STALLS = possible(needs=Need.CHILDREN)
OF_TARGET = possible(f"{UNREAD}the server did not answer", needs=Need.TARGET, at_once=True)
EVENTS_OF_RESTORE = an_event("Operation failed", "", kind="VirtualMachineRestore")
EVENTS_OF_RESTORE["involvedObject"]["name"] = RESTORE
NOT_CLONED = not_cloned(a_clone(), TARGET)


@pytest.mark.parametrize("goal", [SUCCESS, parse_goal("condition=Ready"), BOUND])
def test_a_success_is_confirmed_by_its_target(goal):
    assert judged(a_clone(), goal) == OF_TARGET


@pytest.mark.parametrize(
    ("around", "made"),
    [
        ({"target": {**a_vm(TARGET), "metadata": {"annotations": MARK}}}, True),
        ({"target": a_vm(TARGET)}, True),  # younger than the clone
        ({"target": without(a_vm(TARGET), "metadata", "creationTimestamp")}, False),
        ({"target": a_vm(TARGET), "events": (EVENTS_OF_RESTORE,)}, False),
        # It is gone since; only a restore that failed says that it was never there.
        ({"target": None}, True),
        ({"target": None, "events": (EVENTS_OF_RESTORE,)}, False),
        # Nobody can tell.
        ({"target": Lookup(unreadable="forbidden")}, True),
    ],
)
@pytest.mark.parametrize("gone", [False, True])
def test_the_target_tells_whether_the_clone_made_it(around, made, gone):
    expected = Judgement(MET) if made else never(NOT_CLONED.sentence, NOT_CLONED)
    assert judged(a_clone(), read=read(Need.TARGET, **around), gone=gone) == expected


def test_a_target_that_was_not_looked_up_speaks_against_nothing():
    assert judged(a_clone(), read={Need.TARGET: Surroundings()}) == Judgement(MET)


def test_why_a_target_could_not_be_read_is_told():
    answer = judged(a_clone(), unanswered="no route")
    assert answer == possible(f"{UNREAD}no route", needs=Need.TARGET, at_once=True)


@pytest.mark.parametrize(
    ("goal", "clone"),
    [
        (CREATED, a_clone("")),
        (parse_goal("phase=Failed"), a_clone("Failed")),
        (parse_goal("jsonpath={.status.targetName}"), a_clone()),
    ],
)
def test_what_is_no_success_needs_no_target(goal, clone):
    assert judged(clone, goal) == Judgement(MET)


@pytest.mark.parametrize(
    ("goal", "last", "expected"),
    [
        (DELETED, a_clone(), Judgement(MET)),
        (CREATED, a_clone(), possible(at_once=True)),
        (SUCCESS, a_clone(), OF_TARGET),
        (BOUND, a_clone(), OF_TARGET),
        (parse_goal("phase=RestoreInProgress"), a_clone(), deleted_cause),
        (SUCCESS, a_clone("RestoreInProgress"), deleted_cause),
    ],
)
def test_a_clone_that_is_gone_is_judged_by_its_last_version(goal, last, expected):
    if expected is deleted_cause:
        expected = never(deleted_cause(goal).sentence, deleted_cause(goal))
    assert judged(last, goal, gone=True) == expected


def test_volumes_of_a_clone_that_went_before_they_were_bound_never_were():
    last = a_clone()
    last["status"]["snapshotName"] = SNAPSHOT
    cause = deleted_cause(BOUND)
    assert judged(last, BOUND, gone=True) == never(cause.sentence, cause)
    assert judged(last, SUCCESS, gone=True) == OF_TARGET


def test_a_clone_that_was_never_there_has_no_cause():
    sentence = "it was deleted before it reached phase=Succeeded"
    assert judged(None) == never(sentence)
    assert judged(None, gone=True) == never(sentence)
    assert judged(None, DELETED) == Judgement(MET)


def test_a_failed_clone_says_why_itself():
    clone = a_clone("Failed", sentence=FAILED)
    assert judged(clone) == never(FAILED, Cause("backend-storage", FAILED, DELETE, final=True))


def test_the_events_of_a_failed_clone_are_asked_where_it_no_longer_says_why():
    clone, silent = a_clone("Failed"), "KubeVirt gives no reason"
    cause = Cause("clone-failed", silent, DELETE, final=True)
    assert judged(clone) == never(silent, cause, Need.EVENTS)
    events = (an_event("SourceVMWithBackendStorageInvalid", FAILED),)
    told = Cause("backend-storage", FAILED, DELETE, final=True)
    assert judged(clone, read=read(Need.EVENTS, events=events)) == never(silent, told)
    for unread in ((), Listing(unreadable="forbidden")):
        assert judged(clone, read=read(Need.EVENTS, events=unread)) == never(silent, cause)


def test_a_phase_that_is_over_needs_no_events():
    assert judged(a_clone(), parse_goal("phase=Failed")) == never("its phase is already Succeeded")


@pytest.mark.parametrize("phase", ["SnapshotInProgress", "RestoreInProgress", "CreatingTargetVM"])
def test_the_children_may_tell_why_a_clone_stalls(phase):
    assert judged(a_clone(phase)) == STALLS


def test_a_clone_that_says_what_it_waits_for_needs_nothing():
    source = "Source doesnt exist: VirtualMachine default/nosuch"
    cause = Cause("source-missing", source, (kubectl("get", "vm", namespace="default"),))
    clone = a_clone("", sentence=source)
    assert judged(clone) == possible(source, cause)
    assert judged(clone, fail_on_pending=True) == never(source, cause)


def test_a_clone_without_a_status_may_have_events():
    clone = without(a_clone(), "status")
    silent = possible(needs=Need.EVENTS)
    assert judged(clone) == silent
    assert judged(clone, now=NOW + timedelta(days=1)) == silent
    events = (an_event("Anything", ""),)
    assert judged(clone, read=read(Need.EVENTS, events=events)) == silent


def test_a_clone_without_a_status_and_events_is_not_looked_at():
    clone = without(a_clone(), "status")
    sentence = (
        "KubeVirt has not looked at it yet, there is no status and no event:"
        " virt-controller is busy, or does not run"
    )
    hint = (kubectl("get", "pods", "-A", "-l", "kubevirt.io=virt-controller"),)
    cause = Cause("controller-silent", sentence, hint)
    # That it is late was measured by whoever has read the events.
    told = judged(clone, read=read(Need.EVENTS), now=NOW - timedelta(days=1))
    assert told == possible("", cause, Need.EVENTS)
    # What was read all at once is of the moment.
    for now, found in ((NOW - timedelta(days=1), None), (NOW, cause)):
        told = judged(clone, read=read(Need.AROUND), now=now)
        assert told == possible("", found, Need.EVENTS)


PASSING = Cause(
    "snapshot-waiting",
    f'the snapshot "{SNAPSHOT}" is not ready, KubeVirt tries for 5m: KubeVirt has not begun'
    " with it",
    (kubectl("describe", f"vmsnapshot.snapshot.kubevirt.io/{SNAPSHOT}", namespace="default"),),
    passing=True,
)


def test_what_passes_is_told_and_fails_nothing():
    children = surroundings(snapshot=without(a_snapshot(), "status"))
    expected = possible("", PASSING, Need.CHILDREN)
    clone = a_clone("SnapshotInProgress")
    assert judged(clone, children=children) == expected
    assert judged(clone, children=children, fail_on_pending=True) == expected


def test_only_the_claims_of_a_restore_that_waits_for_them_can_tell_why():
    clone = a_clone("RestoreInProgress")
    children = surroundings(restore=a_restore(sentence="Waiting for new PVCs"))
    assert judged(clone, children=children) == possible("", None, Need.AROUND)
    working = surroundings(restore=a_restore(sentence="Waiting for target update"))
    assert judged(clone, children=working) == STALLS


def test_what_was_followed_is_read_once_more_before_pending_ends_a_wait():
    clone = a_clone("RestoreInProgress")
    children = surroundings(restore=a_restore(sentence="StorageClass cold does not exist"))
    pending = judged(clone, children=children).cause
    assert pending.id == "restore-pending"
    again = judged(clone, children=children, fail_on_pending=True)
    assert again == possible("", pending, Need.AROUND, at_once=True)
    now = {Need.AROUND: children}
    ended = judged(clone, children=children, fail_on_pending=True, read=now)
    assert ended == never(pending.sentence, pending)
    gone_on = {Need.AROUND: surroundings(restore=a_restore(sentence="Updating target spec"))}
    assert judged(clone, children=children, fail_on_pending=True, read=gone_on) == STALLS


def test_a_clone_that_seems_stuck_is_looked_at_closely():
    clone = a_clone("RestoreInProgress")
    children = surroundings(target=a_vm(TARGET), restore=a_restore(sentence=EXISTS))
    assert judged(clone, children=children) == possible("", STUCK, Need.AROUND, at_once=True)
    # Where that was not possible, nothing is told yet.
    again = judged(clone, children=children, unanswered="no route")
    assert again == possible(needs=Need.AROUND, at_once=True)
    stuck = {Need.AROUND: children}
    assert judged(clone, children=children, read=stuck) == never(TAKEN, STUCK)
    # What is read now is newer than what is followed.
    through = read(Need.AROUND, target={**a_vm(TARGET), "metadata": {"annotations": MARK}})
    assert judged(clone, children=children, read=through) == STALLS


@pytest.mark.parametrize("goal", [DELETED, FROZEN, parse_goal("phase=Failed")])
def test_what_lies_not_ahead_is_not_out_of_reach_of_a_clone_that_is_stuck(goal):
    clone = a_clone("RestoreInProgress")
    children = surroundings(target=a_vm(TARGET), restore=a_restore(sentence=EXISTS))
    told = possible("", STUCK, Need.CHILDREN)
    assert judged(clone, goal, children=children) == told
    pending = judged(clone, goal, children=children, fail_on_pending=True)
    assert pending == possible("", STUCK, Need.AROUND, at_once=True)


def test_volumes_are_looked_at_closely_as_nothing_tells_when_they_change():
    clone = a_clone()
    clone["status"]["snapshotName"] = SNAPSHOT
    assert judged(clone, BOUND) == possible(needs=Need.AROUND)
    claims = {"disk": Lookup({"status": {"phase": "Pending"}})}
    target = Lookup({**a_vm(TARGET), "metadata": {"annotations": MARK}})
    around = Surroundings(target=target, claims=claims)
    show = (kubectl("describe", "pvc/disk", namespace="default"),)
    unbound = 'the volume "disk" is not bound: it is Pending'
    cause = Cause("volume-unbound", unbound, show, passing=True)
    told = judged(clone, BOUND, read={Need.AROUND: around})
    assert told == possible("", cause, Need.AROUND)
    false = judged(clone, BOUND, read=read(Need.AROUND, target=a_vm(TARGET) | {"metadata": {}}))
    assert false == never(NOT_CLONED.sentence, NOT_CLONED)


def test_what_succeeded_and_is_waited_for_otherwise_needs_nothing():
    assert judged(a_clone(), DELETED) == possible()
    assert judged(a_clone(), FROZEN) == never("its phase is already Succeeded")


def test_only_a_judgement_that_needs_nothing_at_once_is_certain():
    verdicts = [Verdict(outcome) for outcome in (Outcome.POSSIBLE, Outcome.NEVER)]
    kinds = [(Need.NOTHING, False), (Need.TARGET, False), (Need.TARGET, True)]
    judgements = [Judgement(verdict, None, *kind) for verdict in verdicts for kind in kinds]
    assert [j.is_certain for j in judgements] == [True, False, True] * 2
    assert [j.is_final for j in judgements] == [False, False, False, True, False, True]


def test_the_target_of_a_clone_is_what_kubevirt_calls_it():
    assert target_of(a_clone(spec={"target": {"name": "asked"}})) == TARGET
    assert target_of(a_clone("", spec={"target": {"name": "asked"}})) == "asked"


ADOPTED = Cause(
    "claim-not-cloned",
    f'KubeVirt says Succeeded, but the claim "{TARGET}-data" was there before, and not filled by'
    " this clone",
    (kubectl("get", "pvc", f"{TARGET}-data", "-o", "yaml", namespace="default"),),
    final=True,
)


def with_one_claim(
    annotations,
    *,
    created,
    policy="PrefixTargetName",
    claim=f"{TARGET}-data",
    mark=f"{RESTORE}-1",
):
    """The judgement of a clone that Succeeded, whose target was made at 07:54:16."""
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": claim}}]
    vm = a_vm(TARGET)
    vm["metadata"] |= {
        "annotations": {"restore.kubevirt.io/lastRestoreUID": mark},
        "creationTimestamp": "2026-11-22T07:54:16Z",
    }
    vm["spec"] = {"template": {"spec": {"volumes": volumes}}}
    metadata = {"name": claim, "annotations": annotations, "creationTimestamp": created}
    clone = a_clone(spec={"volumeNamePolicy": policy})
    claims = {claim: Lookup({"metadata": metadata})}
    around = replace(surroundings(target=vm), claims=claims)
    return judged(clone, read={Need.TARGET: around})


LONG_AGO, THEN, LATER = "2026-11-22T07:00:00Z", "2026-11-22T07:54:16Z", "2026-11-22T07:54:17Z"
OTHER = {"restore.kubevirt.io/name": "tmp-restore-371ceac4-a787-4e68-bcf4-e40084a8021c"}


@pytest.mark.parametrize("annotations", [None, {}, OTHER])
@pytest.mark.parametrize("created", [LONG_AGO, THEN])
def test_a_claim_that_was_there_before_makes_no_success_as_in_recordings_50_to_52(
    annotations, created
):
    assert with_one_claim(annotations, created=created) == never(ADOPTED.sentence, ADOPTED)


@pytest.mark.parametrize(
    "healthy",
    [
        {"annotations": {"restore.kubevirt.io/name": RESTORE}, "created": THEN},
        # Its VM was restored once more, and the claim with it.
        {"annotations": {"restore.kubevirt.io/name": "back"}, "created": THEN, "mark": "back-1"},
        # Somebody made it anew after the clone.
        {"annotations": {}, "created": LATER},
        {"annotations": OTHER, "created": LATER},
        {"annotations": {}, "created": None},
        # Somebody gave the target another volume after the clone.
        {"annotations": {}, "created": LONG_AGO, "claim": "another"},
        {"annotations": {}, "created": LONG_AGO, "policy": "RandomizeNames"},
        {"annotations": {}, "created": LONG_AGO, "policy": ""},
    ],
)
def test_a_claim_that_the_clone_filled_or_that_came_later_is_well(healthy):
    assert with_one_claim(**healthy) == Judgement(MET)


def test_what_is_said_beside_a_verdict():
    no = Lookup(unreadable="no")
    around = Surroundings(target=no, claims={"a": Lookup(), "b": Lookup(unreadable="never")})
    assert unconfirmed(around) == {
        "target": "whether a clone made its target can't be told: no",
        "claims": "whether a clone filled its volumes can't be told: never",
    }
    assert unconfirmed(Surroundings(target=Lookup(), claims={"a": Lookup()})) == {}
    assert unconfirmed(Surroundings()) == {}
    gone = f"clone-1 succeeded, and is gone by now (target {TARGET})"
    assert gone_since(a_clone()) == gone


@pytest.mark.parametrize("goal", [SUCCESS, BOUND, DELETED, CREATED, FROZEN])
def test_malformed_clones_are_judged_too(goal):
    around = surroundings(target=a_vm(TARGET), events=(EVENTS_OF_RESTORE,))
    for evidence in ({}, {"read": dict.fromkeys(Need, around)}, {"children": around}):
        for clone in malformed(a_clone("RestoreInProgress")):
            assert judged(clone, goal, **evidence).verdict.outcome in Outcome


def test_what_a_clone_waits_for_is_no_failure_unless_it_is_asked_to_be():
    clone = a_clone("", sentence="Source doesnt exist: VirtualMachine default/vm-cirros")

    waits = judge(clone, Evidence(), SUCCESS, NOW)

    assert waits == judged(clone, fail_on_pending=False)
    assert waits != judged(clone, fail_on_pending=True)
