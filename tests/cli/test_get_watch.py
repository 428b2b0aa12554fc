"""``get -w`` as a user runs it: the list, then each change once, until it is ended."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qsl, urlsplit

import pytest

from kubectl_virt_clone.kube import watch as watching
from kubectl_virt_clone.kube.transport import Backoff
from kubectl_virt_clone.objects.fields import Object
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.stub import Answer, Serve, answering
from tests.cli.test_get import CLONES, HEADERS, OBJECT, aged, labelled
from tests.cli.test_wait import PATIENCE, a_clone, phase_of, until

ENOUGH = {"kind": "Status", "reason": "BadRequest", "message": "enough", "code": 400}
EXPIRED = {"kind": "Status", "reason": "Expired", "message": "too old", "code": 410}
END = "Error from server (BadRequest): enough\n"


def clone(name: str, version: int, uid: str = "1") -> Object:
    """A clone whose target tells the version that is shown."""
    metadata = {"name": name, "namespace": "default", "uid": uid, "resourceVersion": str(version)}
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": metadata,
        "spec": {"target": {"name": f"v{version}"}},
    }


def listing(*clones: Object, more: str = "") -> Answer:
    metadata = {"resourceVersion": "9", **({"continue": more} if more else {})}
    return answering(200, {"metadata": metadata, "items": list(clones)})


def stream(*events: tuple[str, Object]) -> Answer:
    """A watch that sends these events and ends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Connection", "close")
        handler.end_headers()
        for kind, obj in events:
            line = json.dumps({"type": kind, "object": obj})
            handler.wfile.write(line.encode() + b"\n")

    return answer


class Script:
    """One answer after the other; remembers what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[dict[str, str]] = []
        self._answers = iter(answers)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        self.asked.append(dict(parse_qsl(urlsplit(handler.path).query)))
        next(self._answers)(handler)


SCRIPT = (
    listing(clone("a", 1), clone("b", 2), more="2"),
    listing(clone("c", 3)),
    stream(
        ("ADDED", clone("a", 1)),  # as the list showed it
        ("MODIFIED", clone("b", 4)),
        ("DELETED", clone("c", 5)),
        ("ADDED", clone("d", 6)),
        ("BOOKMARK", clone("", 7)),
        ("ERROR", EXPIRED),
    ),
    # While nobody watched: a changed, b was made anew, d is gone, e came.
    listing(clone("a", 8), clone("b", 9, uid="2"), more="2"),
    listing(clone("e", 10)),
    stream(("DELETED", clone("a", 11)), ("ERROR", ENOUGH)),
)


def shown(text: str) -> list[tuple[str, ...]]:
    """(event, name, target) of each row, the headers left out."""
    rows = [line.split() for line in text.splitlines()[1:]]
    return [(row[0], row[1], row[4]) for row in rows]


def test_each_version_is_shown_once_also_after_a_gap_in_the_watch(kvc: Kvc, serve: Serve) -> None:
    script = Script(*SCRIPT)

    answer = kvc("get", "-w", "--output-watch-events", "-s", serve(script), exit_code=1)

    assert answer.err == END
    assert shown(answer.out) == [
        ("ADDED", "a", "v1"),
        ("ADDED", "b", "v2"),
        ("ADDED", "c", "v3"),
        ("MODIFIED", "b", "v4"),
        ("DELETED", "c", "v5"),
        ("ADDED", "d", "v6"),
        ("MODIFIED", "a", "v8"),
        ("ADDED", "b", "v9"),
        ("ADDED", "e", "v10"),
        ("DELETED", "a", "v11"),
    ]
    assert [asked.get("limit") for asked in script.asked] == ["500", "500", None] * 2
    assert [asked.get("resourceVersion") for asked in script.asked if "watch" in asked] == ["9"] * 2


def test_only_changes_are_shown_with_watch_only(kvc: Kvc, serve: Serve) -> None:
    args = ("--watch-only", "--output-watch-events", "--chunk-size=2", "-l", "x=y")
    script = Script(*SCRIPT)

    answer = kvc("get", *args, "-s", serve(script), exit_code=1)

    assert shown(answer.out)[:3] == [
        ("MODIFIED", "b", "v4"),
        ("DELETED", "c", "v5"),
        ("ADDED", "d", "v6"),
    ]
    assert {asked["labelSelector"] for asked in script.asked} == {"x=y"}
    assert script.asked[1] == {"labelSelector": "x=y", "limit": "2", "continue": "2"}


def test_a_list_that_breaks_off_is_shown_once(kvc: Kvc, serve: Serve) -> None:
    script = Script(
        listing(clone("a", 1), more="2"),
        answering(410, EXPIRED),
        listing(clone("a", 1), clone("b", 2)),
        stream(("ERROR", ENOUGH)),
    )

    answer = kvc("get", "-w", "-o", "name", "-s", serve(script), exit_code=1)

    assert answer == (f"{OBJECT}/a\n{OBJECT}/b\n", END)
    # In pages it takes longer than the server keeps a version.
    assert [asked.get("limit") for asked in script.asked] == ["500", "500", None, None]


@pytest.mark.parametrize(
    ("watch", "failures"),
    [
        (stream(("MODIFIED", clone("a", 2)), ("ERROR", EXPIRED)), [1, 1, 1]),
        (stream(("ERROR", EXPIRED)), [1, 2, 3]),
    ],
)
def test_a_watch_that_has_told_something_is_begun_anew_without_a_growing_pause(
    kvc: Kvc,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    watch: Answer,
    failures: list[int],
) -> None:
    counted: list[int] = []

    class Counting(Backoff):
        def pause(self, failures: int, chance: float) -> float:
            counted.append(failures)
            return 1e-9

    monkeypatch.setattr(watching, "BACKOFF", Counting(0.2, 15.0))
    script = Script(*3 * [listing(clone("a", 1)), watch], answering(400, ENOUGH))

    kvc("get", "-w", "-s", serve(script), exit_code=1)

    assert counted == failures


def test_what_left_the_selection_is_added_when_it_comes_back(kvc: Kvc, serve: Serve) -> None:
    gone, missing, halfway = "gone", "missing", "halfway"
    script = Script(
        listing(clone(gone, 1), clone(missing, 2)),
        stream(("DELETED", clone(gone, 3)), ("ADDED", clone(gone, 4)), ("ERROR", EXPIRED)),
        listing(clone(halfway, 5), more="2"),
        answering(410, EXPIRED),
        listing(clone(gone, 4)),
        stream(("MODIFIED", clone(missing, 6)), ("MODIFIED", clone(halfway, 7)), ("ERROR", ENOUGH)),
    )
    args = ("-w", "-l", "x=y", "--output-watch-events")

    answer = kvc("get", *args, "-s", serve(script), exit_code=1)

    assert shown(answer.out) == [
        ("ADDED", gone, "v1"),
        ("ADDED", missing, "v2"),
        ("DELETED", gone, "v3"),
        ("ADDED", gone, "v4"),
        ("ADDED", halfway, "v5"),
        ("ADDED", missing, "v6"),
        ("ADDED", halfway, "v7"),
    ]


def test_only_the_named_are_shown_each_version_once(kvc: Kvc, serve: Serve) -> None:
    def named(handler: BaseHTTPRequestHandler) -> None:
        """Whichever comes first: they are asked for side by side."""
        name = handler.path.partition("?")[0].rpartition("/")[2]
        answering(200, clone(name, {"a": 1, "b": 2}[name]))(handler)

    script = Script(
        named,
        named,
        listing(clone("a", 3), clone("b", 2), clone("c", 4)),
        stream(("MODIFIED", clone("c", 5)), ("MODIFIED", clone("b", 6)), ("ERROR", ENOUGH)),
    )
    args = ("-w", "--output-watch-events")

    answer = kvc("get", "a", "b", *args, "-s", serve(script), exit_code=1)

    assert shown(answer.out) == [
        ("ADDED", "a", "v1"),
        ("ADDED", "b", "v2"),
        ("MODIFIED", "a", "v3"),
        ("MODIFIED", "b", "v6"),
    ]


@pytest.mark.parametrize("events", [True, False])
def test_objects_of_a_watch_are_json_values_and_each_event_is_a_line(
    kvc: Kvc, serve: Serve, events: bool
) -> None:
    deleted = ("DELETED", clone("a", 2))
    script = Script(listing(clone("a", 1)), stream(deleted, ("ERROR", ENOUGH)))
    args = ("-w", "-o", "json", *(["--output-watch-events"] if events else []))

    answer = kvc("get", *args, "-s", serve(script), exit_code=1)

    assert answer.out == "".join(
        json.dumps({"type": kind, "object": obj}, separators=(",", ":")) + "\n"
        if events
        else json.dumps(obj, indent=4) + "\n"
        for kind, obj in (("ADDED", clone("a", 1)), deleted)
    )


def test_a_request_timeout_ends_the_watch(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "a")
    until(lambda: phase_of(plane, "a") == "Succeeded")

    answer = kvc("get", "-w", "--request-timeout=1s")

    assert (aged(answer.out), answer.err) == (
        f"{HEADERS}a      Succeeded   vm-cirros   a-t      True    AGE\n",
        "",
    )


@contextmanager
def following(*args: str) -> Iterator[subprocess.Popen[str]]:
    """The program in a process of its own, for what no single process can show.

    It is ended when it is given up, so that no test waits for a row that never comes.
    """
    command = [sys.executable, "-m", "kubectl_virt_clone", "get", *args]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ) as process:
        patience = threading.Timer(PATIENCE, process.kill)
        patience.start()
        try:
            yield process
        finally:
            patience.cancel()
            process.kill()


def test_a_change_is_a_row_at_once_until_ctrl_c(make_plane: Planes) -> None:
    plane = make_plane(controllers=False)
    a_clone(plane, "a")
    with following("-w", "-l", "backup!=no", "--no-headers") as process:
        assert process.stdout
        assert process.stdout.readline().split()[:4] == ["a", "Pending", "vm-cirros", "a-t"]
        a_clone(plane, "b")
        assert process.stdout.readline().split()[0] == "b"
        labelled(plane, "b", backup="yes")
        assert process.stdout.readline().split()[0] == "b"
        plane.registry.delete(CLONES, "default", "a")
        assert process.stdout.readline().split()[0] == "a"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=PATIENCE) == ("", "\n")
        assert process.returncode == 130


def test_a_reader_that_has_enough_ends_the_watch_quietly(make_plane: Planes) -> None:
    plane = make_plane(controllers=False)
    a_clone(plane, "a")
    with following("-w", "-o", "name") as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline() == f"{OBJECT}/a\n"
        process.stdout.close()
        a_clone(plane, "b")
        assert process.wait(timeout=PATIENCE) == 1
        assert process.stderr.read() == ""


@pytest.mark.parametrize("flag", ["-w", "--watch-only"])
def test_an_empty_list_is_no_reason_to_say_so_while_watching(
    kvc: Kvc, serve: Serve, flag: str
) -> None:
    script = Script(listing(), stream(("ERROR", ENOUGH)))

    assert kvc("get", flag, "-s", serve(script), exit_code=1) == ("", END)
