"""What each error says, in kubectl's words, and the exit code that it means."""

import pytest

from kubectl_virt_clone.errors import (
    ConfigError,
    ConnectionFailed,
    ExitCode,
    InvalidConfig,
    InvalidValue,
    ManifestError,
    ResourceNotServed,
    SeveralErrors,
    StatusError,
    VirtCloneError,
    WaitFailed,
)

CAUSES = [
    {
        "reason": "FieldValueInvalid",
        "message": "Target name cannot be equal to source name when both are VirtualMachines",
        "field": "spec.target.name",
    },
    {
        "reason": "FieldValueInvalid",
        "message": "interface default has malformed MAC address (zz).",
        "field": "spec.newMacAddresses.default",
    },
]


def a_status(**fields):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", **fields}


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (
            a_status(
                reason="NotFound",
                message='virtualmachineclones.clone.kubevirt.io "r-3" not found',
            ),
            404,
            'Error from server (NotFound): virtualmachineclones.clone.kubevirt.io "r-3" not found',
        ),
        (
            a_status(message='admission webhook "m.kubevirt.io" denied the request: no'),
            400,
            'Error from server: admission webhook "m.kubevirt.io" denied the request: no',
        ),
        (
            a_status(reason="Unauthorized", message="Unauthorized"),
            401,
            "error: You must be logged in to the server (Unauthorized)",
        ),
        (
            {"message": ""},
            401,
            "error: You must be logged in to the server (Unauthorized)",
        ),
        (
            a_status(reason="Invalid", message="denied", details={"causes": CAUSES[:1]}),
            422,
            "The request is invalid: spec.target.name:"
            " Target name cannot be equal to source name when both are VirtualMachines",
        ),
        (
            a_status(reason="Invalid", message="denied", details={"causes": CAUSES}),
            422,
            "The request is invalid: \n"
            "* spec.target.name:"
            " Target name cannot be equal to source name when both are VirtualMachines\n"
            "* spec.newMacAddresses.default: interface default has malformed MAC address (zz).",
        ),
        (
            a_status(reason="Invalid", message="denied", details={"causes": CAUSES[:1] * 3}),
            422,
            "The request is invalid: spec.target.name:"
            " Target name cannot be equal to source name when both are VirtualMachines",
        ),
        (
            a_status(
                reason="Invalid",
                message="all of it",
                details={
                    "name": "bad-ns",
                    "group": "clone.kubevirt.io",
                    "kind": "VirtualMachineClone",
                    "causes": [{"message": "Required value", "field": "spec.source.name"}],
                },
            ),
            422,
            'The VirtualMachineClone "bad-ns" is invalid: spec.source.name: Required value',
        ),
        (
            a_status(reason="Invalid", message="too long", details={"name": "x", "kind": "Y"}),
            422,
            'The Y "x" is invalid',
        ),
        (a_status(reason="Invalid", message="why"), 422, "The request is invalid: why"),
        (a_status(reason="Invalid"), 422, "The request is invalid"),
        ({}, 500, "Error from server: unknown"),
        ({"reason": 5, "message": ["x"], "details": None}, 500, "Error from server: unknown"),
        (
            {"reason": "Invalid", "message": None, "details": {"causes": [None, 5, {}]}},
            422,
            "The request is invalid: : ",
        ),
        (
            {"reason": "Invalid", "message": "m", "details": {"causes": {"a": 1}, "kind": 5}},
            422,
            'The  "" is invalid',
        ),
    ],
)
def test_a_status_is_worded_as_kubectl_words_it(status, code, text):
    assert str(StatusError(status, code)) == text


@pytest.mark.parametrize(
    ("error", "text", "exit_code"),
    [
        (VirtCloneError("no"), "error: no", 1),
        (InvalidValue("bad filter"), "error: bad filter", 2),
        (ConfigError("no file"), "error: no file", 1),
        (InvalidConfig("no context"), "Error in configuration: no context", 1),
        (ManifestError("no clone"), "error: no clone", 1),
        (ResourceNotServed("no such resource"), "error: no such resource", 1),
        (ConnectionFailed("Unable to connect"), "Unable to connect", 1),
        (StatusError({"message": "no"}, 500), "Error from server: no", 1),
        (WaitFailed(["error: a", "error: b"], ExitCode.TIMED_OUT), "error: a\nerror: b", 3),
        (SeveralErrors([ConfigError("a"), ConnectionFailed("b")]), "error: a\nb", 1),
        (
            SeveralErrors([ConfigError("a"), WaitFailed(["b"], ExitCode.CLONE_FAILED)]),
            "error: a\nb",
            4,
        ),
    ],
)
def test_an_error_has_its_whole_message_and_an_exit_code(error, text, exit_code):
    assert (str(error), error.exit_code) == (text, exit_code)


def test_a_status_error_keeps_the_code_the_reason_and_the_message():
    error = StatusError({"reason": "Expired", "message": "too old"}, 410)
    assert (error.code, error.reason, error.message) == (410, "Expired", "too old")


def test_an_invalid_value_has_its_bare_reason_too():
    assert InvalidValue("a filter can't be empty").reason == "a filter can't be empty"


def test_a_failed_connection_may_succeed_later_unless_it_says_otherwise():
    assert (ConnectionFailed("a").transient, ConnectionFailed("b", transient=False).transient) == (
        True,
        False,
    )


def test_the_exit_codes_are_those_of_the_manual():
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "ERROR": 1,
        "USAGE": 2,
        "TIMED_OUT": 3,
        "CLONE_FAILED": 4,
        "INTERRUPTED": 130,
        "TERMINATED": 143,
    }
