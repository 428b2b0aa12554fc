"""``delete`` where not all goes well: each clone that is not deleted is named, or counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.cli.conftest import Kvc, Planes
from tests.cli.test_delete import NOT_FOUND, OBJECT, clones, deleted, left
from tests.sandbox.world import CLONES, World

CONFIRMED = "kubectl_virt_clone.commands.delete._is_confirmed"
PATIENCE = 60
FINALIZER = "example.com/held"


def test_a_busy_server_is_asked_again(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(faults=["429:verb=delete,count=3", "500:verb=delete,after=2"])
    names = [f"c-{number}" for number in range(8)]
    clones(plane, *names)

    assert kvc("delete", "--all").out == deleted(*names)
    assert left(plane) == []


@pytest.mark.parametrize("fault", ["500", "503", "drop"])
def test_a_lone_deletion_is_tried_again_too(kvc: Kvc, make_plane: Planes, fault: str) -> None:
    plane = make_plane(faults=[f"{fault}:verb=delete,count=2"])
    clones(plane, "a")

    assert kvc("delete", "a").out == deleted("a")
    assert left(plane) == []


def test_an_error_that_does_not_name_its_clone_is_given_the_name(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(faults=["401:verb=delete,count=100"])
    clones(plane, "a", "b", wait=False)

    one = kvc("delete", "a", exit_code=1)
    answer = kvc("delete", "a", "b", "--parallel=1", exit_code=1)

    why = "error: You must be logged in to the server (Unauthorized)"
    assert one == ("", f"error: {OBJECT}/a was not deleted: {why}\n")
    assert answer.err in (
        f"error: {OBJECT}/a was not deleted: {why}\nerror: 1 more was not tried\n",
        f"error: a, b were not deleted: {why}\n",
    )


def counted(err: str, why: str) -> int:
    """How many clones this message stands for."""
    unanswered = re.search(rf"^error: no answer came to the deletion of (.*): {why}$", err, re.M)
    assert unanswered, err
    names, _, more = unanswered[1].partition(" and ")
    untried = re.search(r"^error: (\d+) more (was|were) not tried$", err, re.M)
    parts = (more.removesuffix(" more"), untried[1] if untried else "")
    return len(names.split(", ")) + sum(int(part) for part in parts if part)


def test_clones_whose_deletion_is_not_answered_are_named_and_those_not_tried_counted(
    kvc: Kvc, make_plane: Planes
) -> None:
    plane = make_plane(controllers=False, faults=["stall:verb=delete,after=3"])
    clones(plane, *(f"c-{number:02}" for number in range(20)), wait=False)

    answer = kvc("delete", "--all", "--no-wait", "--request-timeout=1s", exit_code=1)

    why = "Unable to connect to the server: the server did not answer in time"
    assert len(answer.out.splitlines()) + counted(answer.err, why) == 20


def test_a_server_that_is_gone_is_told_of_once_and_not_once_for_each_clone(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = make_plane(controllers=False)
    clones(plane, *(f"c-{number}" for number in range(50)), wait=False)

    def stop(*_: object) -> bool:
        plane.stop()
        return True

    monkeypatch.setattr(CONFIRMED, stop)

    answer = kvc("delete", "--all", exit_code=1)

    where = plane.url.removeprefix("https://")
    why = f"The connection to the server {where} was refused - did you specify the right host or"
    assert (answer.out, answer.err.count(why)) == ("", 1)
    assert counted(answer.err, re.escape(f"{why} port?")) == 50


def test_errors_are_told_before_the_wait_for_finalizers(kvc: Kvc, make_plane: Planes) -> None:
    plane = make_plane(controllers=False)
    clones(plane, "held", wait=False)
    hold = {"finalizers": [FINALIZER]}
    World.of(plane).change(CLONES, "held", lambda obj: obj["metadata"].update(hold))

    answer = kvc("delete", "held", "zz", "--timeout=100ms", exit_code=3)

    assert answer.out == deleted("held")
    assert [line.partition(":")[0] for line in answer.err.splitlines()] == [
        "held",
        "Error from server (NotFound)",
        "error",
    ]
    assert NOT_FOUND % "zz" in answer.err


def test_ctrl_c_after_the_last_deletion_says_how_many_are_deleted(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = make_plane(controllers=False)
    clones(plane, "a", "b", wait=False)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kubectl_virt_clone.actions.delete.deleting.what_stays", interrupt)

    answer = kvc("delete", "a", "b", exit_code=130)

    assert answer.out == deleted("a", "b")
    assert answer.err.splitlines()[-1] == "interrupted; 2 of 2 clones are deleted"


def test_an_interrupted_wait_in_all_namespaces_names_the_one_of_each_clone(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = make_plane(controllers=False)
    for namespace in ("vms", "yard"):
        obj = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        plane.registry.create("namespaces", "", obj)
        spec = {"source": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "vm"}}
        clone = {"apiVersion": "clone.kubevirt.io/v1beta1", "kind": "VirtualMachineClone"}
        held = {"name": f"of-{namespace}", "finalizers": [FINALIZER]}
        plane.registry.create(CLONES, namespace, {**clone, "metadata": held, "spec": spec})
    undecided = slice(None)

    def interrupted(_: object, __: object, wanted: Any, *args: Any, observer: Any, **___: Any):
        observer.began([*wanted.uids][undecided])
        raise KeyboardInterrupt

    monkeypatch.setattr("kubectl_virt_clone.actions.wait.loop.wait_for", interrupted)

    both = kvc("delete", "--all", "-A", exit_code=130)
    undecided = slice(1, None)
    one = kvc("delete", "--all", "-A", exit_code=130)

    wait = "  kubectl virt-clone wait"
    assert both.err.splitlines()[-2:] == [
        f"{wait} of-vms -n vms --for=delete",
        f"{wait} of-yard -n yard --for=delete",
    ]
    assert one.err.splitlines()[-1] == f"{wait} of-yard -n yard --for=delete"


def test_a_reader_that_goes_away_stops_the_deletion_and_stderr_says_how_far_it_came(
    make_plane: Planes,
) -> None:
    plane = make_plane(controllers=False, faults=["stall:verb=delete,after=4,seconds=1"])
    names = [f"c-{number:02}" for number in range(40)]
    clones(plane, *names, wait=False)
    command = (sys.executable, "-m", "kubectl_virt_clone", "delete", "--all", "--parallel=2")
    with subprocess.Popen(
        command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.wait(PATIENCE)

    gone = len(names) - len(left(plane))
    assert (first, process.returncode) == (deleted("c-00"), 1)
    assert 0 < gone < len(names)
    assert err.splitlines()[-1] == f"error: Broken pipe; {gone} of 40 clones are deleted"
