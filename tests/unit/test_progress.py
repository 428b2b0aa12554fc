"""Where a clone is, and what one look at it says about a goal."""

import pytest

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.model.diagnosis import cause
from kubectl_virt_clone.model.progress import (
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
from tests.unit.builders import WRONG, a_clone, a_condition, an_event, malformed, without

PHASES = "SnapshotInProgress, RestoreInProgress, CreatingTargetVM, Succeeded, Failed"
NO_SOURCE = "Source doesnt exist: VirtualMachine default/nosuch"
BACKEND = "Clone of source with backendstorage is not supported: VM default/vm-tpm"
READY = Goal("condition", "Ready", "true")
NOT_READY = Goal("condition", "Ready", "false")
DELETED = Goal("delete")


def never(reason):
    return Verdict(Outcome.NEVER, reason)


def possible(reason=""):
    return Verdict(Outcome.POSSIBLE, reason)


def phase(name):
    return Goal("phase", value=name)


@pytest.mark.parametrize(
    ("text", "goal", "shown"),
    [
        ("phase=Succeeded", SUCCESS, "phase=Succeeded"),
        ("phase=succeeded", SUCCESS, "phase=Succeeded"),
        ("phase=FAILED", phase("Failed"), "phase=Failed"),
        ("condition=Ready", READY, "condition=Ready=true"),
        ("condition=Ready=", READY, "condition=Ready=true"),
        (
            "condition=Progressing=False",
            Goal("condition", "Progressing", "False"),
            "condition=Progressing=False",
        ),
        ("delete", DELETED, "delete"),
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
        (a_clone("Failed"), Goal("condition", "Frozen", "true"), possible()),
        (without(a_clone(), "status", "conditions"), READY, possible()),
        (None, READY, never("it was deleted before it reached condition=Ready=true")),
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


def test_every_malformed_clone_has_a_phase_a_step_and_a_cause_of_the_right_type():
    broken = [*malformed(a_clone("Failed", sentence=BACKEND)), *WRONG]
    types = {
        (type(phase_of(clone)), type(step_of(clone)), type(cause(clone, broken)))
        for clone in broken
    }
    assert types == {(str, int, str)}


def test_a_result_is_named_after_the_clone():
    assert Result(("default", "nightly"), MET, None).name == "nightly"


FAILURE = an_event("SourceVMWithBackendStorageInvalid", BACKEND)


@pytest.mark.parametrize(
    ("clone", "events", "sentence"),
    [
        (a_clone("Succeeded"), (), ""),
        (a_clone("Succeeded"), (FAILURE,), ""),
        (a_clone("RestoreInProgress"), (FAILURE,), ""),
        (a_clone("", sentence=NO_SOURCE), (), NO_SOURCE),
        (a_clone("Failed", sentence=BACKEND), (), BACKEND),
        (a_clone("Failed"), (), ""),
        (a_clone("Failed"), (FAILURE,), BACKEND),
        (a_clone("Failed"), (an_event("SnapshotReady", "ready"),), ""),
        (
            a_clone("Failed"),
            (an_event("SourceDoesNotExist", NO_SOURCE), FAILURE, an_event("SnapshotReady", "x")),
            BACKEND,
        ),
        (a_clone("Failed"), ({"reason": 5}, {}), ""),
    ],
)
def test_the_cause_is_in_the_conditions_or_else_in_the_last_failure_event(clone, events, sentence):
    assert cause(clone, events) == sentence


def test_conditions_overwritten_after_a_failure_leave_the_cause_to_the_events():
    clone = a_clone("Failed")
    clone["status"]["conditions"] = [
        a_condition("Progressing", "True", "Still processing"),
        a_condition("Ready", "False", "Still processing"),
    ]
    assert (cause(clone), cause(clone, [FAILURE])) == ("", BACKEND)
