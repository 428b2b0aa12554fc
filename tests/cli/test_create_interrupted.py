"""Ctrl-C while ``create`` waits for answers, or goes on to wait: the next step is told."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubectl_virt_clone.actions.create import creating
from kubectl_virt_clone.actions.create.creating import Creation
from kubectl_virt_clone.actions.delete import removing
from kubectl_virt_clone.errors import ConnectionFailed
from kubectl_virt_clone.kube import pool as concurrency
from kubevirt_sandbox.controlplane import ControlPlane
from tests.cli.conftest import Kvc
from tests.cli.test_bulk import clones, shared
from tests.cli.test_wait import PATIENCE, a_clone


def interrupted(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("rm", [(), ("--rm",)])
def test_before_the_wait_it_is_told_how_to_wait(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch, rm: tuple[str, ...]
) -> None:
    monkeypatch.setattr(creating, "wait_for", interrupted)

    args = ("c", "--source=vm-cirros", "--target=t", "--wait", *rm)
    answer = kvc("create", *args, "--kubeconfig", plane.kubeconfig, exit_code=130)

    goal = " --for=volumes-bound" if rm else ""
    assert answer.err.splitlines()[-2:] == [
        "interrupted; the clone c goes on without us. To wait again:",
        f"  kubectl virt-clone wait c -n default --kubeconfig {plane.kubeconfig}{goal}",
    ]
    assert list(clones(plane)) == ["c"]


def test_as_soon_as_all_are_created_it_is_told_how_to_wait(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Creation.create

    def interrupted_after(self: Creation, *args: Any, **options: Any) -> None:
        create(self, *args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Creation, "create", interrupted_after)

    args = ("--source=vm-cirros", "--target=t-{}", "--count=2", "--wait")
    answer = kvc("create", *args, exit_code=130)

    assert answer.err.splitlines()[-2:] == [
        "interrupted; 2 clones go on without us. To wait again:",
        "  kubectl virt-clone wait clone-t-1 clone-t-2 -n default",
    ]
    assert sorted(clones(plane)) == ["clone-t-1", "clone-t-2"]


def test_ctrl_c_before_the_answer_to_one_creation_is_told(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(creating, "create", interrupted)

    answer = kvc("create", "c", "--source=vm-cirros", "--target=t", exit_code=130)

    assert answer == (
        "",
        "interrupted; 0 of 1 clones are there; no answer came for up to 1 more\n",
    )


def test_one_clone_is_created_without_a_thread(
    kvc: Kvc, plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, threads = creating.create, list[threading.Thread]()

    def seen(*args: Any, **options: Any) -> Any:
        threads.append(threading.current_thread())
        return create(*args, **options)

    monkeypatch.setattr(creating, "create", seen)
    kvc("create", "c", "--source=vm-cirros", "--target=t")

    assert threads == [threading.main_thread()]


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A request to which no answer comes; Ctrl-C as soon as two are under way."""
    monkeypatch.setattr(concurrency, "LAST_ANSWERS", 0.05)
    both, end = threading.Barrier(2), threading.Event()

    def silent(*_: Any, **__: Any) -> None:
        if both.wait(PATIENCE) == 0:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        end.wait(PATIENCE)
        raise ConnectionFailed("too late")

    yield silent
    end.set()


def test_no_more_creations_are_open_than_there_are_clones(
    kvc: Kvc,
    plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
    ctrl_c: Callable[..., None],
) -> None:
    monkeypatch.setattr(creating, "create", ctrl_c)

    args = ("--source=vm-cirros", "--target=t-{}", "--count=2")
    answer = kvc("create", *args, exit_code=130)

    (snapshot,) = shared(plane)
    assert answer.err.splitlines()[-1] == (
        f"interrupted; 0 of 2 clones are there with the snapshot {snapshot['metadata']['name']};"
        " no answer came for up to 2 more; the same command creates what is missing"
    )


def test_no_more_deletions_are_open_than_there_are_clones(
    kvc: Kvc,
    plane: ControlPlane,
    monkeypatch: pytest.MonkeyPatch,
    ctrl_c: Callable[..., None],
) -> None:
    a_clone(plane, "a")
    a_clone(plane, "b")
    monkeypatch.setattr(removing, "delete", ctrl_c)

    answer = kvc("delete", "a", "b", exit_code=130)

    assert answer.err.splitlines()[-1] == (
        "interrupted; 0 of 2 clones are deleted; no answer came for up to 2 more"
    )
