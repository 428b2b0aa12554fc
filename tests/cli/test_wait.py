"""``wait`` as a user runs it: how each way that a clone can end is told."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

import pytest

from kubectl_virt_clone.actions.wait.cache import Pace
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Answer, Kvc, Planes
from tests.pacing import keep_pace

CLONES = "virtualmachineclones.clone.kubevirt.io"
OBJECT = "virtualmachineclone.clone.kubevirt.io"
BACKEND_STORAGE = "Clone of source with backendstorage is not supported: VM default/vm-tpm"
PATIENCE = 60.0


def a_clone(plane: ControlPlane, name: str, source: str = "vm-cirros", target: str = "") -> None:
    """Create a clone object behind the program's back."""
    plane.registry.create(
        CLONES,
        "default",
        {
            "apiVersion": "clone.kubevirt.io/v1beta1",
            "kind": "VirtualMachineClone",
            "metadata": {"name": name},
            "spec": {
                "source": {
                    "apiGroup": "kubevirt.io",
                    "kind": "VirtualMachine",
                    "name": source,
                },
                "target": {
                    "apiGroup": "kubevirt.io",
                    "kind": "VirtualMachine",
                    "name": target or f"{name}-t",
                },
            },
        },
    )


def once_watched(plane: ControlPlane, act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as the program watches clones."""

    def wait_and_act() -> None:
        deadline = time.monotonic() + PATIENCE
        while not watched.is_set() and time.monotonic() < deadline:
            watched.wait(0.01)
        act()

    watched = threading.Event()
    watching_planes[id(plane)] = watched
    thread = threading.Thread(target=wait_and_act)
    thread.start()
    return thread


watching_planes: dict[int, threading.Event] = {}


@pytest.fixture
def watched_plane(make_plane: Planes) -> ControlPlane:
    """A control plane that tells ``once_watched`` about each list of clones."""

    def heard(method: str, path: str, code: int) -> None:
        if method == "GET" and "virtualmachineclones" in path and id(plane) in watching_planes:
            watching_planes[id(plane)].set()

    plane = make_plane(on_request=heard)
    return plane


def phase_of(plane: ControlPlane, name: str) -> str:
    clone = plane.registry.get(CLONES, "default", name)
    return str(clone.get("status", {}).get("phase", ""))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.01)


def errors(answer: Answer) -> list[str]:
    """The errors on stderr, without progress and hints."""
    return [line for line in answer.err.splitlines() if line.lower().startswith("error")]


def test_a_clone_that_succeeded_meets_the_default_goal(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "c")

    assert kvc("wait", "c").out == f"{OBJECT}/c condition met\n"


def test_a_failed_clone_ends_the_wait_at_once_with_kubevirts_sentence(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c", source="vm-tpm")
    started = time.monotonic()

    answer = kvc("wait", "c", "--timeout=1h", exit_code=4)

    assert time.monotonic() - started < PATIENCE
    assert answer.out == ""
    assert answer.err.splitlines()[-2:] == [
        f"error: {OBJECT}/c will not reach phase=Succeeded: {BACKEND_STORAGE}",
        "hint: kubectl delete vmclone.clone.kubevirt.io/c -n default",
    ]


def test_a_failed_clone_whose_conditions_were_overwritten_is_explained_by_its_events(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c", source="vm-tpm")
    until(lambda: phase_of(plane, "c") == "Failed")
    vm = plane.registry.get("virtualmachines.kubevirt.io", "default", "vm-tpm")
    del vm["spec"]["template"]["spec"]["domain"]["devices"]["tpm"]
    plane.registry.update("virtualmachines.kubevirt.io", "default", "vm-tpm", vm)
    clone = plane.registry.get(CLONES, "default", "c")
    clone["metadata"]["annotations"] = {"touch": "1"}
    plane.registry.update(CLONES, "default", "c", clone)

    def overwritten() -> bool:
        conditions = plane.registry.get(CLONES, "default", "c")["status"]["conditions"]
        return [c["reason"] for c in conditions] == ["Still processing"] * 2

    until(overwritten)

    answer = kvc("wait", "c", exit_code=4)

    assert errors(answer) == [
        f"error: {OBJECT}/c will not reach phase=Succeeded: {BACKEND_STORAGE}"
    ]


def test_a_missing_source_times_out_and_names_the_pending_reason(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c", source="nosuch")

    answer = kvc("wait", "c", "--timeout=300ms", exit_code=3)

    assert answer.out == ""
    progress, error, hint = answer.err.splitlines()
    assert re.fullmatch(
        r"c: Pending 0/4 after \d+\.\ds \(Source doesnt exist: VirtualMachine default/nosuch\).*",
        progress,
    )
    assert error == (
        "error: timed out waiting for the condition on virtualmachineclones/c:"
        " Source doesnt exist: VirtualMachine default/nosuch"
    )
    assert hint == "hint: kubectl get vm -n default"


def test_a_timeout_of_zero_looks_once(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "done")
    a_clone(plane, "stuck", source="nosuch")
    until(lambda: phase_of(plane, "done") == "Succeeded")

    met = kvc("wait", "done", "--timeout=0")
    unmet = kvc("wait", "stuck", "--timeout=0", exit_code=3)

    assert met.out == f"{OBJECT}/done condition met\n"
    assert errors(unmet) == [
        "error: condition not met for virtualmachineclones/stuck:"
        " Source doesnt exist: VirtualMachine default/nosuch"
    ]


def test_a_clone_that_is_deleted_midway_ends_the_wait(
    kvc: Kvc, watched_plane: ControlPlane
) -> None:
    a_clone(watched_plane, "c", source="nosuch")
    deletion = once_watched(
        watched_plane, lambda: watched_plane.registry.delete(CLONES, "default", "c")
    )

    answer = kvc("wait", "c", exit_code=4)
    deletion.join()

    assert answer.err.splitlines()[-1] == (
        f"error: {OBJECT}/c will not reach phase=Succeeded:"
        " it was deleted before it reached phase=Succeeded"
    )


def test_a_clone_made_again_under_the_same_name_is_not_the_one_waited_for(
    kvc: Kvc, watched_plane: ControlPlane
) -> None:
    a_clone(watched_plane, "c", source="nosuch")

    def replace() -> None:
        watched_plane.registry.delete(CLONES, "default", "c")
        a_clone(watched_plane, "c")

    replacement = once_watched(watched_plane, replace)

    answer = kvc("wait", "c", exit_code=4)
    replacement.join()

    assert "it was deleted before it reached" in answer.err


def test_waiting_for_a_deletion_ends_when_the_object_is_gone(
    kvc: Kvc, watched_plane: ControlPlane
) -> None:
    a_clone(watched_plane, "c", source="nosuch")
    deletion = once_watched(
        watched_plane, lambda: watched_plane.registry.delete(CLONES, "default", "c")
    )

    answer = kvc("wait", "c", "--for=delete")
    deletion.join()

    assert answer.out == f"{OBJECT}/c condition met\n"


def test_a_clone_that_recovers_is_waited_for(kvc: Kvc, watched_plane: ControlPlane) -> None:
    a_clone(watched_plane, "c", source="late")
    vm = watched_plane.registry.get("virtualmachines.kubevirt.io", "default", "vm-cirros")
    late = {**vm, "metadata": {"name": "late"}}
    arrival = once_watched(
        watched_plane,
        lambda: watched_plane.registry.create("virtualmachines.kubevirt.io", "default", late),
    )

    answer = kvc("wait", "c")
    arrival.join()

    assert answer.out == f"{OBJECT}/c condition met\n"


@pytest.mark.parametrize("goal", ["condition=Ready", "condition=ready=TRUE", "phase=succeeded"])
def test_conditions_and_phases_are_read_in_any_case(
    kvc: Kvc, plane: ControlPlane, goal: str
) -> None:
    a_clone(plane, "c")

    assert kvc("wait", "c", f"--for={goal}").out == f"{OBJECT}/c condition met\n"


def test_a_condition_that_a_failed_clone_never_gets_ends_the_wait(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c", source="vm-tpm")

    answer = kvc("wait", "c", "--for=condition=Ready", exit_code=4)

    assert errors(answer) == [
        f"error: {OBJECT}/c will not reach condition=Ready=true: {BACKEND_STORAGE}"
    ]


def test_a_phase_that_has_passed_can_not_be_reached(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "c")
    until(lambda: phase_of(plane, "c") == "Succeeded")

    answer = kvc("wait", "c", "--for=phase=Failed", exit_code=4)

    assert answer.err.splitlines()[-1] == (
        f"error: {OBJECT}/c will not reach phase=Failed: its phase is already Succeeded"
    )


def test_an_object_that_does_not_exist_is_not_waited_for(kvc: Kvc, plane: ControlPlane) -> None:
    answer = kvc("wait", "nosuch", exit_code=1)

    assert answer == ("", f'Error from server (NotFound): {CLONES} "nosuch" not found\n')


def test_several_clones_share_the_deadline_and_the_worst_gives_the_exit_code(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "good")
    a_clone(plane, "pending", source="nosuch")
    a_clone(plane, "failed", source="vm-tpm")
    names = ("good", "pending", "failed", "nosuch")

    answer = kvc("wait", *names, "--timeout=500ms", exit_code=4)

    assert answer.out == f"{OBJECT}/good condition met\n"
    assert errors(answer) == [
        "error: timed out waiting for the condition on virtualmachineclones/pending:"
        " Source doesnt exist: VirtualMachine default/nosuch",
        f"error: {OBJECT}/failed will not reach phase=Succeeded: {BACKEND_STORAGE}",
        f'Error from server (NotFound): {CLONES} "nosuch" not found',
    ]


def test_fifty_clones_take_one_list_and_one_watch(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a slow machine the causes of a delay would be looked for as well.
    keep_pace(monkeypatch, stall=PATIENCE)
    requests: list[str] = []
    plane = make_plane(controllers=False, on_request=lambda method, path, _: requests.append(path))
    names = [f"c{number}" for number in range(50)]
    for name in names:
        a_clone(plane, name)

    def begin() -> None:
        until(lambda: any("watch=true" in path for path in requests))
        plane.kubevirt.start()

    beginning = threading.Thread(target=begin)
    beginning.start()
    answer = kvc("wait", *names)
    beginning.join()

    assert sorted(answer.out.splitlines()) == sorted(f"{OBJECT}/{n} condition met" for n in names)
    collections = [path for path in requests if "/virtualmachines/" not in path]
    # The third is discovery; each target is looked at once, by its name.
    assert len(collections) <= 3, collections
    assert len(requests) - len(collections) == len(names)


@pytest.mark.parametrize(("one_in", "reads"), [(Pace.one_in, 1), (1, 30)])
def test_the_targets_of_many_clones_that_are_done_take_one_list_unless_they_are_few_of_all(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch, one_in: int, reads: int
) -> None:
    keep_pace(monkeypatch, one_in=one_in)
    requests: list[str] = []
    plane = make_plane(on_request=lambda method, path, _: requests.append(path))
    names = [f"c{number}" for number in range(30)]
    for name in names:
        a_clone(plane, name)
    for name in names:
        until(lambda name=name: phase_of(plane, name) == "Succeeded")  # type: ignore[misc]

    answer = kvc("wait", "--all")

    assert len(answer.out.splitlines()) == 30
    assert len([path for path in requests if "/virtualmachines" in path]) == reads


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "nothing is selected: name clones, or select them with -l or --all"),
        (("c", "-l", "a=b"), "name cannot be provided when a selector is specified"),
        (("c", "--for=jsonpath={.a"), "Invalid value for '--for': "),
        (("c", "--for=create=now"), "Invalid value for '--for': unrecognized condition"),
        (("c", "--for=foo"), "Invalid value for '--for': unrecognized condition: \"foo\""),
        (("c", "--for=condition="), "Invalid value for '--for': unrecognized condition"),
        (("c", "--for=phase=Done"), "Invalid value for '--for': unknown phase \"Done\""),
        (("c", "--timeout=10"), "Invalid value for '--timeout': time: missing unit in duration"),
    ],
)
def test_wrong_usage_ends_with_2(kvc: Kvc, args: tuple[str, ...], message: str) -> None:
    answer = kvc("wait", "-s", "https://127.0.0.1:1", *args, exit_code=2)

    assert answer.out == ""
    assert answer.err.startswith(f"error: {message}")
