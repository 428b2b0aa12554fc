"""What ``create`` answers, and how waiting ended."""

import pytest

from kubectl_virt_clone.clone.api import parse_reference
from kubectl_virt_clone.clone.progress.progress import MET, SUCCESS, Outcome, Result, Verdict
from kubectl_virt_clone.clone.spec.manifest import CloneRequest, build_clone
from kubectl_virt_clone.errors import ExitCode
from kubectl_virt_clone.render.answers import answer, unnamed_in
from kubectl_virt_clone.render.progress.outcomes import failure
from tests.unit.builders import a_clone, without

OBJECT = "virtualmachineclone.clone.kubevirt.io"
NAMED = build_clone(
    CloneRequest(parse_reference("vm-cirros"), name="clone-1", target="vm-cirros-clone"),
    choose=min,
)
UNNAMED = without(NAMED, "spec", "target")


@pytest.mark.parametrize(
    ("created", "requested", "dry_run", "text"),
    [
        ([a_clone("")], [NAMED], "none", f"{OBJECT}/clone-1 created\n"),
        ([NAMED], [NAMED], "client", f"{OBJECT}/clone-1 created (dry run)\n"),
        ([a_clone("")], [NAMED], "server", f"{OBJECT}/clone-1 created (server dry run)\n"),
        (
            [a_clone("")],
            [UNNAMED],
            "none",
            f"{OBJECT}/clone-1 created, target vm-cirros-clone\n",
        ),
        ([UNNAMED], [UNNAMED], "client", f"{OBJECT}/clone-1 created (dry run)\n"),
        (
            [a_clone(""), a_clone("", name="clone-2")],
            [NAMED, {**UNNAMED, "metadata": {"name": "clone-2"}}],
            "none",
            f"{OBJECT}/clone-1 created\n{OBJECT}/clone-2 created, target vm-cirros-clone\n",
        ),
        (
            [a_clone("", metadata={"generateName": "clone-"})],
            [{**UNNAMED, "metadata": {"generateName": "clone-"}}],
            "none",
            f"{OBJECT}/clone-1 created, target vm-cirros-clone\n",
        ),
        ([], [NAMED], "none", ""),
    ],
)
def test_each_created_clone_is_named_with_the_target_that_kubevirt_chose(
    created, requested, dry_run, text
):
    assert answer(created, unnamed_in(requested), None, dry_run) == text


@pytest.mark.parametrize(
    ("created", "output", "text"),
    [
        ([a_clone("")], "name", f"{OBJECT}/clone-1\n"),
        ([{"kind": "A"}], "yaml", "kind: A\n"),
        ([{"kind": "A"}], "json", '{\n    "kind": "A"\n}\n'),
        ([], "yaml", ""),
        ([], "name", ""),
    ],
)
def test_with_a_format_the_answer_is_the_objects_alone(created, output, text):
    assert answer(created, unnamed_in([NAMED]), output, "none") == text


def a_result(outcome=Outcome.MET, reason="", *, name="clone-1", there=True):
    clone = a_clone(name=name) if there else None
    return Result(("default", name), Verdict(outcome, reason), clone)


def test_there_is_no_failure_where_every_clone_reached_its_goal():
    assert (
        failure([Result(("default", "a"), MET, None), a_result()], SUCCESS, looked_once=False)
        is None
    )


@pytest.mark.parametrize(
    ("result", "looked_once", "text", "exit_code"),
    [
        (
            a_result(Outcome.POSSIBLE),
            False,
            "error: timed out waiting for the condition on virtualmachineclones/clone-1",
            ExitCode.TIMED_OUT,
        ),
        (
            a_result(Outcome.POSSIBLE, "Source doesnt exist: VirtualMachine default/nosuch"),
            False,
            "error: timed out waiting for the condition on virtualmachineclones/clone-1:"
            " Source doesnt exist: VirtualMachine default/nosuch",
            ExitCode.TIMED_OUT,
        ),
        (
            a_result(Outcome.POSSIBLE, there=False),
            False,
            "error: timed out waiting for the condition on virtualmachineclones/clone-1",
            ExitCode.TIMED_OUT,
        ),
        (
            a_result(Outcome.POSSIBLE),
            True,
            "error: condition not met for virtualmachineclones/clone-1",
            ExitCode.TIMED_OUT,
        ),
        (
            a_result(Outcome.NEVER, "no backend"),
            True,
            f"error: {OBJECT}/clone-1 will not reach phase=Succeeded: no backend",
            ExitCode.CLONE_FAILED,
        ),
        (
            a_result(Outcome.NEVER),
            False,
            f"error: {OBJECT}/clone-1 will not reach phase=Succeeded",
            ExitCode.CLONE_FAILED,
        ),
        (
            a_result(Outcome.NEVER, there=False),
            False,
            'Error from server (NotFound): virtualmachineclones.clone.kubevirt.io "clone-1"'
            " not found",
            ExitCode.ERROR,
        ),
    ],
)
def test_a_clone_that_is_not_there_yet_has_one_line_and_an_exit_code(
    result, looked_once, text, exit_code
):
    error = failure([result], SUCCESS, looked_once=looked_once)
    assert (str(error), error.exit_code) == (text, exit_code)


def test_the_failure_names_each_clone_that_failed_and_has_the_exit_code_of_the_worst():
    results = [
        a_result(name="done"),
        a_result(Outcome.NEVER, "no backend", name="failed"),
        a_result(Outcome.POSSIBLE, name="slow"),
        a_result(Outcome.NEVER, name="missing", there=False),
    ]
    error = failure(results, SUCCESS, looked_once=False)
    assert (str(error).splitlines(), error.exit_code) == (
        [
            f"error: {OBJECT}/failed will not reach phase=Succeeded: no backend",
            "error: timed out waiting for the condition on virtualmachineclones/slow",
            'Error from server (NotFound): virtualmachineclones.clone.kubevirt.io "missing"'
            " not found",
        ],
        ExitCode.CLONE_FAILED,
    )
