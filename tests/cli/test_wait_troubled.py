"""``wait`` where the server is silent, slow or forbids: it ends in time and says what it can."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from kubectl_virt_clone.errors import Deferred
from kubectl_virt_clone.kube import transport as session
from kubectl_virt_clone.objects.resource import ConnectionFlags
from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_wait import CLONES, OBJECT, PATIENCE, a_clone, errors, phase_of, until
from tests.pacing import keep_pace

VMS = "virtualmachines.kubevirt.io"
LISTS = "verb=list,resource=virtualmachineclones"


@pytest.fixture(autouse=True)
def short_looks(monkeypatch: pytest.MonkeyPatch, make_plane: Planes) -> Iterator[None]:
    """Looks that nobody waits for are over before the server ends."""
    keep_pace(monkeypatch, first_look=0.7, aside=0.5)
    yield
    end("look")


def end(kind: str) -> None:
    """Wait until the program's threads of a kind are over."""
    for thread in threading.enumerate():
        if thread.name.startswith(kind):
            thread.join(PATIENCE)


def succeeded(plane: ControlPlane, *names: str, source: str = "vm-cirros") -> None:
    for name in names:
        a_clone(plane, name, source=source)
    until(lambda: all(phase_of(plane, name) == "Succeeded" for name in names))


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (f"stall:{LISTS}", "the server did not answer"),
        (f"503:{LISTS},count=1000", "Error from server (ServiceUnavailable): "),
    ],
)
@pytest.mark.parametrize(
    "chosen", [["--all"], ["-l", "b=1"], ["--all", "--for=delete"], ["-A", "--all"]]
)
def test_clones_that_were_never_listed_are_not_taken_for_none(
    kvc: Kvc,
    make_plane: Planes,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    why: str,
    chosen: list[str],
) -> None:
    monkeypatch.setattr(session, "READ_TIMEOUT", 1.5)
    a_clone(make_plane(faults=[fault]), "c")

    answer = kvc("wait", *chosen, "--timeout=500ms", exit_code=3)

    assert answer.out == ""
    error = answer.err.splitlines()[-1]
    assert error.startswith(f"error: timed out waiting for the condition: {why}")
    end("watch")


@pytest.mark.parametrize("timeout", ["0", "300ms"])
def test_a_clone_that_is_not_created_in_time_is_none(
    kvc: Kvc, plane: ControlPlane, timeout: str
) -> None:
    answer = kvc("wait", "-l", "x=y", "--for=create", f"--timeout={timeout}", exit_code=3)

    assert answer == ("", "error: no matching resources found\n")


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that the server asked for; none of them takes any time."""
    pauses: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=pauses.append)
    monkeypatch.setattr(session, "time", clock)
    return pauses


@pytest.mark.parametrize(
    ("timeout", "what"),
    [("0", "condition not met for"), ("300ms", "timed out waiting for the condition on")],
)
@pytest.mark.parametrize("fault", [f"429:{LISTS},", f"503:{LISTS},", "429:", "503:"])
def test_a_server_that_says_later_than_the_deadline_is_not_waited_for(
    kvc: Kvc,
    make_plane: Planes,
    monkeypatch: pytest.MonkeyPatch,
    slept: list[float],
    timeout: str,
    what: str,
    fault: str,
) -> None:
    keep_pace(monkeypatch, first_look=15.0)
    answered: list[int] = []
    make_plane(
        faults=[f"{fault}retry-after=20"], on_request=lambda *request: answered.append(request[2])
    )
    started = time.monotonic()

    answer = kvc("wait", "c", f"--timeout={timeout}", exit_code=3)

    error = answer.err.splitlines()[-1]
    assert error.startswith(f"error: {what} virtualmachineclones/c: Error from server (")
    # Nor is it asked again before its time, and the first look gets no more time than there is.
    assert (slept, answered.count(int(fault[:3]))) == ([], 1)
    assert time.monotonic() - started < 10


def test_a_server_that_says_later_within_the_time_is_waited_for(
    kvc: Kvc, make_plane: Planes, slept: list[float]
) -> None:
    plane = make_plane()
    succeeded(plane, "c")
    plane.faults.add(f"429:{LISTS},retry-after=20,count=2")

    assert kvc("wait", "c", "--timeout=1m").out == f"{OBJECT}/c condition met\n"
    assert slept == [20.0, 20.0]


def test_a_deadline_is_that_of_one_request(make_plane: Planes, slept: list[float]) -> None:
    make_plane(faults=["429:retry-after=20,count=2"])
    connected = session.Session(ConnectionFlags(), log=print, warn=print)

    with pytest.raises(Deferred):
        connected.request("GET", "/apis", deadline=time.monotonic())
    connected.request("GET", "/apis")

    assert slept == [20.0]


@pytest.mark.parametrize("timeout", ["0", "300ms"])
def test_the_time_covers_discovery(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch, timeout: str
) -> None:
    monkeypatch.setattr(session, "READ_TIMEOUT", 1.5)
    make_plane(faults=["stall"])
    started = time.monotonic()

    named = kvc("wait", "c", f"--timeout={timeout}", exit_code=3)
    chosen = kvc("wait", "--all", f"--timeout={timeout}", exit_code=3)

    assert time.monotonic() - started < 20
    what = "condition not met for" if timeout == "0" else "timed out waiting for the condition on"
    assert named.err == f"error: {what} virtualmachineclones/c: the server did not answer\n"
    assert chosen.err == "error: timed out waiting for the condition: the server did not answer\n"


def test_the_deadline_holds_though_no_target_can_be_read(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_pace(monkeypatch, first_look=0.7, aside=2.0, last_look=0.0)
    plane = make_plane()
    names = [f"c{number:02}" for number in range(12)]
    succeeded(plane, *names)
    plane.faults.add("stall:verb=get,resource=virtualmachines")
    started = time.monotonic()

    answer = kvc("wait", *names, "--timeout=600ms", exit_code=3)

    assert time.monotonic() - started < 15
    assert errors(answer) == [
        f"error: timed out waiting for the condition on virtualmachineclones/{name}:"
        " it says Succeeded, but its target could not be read: the server did not answer"
        for name in names
    ]


def test_what_has_succeeded_is_looked_at_closely_only_for_its_volumes(
    kvc: Kvc, make_plane: Planes
) -> None:
    requests: Counter[str] = Counter()
    plane = make_plane(on_request=lambda method, path, _: requests.update([path.split("?")[0]]))
    succeeded(plane, *(f"c{number}" for number in range(30)))
    requests.clear()

    kvc("wait", "--all", "--for=delete", "--timeout=2s", exit_code=3)

    assert {path.rpartition("/")[2] for path in requests} == {
        "clone.kubevirt.io",
        "virtualmachineclones",
    }


def test_many_clones_without_volumes_are_explained_one_after_the_other(
    kvc: Kvc, make_plane: Planes
) -> None:
    requests: list[str] = []
    plane = make_plane(on_request=lambda method, path, _: requests.append(path))
    succeeded(plane, *(f"c{number}" for number in range(40)), source="vm-later")
    requests.clear()

    answer = kvc("wait", "--all", "--for=volumes-bound", "--timeout=3s", exit_code=3)

    # Some 9 requests for each look: about 8 looks in time, and 20 when the time is up.
    assert len(requests) < 400
    assert errors(answer)[0].endswith('is bound only when the VM "c0-t" starts')
    assert len(errors(answer)) == 40


@pytest.mark.parametrize("kind", [CLONES, VMS])
def test_volumes_of_a_clone_that_is_deleted_were_never_bound(
    kvc: Kvc, make_plane: Planes, kind: str
) -> None:
    watched = threading.Event()

    def heard(method: str, path: str, code: int) -> None:
        if "watch=true" in path:
            watched.set()

    plane = make_plane(on_request=heard)
    succeeded(plane, "c", source="vm-later")

    def act() -> None:
        watched.wait(10)
        plane.registry.delete(kind, "default", "c" if kind == CLONES else "c-t")

    deletion = threading.Thread(target=act)
    deletion.start()
    answer = kvc("wait", "c", "--for=volumes-bound", exit_code=4)
    deletion.join()

    assert answer.out == ""
    assert errors(answer) == [
        f"error: {OBJECT}/c will not reach volumes-bound:"
        " it was deleted before its volumes were bound"
    ]


def test_a_cause_that_stays_the_same_is_told_once_where_clones_are_polled(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["forbid:verb=watch"])
    succeeded(plane, "c", source="vm-later")

    answer = kvc("wait", "c", "--for=volumes-bound", "--timeout=4s", exit_code=3)

    assert [line for line in answer.err.splitlines() if "(the volume" in line] == [
        line for line in answer.err.splitlines() if line.startswith("c: ")
    ][1:]
    assert answer.err.count("(the volume") == 1


def test_what_may_not_be_read_of_a_clone_that_stalls_is_told_once(
    kvc: Kvc, make_plane: Planes, tmp_path: Path
) -> None:
    rule = Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("get", "list", "watch"))
    plane = make_plane(users={"few-token": User("few", rules=(rule,))})
    config = tmp_path / "few"
    config.write_text(plane.kubeconfig_of("few-token"))
    a_clone(plane, "c", target="taken")

    answer = kvc("wait", "c", "--timeout=3s", "--kubeconfig", config, exit_code=3)

    (told,) = [line for line in answer.err.splitlines() if line.startswith("why a clone stalls")]
    assert told.startswith("why a clone stalls can't be told: ")
    assert " is forbidden: " in told


def test_a_field_that_a_failed_clone_never_gets_ends_the_wait(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c", source="vm-tpm")

    for goal in ("jsonpath={.status.targetName}=x", "condition=Frozen"):
        assert errors(kvc("wait", "c", f"--for={goal}", exit_code=4))[0].startswith(
            f"error: {OBJECT}/c will not reach {goal}"
        )


def test_with_all_namespaces_each_line_names_its_own(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "c", source="nosuch")

    answer = kvc("wait", "-A", "--all", "--timeout=300ms", exit_code=3)

    progress, error, _ = answer.err.splitlines()
    assert progress.startswith("default/c: Pending 0/4 after ")
    assert error == (
        "error: timed out waiting for the condition on virtualmachineclones/default/c:"
        " Source doesnt exist: VirtualMachine default/nosuch"
    )
