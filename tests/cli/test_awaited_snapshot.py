"""What is told while several clones wait for their shared snapshot, and how that wait ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from kubectl_virt_clone.actions.create import snapshots
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import Notice, Scope, Watch, watching
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Answer, Kvc, Planes
from tests.cli.test_bulk import SNAPSHOTS, clones, fates, shared
from tests.pacing import keep_pace

TWO = ("create", "--source=vm-freeze", "--target=t-{}", "--count=2", "--skip-check=all")
SHOW = "kubectl describe vmsnapshot.snapshot.kubevirt.io/{} -n default"
LEFT = "0 of 2 clones are there with the snapshot {}; the same command creates what is missing"
LOCKED = {"type": "Progressing", "status": "False", "reason": "Source not locked"}


def taken(kvc: Kvc, plane: ControlPlane, **status: Any) -> str:
    """Leave a snapshot there in this state, as a run that was cut off does; returns its name."""
    kvc(*TWO, "--timeout=0", exit_code=3)
    (snapshot,) = shared(plane)
    plane.registry.store.put(SNAPSHOTS, {**snapshot, "status": status} if status else snapshot)
    return str(snapshot["metadata"]["name"])


def told(answer: Answer, name: str) -> list[str]:
    """The lines on stderr behind the one that says what is waited for; NAME is the snapshot."""
    waiting, *lines = answer.err.splitlines()
    assert waiting == f"waiting until virtualmachinesnapshot.{GROUP}/{name} is ready"
    return [line.replace(name, "NAME") for line in lines]


GROUP = "snapshot.kubevirt.io"
OBJECT = f"virtualmachinesnapshot.{GROUP}/NAME"


@pytest.fixture
def still(make_plane: Planes) -> ControlPlane:
    """A control plane in which nobody takes snapshots."""
    return make_plane(faults=["no-controller"])


def test_why_it_is_not_ready_is_told_at_once_and_when_the_time_is_up(
    kvc: Kvc, still: ControlPlane
) -> None:
    name = taken(kvc, still, phase="InProgress", error={"message": "Freeze\nfailed"})

    answer = kvc(*TWO, "--timeout=0", exit_code=3)

    why = 'the snapshot "NAME" is not ready, KubeVirt tries for 5m: Freeze failed'
    assert told(answer, name) == [
        f"{why}; hint: {SHOW.format('NAME')}",
        f"error: timed out waiting for {OBJECT}: {why}",
        f"hint: {SHOW.format('NAME')}",
        LEFT.format("NAME"),
    ]
    assert fates(answer.out) == {name: "unchanged"}
    assert clones(still) == {}


def test_a_step_on_its_way_is_told_when_the_time_is_up(kvc: Kvc, still: ControlPlane) -> None:
    name = taken(kvc, still, phase="InProgress", conditions=[LOCKED])

    answer = kvc(*TWO, "--timeout=0", exit_code=3)

    why = 'the snapshot "NAME" is not ready, KubeVirt tries for 5m: Source not locked'
    assert told(answer, name)[0] == f"error: timed out waiting for {OBJECT}: {why}"


def test_a_step_that_takes_long_is_told_meanwhile(
    kvc: Kvc, still: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = taken(kvc, still, phase="InProgress", conditions=[LOCKED])
    keep_pace(monkeypatch, stall=0.0)

    answer = kvc(*TWO, "--timeout=200ms", exit_code=3)

    why = 'the snapshot "NAME" is not ready, KubeVirt tries for 5m: Source not locked'
    assert told(answer, name)[:2] == [
        f"{why}; hint: {SHOW.format('NAME')}",
        f"error: timed out waiting for {OBJECT}: {why}",
    ]


def test_a_snapshot_just_created_is_not_begun_with(kvc: Kvc, still: ControlPlane) -> None:
    answer = kvc(*TWO, "--timeout=0", exit_code=3)

    (name,) = fates(answer.out)
    why = 'the snapshot "NAME" is not ready, KubeVirt tries for 5m: KubeVirt has not begun with it'
    assert told(answer, name)[0] == f"error: timed out waiting for {OBJECT}: {why}"


def test_a_controller_that_is_silent_is_told(
    kvc: Kvc, still: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_pace(monkeypatch, silent=0.0)

    answer = kvc(*TWO, "--timeout=200ms", exit_code=3)

    (name,) = fates(answer.out)
    why = (
        'the snapshot "NAME" is not ready: KubeVirt has not looked at it yet, there is no status:'
        " virt-controller is busy, or does not run"
    )
    hint = "hint: kubectl get pods -A -l kubevirt.io=virt-controller"
    assert told(answer, name) == [
        f"{why}; {hint}",
        f"error: timed out waiting for {OBJECT}: {why}",
        hint,
        LEFT.format("NAME"),
    ]


def test_one_that_fails_ends_it_at_once(kvc: Kvc, plane: ControlPlane) -> None:
    args = ("--source=vm-full", "--target=t-{}", "--count=2", "--skip-check=all")
    answer = kvc("create", *args, exit_code=4)

    (snapshot,) = shared(plane)
    error, hint, left = told(answer, snapshot["metadata"]["name"])[-3:]
    assert error.startswith('error: the snapshot "NAME" failed: ')
    assert (hint, left) == (
        "hint: kubectl delete vmsnapshot.snapshot.kubevirt.io/NAME -n default",
        LEFT.format("NAME"),
    )


def test_one_that_is_deleted_meanwhile_ends_it_at_once(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = make_plane(faults=["no-controller"])
    take = snapshots.until_ready

    def deleted_before(session: Any, snapshot: Any, **options: Any) -> Any:
        plane.registry.delete(SNAPSHOTS, "default", snapshot["metadata"]["name"])
        return take(session, snapshot, **options)

    monkeypatch.setattr(snapshots, "until_ready", deleted_before)
    answer = kvc(*TWO, exit_code=4)

    (name,) = fates(answer.out)
    assert told(answer, name) == [
        'error: the snapshot "NAME" was deleted before it was ready',
        LEFT.format("NAME"),
    ]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ("503:verb=list,count=1000", "Error from server (ServiceUnavailable): "),
        ("stall:verb=list", "the server did not answer"),
    ],
)
def test_a_server_that_does_not_answer_is_told(
    kvc: Kvc, make_plane: Planes, monkeypatch: pytest.MonkeyPatch, fault: str, why: str
) -> None:
    make_plane(faults=["no-controller", f"{fault},resource=virtualmachinesnapshots"])
    keep_pace(monkeypatch, first_look=0.3)

    answer = kvc(*TWO, "--timeout=0", exit_code=3)

    (name,) = fates(answer.out)
    error, left = told(answer, name)[-2:]
    assert error.startswith(f"error: timed out waiting for {OBJECT}: {why}")
    assert left == LEFT.format("NAME")


def test_what_the_watch_says_of_itself_is_told(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def polling(session: Session, scopes: list[Scope]) -> Iterator[Watch]:
        with watching(session, ()) as watch:
            watch.found.put(Notice("polling instead"))
            for scope in scopes:
                watch.follow(scope)
            yield watch

    monkeypatch.setattr(snapshots, "watching", polling)

    answer = kvc("create", "--source=vm-cirros", "--target=t-{}", "--count=2")

    (snapshot,) = shared(plane)
    assert "polling instead" in told(answer, snapshot["metadata"]["name"])
    assert len(clones(plane)) == 2


def test_the_hint_is_about_the_cluster_that_was_asked(
    kvc: Kvc, still: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = taken(kvc, still, phase="InProgress", error={"message": "no"})
    monkeypatch.delenv("KUBECONFIG")

    answer = kvc(*TWO, "--timeout=0", "--kubeconfig", still.kubeconfig, exit_code=3)

    shown = "vmsnapshot.snapshot.kubevirt.io/NAME -n default"
    command = f"hint: kubectl --kubeconfig {still.kubeconfig} describe {shown}"
    lines = told(answer, name)
    assert lines[0].endswith(f"; {command}")
    assert lines[2] == command
