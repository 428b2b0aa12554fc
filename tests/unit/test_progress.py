"""Where a clone is, and what one look at it says about a goal."""

import pytest

from kubectl_virt_clone.clone.progress.progress import (
    MET,
    SUCCESS,
    Goal,
    Outcome,
    Result,
    Verdict,
    parse_goal,
    phase_of,
    reason_of,
    step_of,
    verdict,
)
from kubectl_virt_clone.errors import InvalidValue, VirtCloneError
from kubectl_virt_clone.objects.jsonpath import parse_jsonpath
from tests.unit.builders import WRONG, a_clone, a_condition, malformed, without

PHASES = "SnapshotInProgress, RestoreInProgress, CreatingTargetVM, Succeeded, Failed"
NO_SOURCE = "Source doesnt exist: VirtualMachine default/nosuch"
BACKEND = "Clone of source with backendstorage is not supported: VM default/vm-tpm"
READY = Goal("condition", "Ready", "true")
NOT_READY = Goal("condition", "Ready", "false")
DELETED = Goal("delete")
CREATED, BOUND = Goal("create"), Goal("volumes-bound")


def never(reason):
    return Verdict(Outcome.NEVER, reason)


OVER = "its phase is already Succeeded"


def possible(reason=""):
    return Verdict(Outcome.POSSIBLE, reason)


def phase(name):
    return Goal("phase", value=name)


def field(text):
    return parse_goal(f"jsonpath={text}")


def with_snapshot(clone):
    return {**clone, "status": {**clone["status"], "snapshotName": "tmp-snapshot-1"}}


def with_restore(clone):
    return {**clone, "status": {**clone["status"], "restoreName": "tmp-restore-1"}}


@pytest.mark.parametrize(
    ("text", "goal", "shown"),
    [
        ("phase=Succeeded", SUCCESS, "phase=Succeeded"),
        ("phase=succeeded", SUCCESS, "phase=Succeeded"),
        ("phase=FAILED", phase("Failed"), "phase=Failed"),
        ("condition=Ready", READY, "condition=Ready=true"),
        (
            "condition=Progressing=False",
            Goal("condition", "Progressing", "False"),
            "condition=Progressing=False",
        ),
        ("delete", DELETED, "delete"),
        ("Create", CREATED, "create"),
        ("volumes-bound", BOUND, "volumes-bound"),
        ("jsonpath={.status.phase}=Succeeded", SUCCESS, "phase=Succeeded"),
        (
            "jsonpath={.status.phase}=succeeded",
            Goal(
                "jsonpath",
                value="succeeded",
                path=parse_jsonpath("{.status.phase}"),
                text="jsonpath={.status.phase}=succeeded",
            ),
            "jsonpath={.status.phase}=succeeded",
        ),
        (
            "jsonpath={.status.targetName}=Failed",
            Goal(
                "jsonpath",
                value="Failed",
                path=parse_jsonpath("{.status.targetName}"),
                text="jsonpath={.status.targetName}=Failed",
            ),
            "jsonpath={.status.targetName}=Failed",
        ),
        (
            "jsonpath=X.status.phase=Failed",
            Goal(
                "jsonpath",
                value="Failed",
                path=parse_jsonpath("X.status.phase"),
                text="jsonpath=X.status.phase=Failed",
            ),
            "jsonpath=X.status.phase=Failed",
        ),
    ],
)
def test_a_goal_is_read_and_shown_as_it_is_written(text, goal, shown):
    assert (parse_goal(text), str(goal)) == (goal, shown)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("phase=Done", f'unknown phase "Done"; a clone has the phases {PHASES}'),
        ("phase=", f'unknown phase ""; a clone has the phases {PHASES}'),
        ("phase", f'unknown phase ""; a clone has the phases {PHASES}'),
        ("condition", 'unrecognized condition: "condition"'),
        ("condition=", 'unrecognized condition: "condition="'),
        ("condition==true", 'unrecognized condition: "condition==true"'),
        ("delete=now", 'unrecognized condition: "delete=now"'),
        ("ready", 'unrecognized condition: "ready"'),
        ("", 'unrecognized condition: ""'),
    ],
)
def test_what_is_no_goal_is_refused_in_kubectls_words(text, reason):
    with pytest.raises(InvalidValue) as refusal:
        parse_goal(text)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("clone", "seen"),
    [
        (None, ("", 0, "")),
        (without(a_clone(), "status"), ("", 0, "")),
        (a_clone(""), ("", 0, "")),
        (a_clone("", sentence=NO_SOURCE), ("", 0, NO_SOURCE)),
        (a_clone("SnapshotInProgress"), ("SnapshotInProgress", 1, "")),
        (a_clone("RestoreInProgress"), ("RestoreInProgress", 2, "")),
        (a_clone("CreatingTargetVM"), ("CreatingTargetVM", 3, "")),
        (a_clone("Succeeded"), ("Succeeded", 4, "")),
        (a_clone("Failed"), ("Failed", 0, "")),
        (a_clone("Failed", sentence=BACKEND), ("Failed", 0, BACKEND)),
        (a_clone("Thinking"), ("Thinking", 0, "")),
    ],
)
def test_a_clone_has_a_phase_a_step_and_perhaps_a_sentence(clone, seen):
    assert (phase_of(clone), step_of(clone), reason_of(clone)) == seen


@pytest.mark.parametrize(
    ("clone", "goal", "expected"),
    [
        # a phase
        (a_clone("Succeeded"), SUCCESS, MET),
        (without(a_clone(), "status"), SUCCESS, possible()),
        (a_clone("RestoreInProgress"), SUCCESS, possible()),
        (a_clone("", sentence=NO_SOURCE), SUCCESS, possible(NO_SOURCE)),
        (a_clone("Thinking"), SUCCESS, possible()),
        (a_clone("Failed", sentence=BACKEND), SUCCESS, never(BACKEND)),
        (a_clone("Failed"), SUCCESS, never("KubeVirt gives no reason")),
        (None, SUCCESS, never("it was deleted before it reached phase=Succeeded")),
        (a_clone("Failed"), phase("Failed"), MET),
        (a_clone("RestoreInProgress"), phase("Failed"), possible()),
        (a_clone("Succeeded"), phase("Failed"), never("its phase is already Succeeded")),
        (a_clone("RestoreInProgress"), phase("RestoreInProgress"), MET),
        (a_clone("SnapshotInProgress"), phase("RestoreInProgress"), possible()),
        (
            a_clone("CreatingTargetVM"),
            phase("RestoreInProgress"),
            never("its phase is already CreatingTargetVM"),
        ),
        (
            a_clone("Succeeded"),
            phase("SnapshotInProgress"),
            never("its phase is already Succeeded"),
        ),
        # a condition
        (a_clone("Succeeded"), READY, MET),
        (a_clone("Succeeded"), Goal("condition", "ready", "TRUE"), MET),
        (a_clone("RestoreInProgress"), READY, possible()),
        (a_clone("RestoreInProgress"), NOT_READY, MET),
        (a_clone("", sentence=NO_SOURCE), READY, possible(NO_SOURCE)),
        (a_clone("Failed", sentence=BACKEND), READY, never(BACKEND)),
        (a_clone("Failed"), READY, never("KubeVirt gives no reason")),
        (a_clone("Failed"), Goal("condition", "Frozen", "true"), never("KubeVirt gives no reason")),
        (
            a_clone("Failed"),
            Goal("condition", "Frozen", "false"),
            never("KubeVirt gives no reason"),
        ),
        (without(a_clone(), "status", "conditions"), READY, possible()),
        (None, READY, never("it was deleted before it reached condition=Ready=true")),
        # the volumes: the temporary objects go when all are bound (recording 01)
        (a_clone("Succeeded"), BOUND, MET),
        (with_restore(a_clone("Succeeded")), BOUND, possible()),
        (with_snapshot(a_clone("Succeeded")), BOUND, possible()),
        (a_clone("RestoreInProgress"), BOUND, possible()),
        (a_clone("Failed", sentence=BACKEND), BOUND, never(BACKEND)),
        (None, BOUND, never("it was deleted before its volumes were bound")),
        # a field
        (a_clone("Succeeded"), field("{.status.targetName}"), MET),
        (a_clone("Succeeded"), field("{.status.targetName}=vm-cirros-clone"), MET),
        (a_clone("Succeeded"), field("{.status.targetName}=other"), never(OVER)),
        (a_clone("Succeeded"), field("{.metadata.labels.a}=b"), possible()),
        (a_clone("SnapshotInProgress"), field("{.status.targetName}"), possible()),
        (a_clone("Failed", sentence=BACKEND), field("{.status.nosuch}"), never(BACKEND)),
        (a_clone("Failed", sentence=BACKEND), field("{.status.nosuch}=a==b"), never(BACKEND)),
        (a_clone("Failed", sentence=BACKEND), field("{.metadata.nosuch}"), possible(BACKEND)),
        (a_clone("Failed", sentence=BACKEND), field("{X.status.nosuch}"), possible(BACKEND)),
        (a_clone("Succeeded"), field("{.metadata.generation}=1"), MET),
        # create
        (a_clone(""), CREATED, MET),
        (None, CREATED, possible()),
        # delete
        (None, DELETED, MET),
        (a_clone("Succeeded"), DELETED, possible()),
    ],
)
def test_one_look_says_met_possible_or_never(clone, goal, expected):
    assert verdict(clone, goal) == expected


@pytest.mark.parametrize(
    ("observed", "generation", "expected"),
    [
        (1, 2, possible()),
        (2, 2, MET),
        (3, 2, MET),
        (None, 2, MET),
        ("1", 2, MET),
        (1, None, MET),
    ],
)
def test_a_condition_about_an_older_spec_does_not_count(observed, generation, expected):
    clone = a_clone(metadata={"generation": generation})
    clone["status"]["conditions"] = [
        {**a_condition("Ready", "True", "Ready"), "observedGeneration": observed}
    ]
    assert verdict(clone, READY) == expected


@pytest.mark.parametrize("goal", [SUCCESS, phase("Failed"), READY, NOT_READY, DELETED])
def test_every_malformed_clone_gets_a_verdict(goal):
    broken = [*malformed(a_clone("Failed", sentence=BACKEND)), *WRONG]
    outcomes = {verdict(clone, goal).outcome for clone in broken}
    assert outcomes <= set(Outcome)


def test_every_malformed_clone_has_a_phase_and_a_step_of_the_right_type():
    broken = [*malformed(a_clone("Failed", sentence=BACKEND)), *WRONG]
    types = {(type(phase_of(clone)), type(step_of(clone))) for clone in broken}
    assert types == {(str, int)}


@pytest.mark.parametrize(
    ("verdict", "clone", "known", "met", "missing"),
    [
        (MET, a_clone(), False, True, False),
        (MET, None, False, True, False),
        (possible(), None, False, False, False),
        (never("x"), a_clone(), False, False, False),
        (never("x"), None, True, False, False),
        (never("x"), None, False, False, True),
    ],
)
def test_a_result_is_met_or_not_and_a_clone_that_never_was_is_missing(
    verdict, clone, known, met, missing
):
    result = Result(("default", "nightly"), verdict, clone, known=known)
    assert (result.met, result.missing) == (met, missing)


def test_a_result_is_named_after_the_clone():
    assert Result(("default", "nightly"), MET, None).name == "nightly"


def test_a_field_that_is_found_more_than_once_is_an_error_as_in_kubectl():
    with pytest.raises(VirtCloneError) as error:
        verdict(a_clone("Succeeded"), field("{.status.conditions[*].type}=Ready"))

    assert str(error.value) == "error: given jsonpath expression matches more than one value"


@pytest.mark.parametrize(
    ("goal", "success", "ahead"),
    [
        (SUCCESS, True, True),
        (READY, True, True),
        (BOUND, True, True),
        (phase("RestoreInProgress"), False, True),
        (phase("Failed"), False, False),
        (NOT_READY, False, False),
        (DELETED, False, False),
        (CREATED, False, False),
        (field("{.status.targetName}"), False, False),
    ],
)
def test_a_goal_may_be_success_or_lie_on_the_way_there(goal, success, ahead):
    assert (goal.is_success, goal.lies_ahead) == (success, ahead)
