"""What the program does when the server, the network or the terminal is in trouble."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc
from tests.cli.stub import Answer, Serve, answering, failing
from tests.pacing import keep_pace

OBJECT = "virtualmachineclone.clone.kubevirt.io"
FAILED = {
    "metadata": {"name": "c", "namespace": "default", "uid": "1"},
    "status": {"phase": "Failed", "conditions": []},
}
PENDING = {"metadata": {"name": "c", "namespace": "default", "uid": "1"}}


def listing(*clones: object) -> Answer:
    return answering(200, {"metadata": {"resourceVersion": "1"}, "items": list(clones)})


def silent(handler: BaseHTTPRequestHandler) -> None:
    """No answer, until the server ends."""
    handler.server.ended.wait()  # type: ignore[attr-defined]


def broken(handler: BaseHTTPRequestHandler) -> None:
    """An error whose body breaks off."""
    handler.send_response(500)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")


@pytest.fixture(autouse=True)
def short_first_look(monkeypatch: pytest.MonkeyPatch) -> None:
    keep_pace(monkeypatch, first_look=0.7)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (failing(500, "InternalError"), "Error from server (InternalError): no"),
        (silent, "the server did not answer"),
        (failing(429, "TooManyRequests", Retry_After="86400"), "Error from server (TooMany"),
        (broken, "Unable to connect to the server: "),
    ],
)
def test_a_wait_ends_in_time_though_no_look_was_possible(
    kvc: Kvc, serve: Serve, answer: Answer, why: str
) -> None:
    started = time.monotonic()

    told = kvc("wait", "c", "--timeout=500ms", "-s", serve(answer), exit_code=3)

    assert time.monotonic() - started < 10
    assert told.err.splitlines()[-1].startswith(
        f"error: timed out waiting for the condition on virtualmachineclones/c: {why}"
    )


def test_too_many_requests_do_not_end_a_watch(kvc: Kvc, serve: Serve) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        watch = "watch=true" in handler.path
        busy = failing(429, "TooManyRequests", Retry_After="0")
        (busy if watch else listing(PENDING))(handler)

    told = kvc("wait", "c", "--timeout=1s", "-s", serve(answer), exit_code=3)

    assert "Error from server (TooManyRequests)" in told.err


def test_versions_that_are_too_old_again_and_again_are_not_asked_for_without_a_pause(
    kvc: Kvc, serve: Serve
) -> None:
    watches = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if "watch=true" in handler.path:
            watches.append(handler.path)
            failing(410, "Expired")(handler)
        else:
            listing(PENDING)(handler)

    kvc("wait", "c", "--timeout=1s", "-s", serve(answer), exit_code=3)

    assert 1 <= len(watches) <= 6


def test_a_server_that_is_gone_midway_is_told_in_the_progress_and_at_the_end(
    kvc: Kvc, serve: Serve
) -> None:
    lists = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        lists.append(handler.path)
        (listing(PENDING) if len(lists) == 1 else failing(503, "ServiceUnavailable"))(handler)

    told = kvc("wait", "c", "--timeout=2s", "-s", serve(answer), exit_code=3)

    trouble = "Error from server (ServiceUnavailable): no"
    assert told.err.splitlines() == [
        f"{trouble} (trying again)",
        f"error: timed out waiting for the condition on virtualmachineclones/c: {trouble}",
    ]


@pytest.mark.parametrize("events", [silent, broken])
def test_a_failed_clone_is_told_though_its_events_can_not_be_read(
    kvc: Kvc, serve: Serve, monkeypatch: pytest.MonkeyPatch, events: Answer
) -> None:
    keep_pace(monkeypatch, aside=0.3)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (events if "/events" in handler.path else listing(FAILED))(handler)

    told = kvc("wait", "c", "-s", serve(answer), exit_code=4)

    assert told.err.splitlines()[-2] == (
        f"error: {OBJECT}/c will not reach phase=Succeeded: KubeVirt gives no reason"
    )


def test_an_error_whose_body_breaks_off_is_a_message(kvc: Kvc, serve: Serve) -> None:
    told = kvc("describe", "c", "-s", serve(broken), exit_code=1)

    assert told.out == ""
    assert told.err.startswith("Unable to connect to the server: ")
    assert told.err.count("\n") == 1


def test_a_clone_that_is_gone_before_the_first_look_was_deleted(kvc: Kvc, serve: Serve) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        (answering(201, PENDING) if handler.command == "POST" else listing())(handler)

    create = ("create", "c", "--source=a", "--target=b", "--skip-check=all", "--wait")
    told = kvc(*create, "-s", serve(answer), exit_code=4)

    assert told.err.splitlines()[-1] == (
        f"error: {OBJECT}/c will not reach phase=Succeeded:"
        " it was deleted before it reached phase=Succeeded"
    )


def test_a_warning_of_the_server_is_passed_on_once(kvc: Kvc, serve: Serve) -> None:
    warned = answering(201, PENDING, Warning='299 - "unknown field \\"spec.x\\""')

    told = kvc("create", "c", "--source=a", "--skip-check=all", "-s", serve(warned))

    assert told == (f"{OBJECT}/c created\n", 'Warning: unknown field "spec.x"\n')


def test_of_the_warnings_in_one_header_each_that_is_meant_for_users_is_passed_on(
    kvc: Kvc, serve: Serve
) -> None:
    header = '299 - "one, 299" "Mon, 23 Nov 2026 00:00:00 GMT", 199 - "aside", 299 - "two"'
    warned = answering(201, PENDING, Warning=header)

    told = kvc("create", "c", "--source=a", "--skip-check=all", "-s", serve(warned))

    assert told == (f"{OBJECT}/c created\n", "Warning: one, 299\nWarning: two\n")


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert kvc("describe", "nosuch", exit_code=1).err.startswith("Error from server (NotFound)")


def test_a_password_in_the_servers_address_is_never_shown(kvc: Kvc) -> None:
    told = kvc("wait", "c", "-v", "-s", "http://user:secret@127.0.0.1:1", exit_code=1)

    logged, error = told.err.splitlines()
    assert logged.startswith("GET http://127.0.0.1:1/apis/clone.kubevirt.io without an answer in ")
    assert error == (
        "The connection to the server 127.0.0.1:1 was refused"
        " - did you specify the right host or port?"
    )


@pytest.mark.parametrize("flag", ["--token=a\nb", "--as=a\nb", "--as-group=a\r\nb"])
def test_a_value_that_no_request_can_carry_is_told_without_the_value(
    kvc: Kvc, plane: ControlPlane, flag: str
) -> None:
    told = kvc("describe", "c", "--as=a", flag, exit_code=1)

    assert told.err == "error: a flag or the kubeconfig has a value that can't be sent\n"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a%2fb", "a\nb", "\udcff"])
@pytest.mark.parametrize("args", [("describe",), ("wait",), ("wait", "c", "-n")])
def test_a_name_that_can_not_stand_in_a_path_is_wrong_usage(
    kvc: Kvc, args: tuple[str, ...], name: str
) -> None:
    told = kvc(*args, name, "-s", "http://127.0.0.1:1", exit_code=2)

    assert told.err.startswith("error: Invalid value for ")


def test_without_a_verb_the_help_is_shown(kvc: Kvc) -> None:
    told = kvc()

    assert told.out.startswith("Usage: kubectl virt-clone")
    assert told.err == ""


@pytest.mark.parametrize(
    ("redirection", "code", "err"),
    [
        ("< /dev/null > /dev/full", 1, "error: [Errno 28] No space left on device\n"),
        ("2>&-", 0, ""),
        (">&-", 0, ""),
        ("-f - <&-", 1, "error: stdin is closed\n"),
        ("-f ''", 2, "error: -f needs a file, a folder or -\n"),
    ],
)
def test_streams_that_are_closed_or_full_end_in_no_traceback(
    redirection: str, code: int, err: str
) -> None:
    source = "" if "-f" in redirection else "--source=a"
    program = f"{sys.executable} -m kubectl_virt_clone create {source} --dry-run=client"

    done = subprocess.run(
        ["sh", "-c", f"{program} {redirection}"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr.partition("See")[0]) == (code, err)


def test_text_that_the_terminal_can_not_show_is_escaped() -> None:
    command = [sys.executable, "-m", "kubectl_virt_clone", "create", "--source=日本"]

    done = subprocess.run(
        [*command, "--dry-run=client", "-o", "yaml"],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "name: \\u65e5\\u672c\n" in done.stdout
