"""``wait`` as a user runs it: which clones, which goals, and what is printed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from kubevirt_sandbox.apiserver.access.authorization import Rule, User
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_wait import (
    BACKEND_STORAGE,
    CLONES,
    OBJECT,
    a_clone,
    errors,
    once_watched,
    phase_of,
    until,
    watched_plane,  # noqa: F401 - a fixture
)

VMS = "virtualmachines.kubevirt.io"
NO_SOURCE = "Source doesnt exist: VirtualMachine default/nosuch"

OVER = "its phase is already Succeeded"


def label(plane: ControlPlane, name: str, **labels: str) -> None:
    """Give a clone these labels and no others."""
    clone = plane.registry.get(CLONES, "default", name)
    changed = {**clone, "metadata": {**clone["metadata"], "labels": labels}}
    plane.registry.update(CLONES, "default", name, changed)


def met(*names: str) -> str:
    return "".join(f"{OBJECT}/{name} condition met\n" for name in names)


def test_clones_are_selected_by_their_labels(kvc: Kvc, plane: ControlPlane) -> None:
    for name, batch in (("a", "1"), ("b", "1"), ("c", "2")):
        a_clone(plane, name)
        label(plane, name, batch=batch)

    answer = kvc("wait", "-l", "batch=1")

    assert sorted(answer.out.splitlines()) == met("a", "b").splitlines()


def test_all_clones_of_the_namespace_are_waited_for(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "a")
    a_clone(plane, "b")

    answer = kvc("wait", "--all")

    assert sorted(answer.out.splitlines()) == met("a", "b").splitlines()


def test_a_clone_whose_labels_change_midway_is_still_waited_for(
    kvc: Kvc,
    watched_plane: ControlPlane,  # noqa: F811
) -> None:
    plane = watched_plane
    a_clone(plane, "c", source="nosuch")
    label(plane, "c", batch="1")

    def act() -> None:
        label(plane, "c", batch="other")
        vm = plane.registry.get(VMS, "default", "vm-cirros")
        plane.registry.create(VMS, "default", {**vm, "metadata": {"name": "nosuch"}})

    thread = once_watched(plane, act)
    answer = kvc("wait", "-l", "batch=1")
    thread.join()

    assert answer.out == met("c")


def test_a_selection_of_nothing_is_an_error_but_where_deletion_is_the_goal(
    kvc: Kvc, plane: ControlPlane
) -> None:
    nothing = kvc("wait", "-l", "batch=1", exit_code=1)
    gone = kvc("wait", "--all", "--for=delete")

    assert nothing == ("", "error: no matching resources found\n")
    assert gone == ("", "")


def test_what_waits_for_something_ends_the_wait_where_that_is_asked_for(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c", source="nosuch")

    answer = kvc("wait", "c", "--fail-on-pending", exit_code=4)

    assert answer.err.splitlines()[-2:] == [
        f"error: {OBJECT}/c will not reach phase=Succeeded: {NO_SOURCE}",
        "hint: kubectl get vm -n default",
    ]


def test_quiet_prints_the_results_alone(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "good")
    a_clone(plane, "failed", source="vm-tpm")

    answer = kvc("wait", "good", "failed", "-q", exit_code=4)

    assert answer.out == met("good")
    assert answer.err.splitlines() == [
        f"error: {OBJECT}/failed will not reach phase=Succeeded: {BACKEND_STORAGE}",
        "hint: kubectl delete vmclone.clone.kubevirt.io/failed -n default",
    ]


def test_the_objects_that_met_the_goal_are_printed_in_a_format(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c")

    named = kvc("wait", "c", "-o", "name").out
    obj = json.loads(kvc("wait", "c", "-o", "json").out)

    assert named == f"{OBJECT}/c\n"
    assert (obj["metadata"]["name"], obj["status"]["phase"]) == ("c", "Succeeded")


def test_a_clone_is_waited_for_until_it_is_created(
    kvc: Kvc,
    watched_plane: ControlPlane,  # noqa: F811
) -> None:
    thread = once_watched(watched_plane, lambda: a_clone(watched_plane, "c", source="nosuch"))

    answer = kvc("wait", "c", "--for=create")
    thread.join()

    assert answer.out == met("c")


def test_a_clone_is_waited_for_until_one_with_the_labels_is_created(
    kvc: Kvc,
    watched_plane: ControlPlane,  # noqa: F811
) -> None:
    def act() -> None:
        a_clone(watched_plane, "c", source="nosuch")
        label(watched_plane, "c", batch="1")

    thread = once_watched(watched_plane, act)
    answer = kvc("wait", "-l", "batch=1", "--for=create")
    thread.join()

    assert answer.out == met("c")


def test_of_several_goals_each_is_waited_for_in_turn_and_create_first(
    kvc: Kvc, plane: ControlPlane
) -> None:
    a_clone(plane, "c")
    goals = ("--for=condition=Ready", "--for=create", "--for=condition=Ready")

    assert kvc("wait", "c", *goals).out == met("c") * 2  # each goal once
    assert kvc("wait", "c", *goals, "--timeout=0").out == met("c") * 2
    answer = kvc("wait", "c", *goals, "--for=condition=Running", exit_code=4)

    assert answer.out == met("c") * 2
    assert errors(answer)[0].endswith("will not reach condition=Running=true: " + OVER)


def test_the_first_goal_that_is_not_reached_ends_the_wait(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "c")

    answer = kvc("wait", "c", "--for=delete", "--for=phase=Succeeded", "--timeout=0", exit_code=3)

    assert answer.out == ""


def test_a_field_is_a_goal(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "c")

    assert kvc("wait", "c", "--for=jsonpath={.status.targetName}=c-t").out == met("c")
    other = kvc("wait", "c", "--for=jsonpath={.status.targetName}=x", "--timeout=1h", exit_code=4)

    assert errors(other) == [
        f"error: {OBJECT}/c will not reach jsonpath={{.status.targetName}}=x: its phase is already"
        " Succeeded"
    ]


def test_volumes_that_wait_for_their_first_consumer_are_told(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "c", source="vm-later")
    until(lambda: phase_of(plane, "c") == "Succeeded")

    answer = kvc("wait", "c", "--for=volumes-bound", "--timeout=0", exit_code=3)

    (error,) = errors(answer)
    assert error.startswith("error: condition not met for virtualmachineclones/c: the volume ")
    assert error.endswith('is bound only when the VM "c-t" starts')
    assert answer.err.splitlines()[-1] == "hint: virtctl start c-t -n default"


def test_volumes_that_are_bound_meet_the_goal(kvc: Kvc, plane: ControlPlane) -> None:
    a_clone(plane, "c", source="vm-data")

    assert kvc("wait", "c", "--for=volumes-bound").out == met("c")


def test_a_clone_that_vanishes_with_its_target_after_success_had_succeeded(
    kvc: Kvc,
    make_plane: Planes,
) -> None:
    def vanish() -> None:
        until(lambda: phase_of(plane, "c") == "Succeeded")
        plane.registry.delete(VMS, "default", "c-t")

    # Between the list and the watch nobody saw it succeed.
    heard: dict[str, Any] = {"done": False}

    def on_request(method: str, path: str, code: int) -> None:
        if "virtualmachineclones" in path and not heard["done"]:
            heard["done"] = True

    plane = make_plane(on_request=on_request)
    a_clone(plane, "c", source="nosuch")
    vm = plane.registry.get(VMS, "default", "vm-cirros")

    def act() -> None:
        until(lambda: heard["done"])
        plane.registry.create(VMS, "default", {**vm, "metadata": {"name": "nosuch"}})
        vanish()

    import threading

    thread = threading.Thread(target=act)
    thread.start()
    answer = kvc("wait", "c")
    thread.join()

    assert answer.out == met("c")


def test_targets_that_may_not_be_read_are_said_to_be_unconfirmed_in_one_line(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    few = User(
        "few",
        rules=(Rule(("clone.kubevirt.io",), ("virtualmachineclones",), ("get", "list", "watch")),),
    )
    plane = make_plane(users={"few-token": few})
    config = tmp_path / "few"
    config.write_text(plane.kubeconfig_of("few-token"))
    names = ("c", "d", "e")
    for name in names:
        a_clone(plane, name)
    until(lambda: all(phase_of(plane, name) == "Succeeded" for name in names))

    answer = kvc("wait", *names, "--kubeconfig", config)

    assert sorted(answer.out.splitlines()) == [met(name).rstrip() for name in names]
    (told,) = [line for line in answer.err.splitlines() if "can't be told" in line]
    assert re.sub('"[cde]-t"', '"TARGET"', told) == (
        'whether a clone made its target can\'t be told: virtualmachines.kubevirt.io "TARGET" is'
        ' forbidden: User "few" cannot get resource "virtualmachines" in API group "kubevirt.io"'
        ' in the namespace "default"'
    )


@pytest.mark.parametrize("verb", ["watch", "list"])
def test_a_stuck_clone_is_found_out_where_it_can_only_be_polled(
    kvc: Kvc, make_plane: Planes, verb: str
) -> None:
    plane = make_plane(faults=[f"forbid:verb={verb},resource=virtualmachineclones"])
    a_clone(plane, "c", target="taken")

    answer = kvc("wait", "c", "--timeout=30s", exit_code=4)

    assert errors(answer) == [
        f"error: {OBJECT}/c will not reach phase=Succeeded:"
        ' the target "taken" exists already; KubeVirt goes on only if it is deleted'
    ]
    assert f"{verb}ing virtualmachineclones is forbidden: polling instead" in answer.err
