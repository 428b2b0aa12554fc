"""The controllers one step at a time, with a clock that stands still unless it is moved."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.pace import Pace

from .world import CLONES, NAMESPACE, READY, World, a_clone


class Seconds:
    """Time for the controllers' waits: it stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


def settle(world: World) -> int:
    """Steps until nothing is due; how many there were."""
    steps = 0
    while world.kubevirt.step():
        steps += 1
        assert steps < 200
    return steps


def phases(world: World, name: str) -> list[str | None]:
    return [line[1] for line in world.timeline(name)]


def test_nothing_happens_but_in_a_step(seconds: Seconds) -> None:
    world = World(Pace(speed=float("inf"), clock=seconds))
    settle(world)
    world.clone("c", target="t")
    assert world.phase("c") == ""
    steps = settle(world)
    assert phases(world, "c") == [None, "SnapshotInProgress", "RestoreInProgress", "Succeeded"]
    assert steps > 3
    assert not world.kubevirt.step()


def test_each_step_writes_about_one_object(seconds: Seconds) -> None:
    world = World(Pace(speed=float("inf"), clock=seconds))
    settle(world)
    world.clone("a", target="a-t")
    world.clone("b", target="b-t")
    while world.kubevirt.step():
        pass
    seen = {name: phases(world, name) for name in ("a", "b")}
    assert seen["a"] == seen["b"] == [None, "SnapshotInProgress", "RestoreInProgress", "Succeeded"]


def test_what_takes_time_is_due_when_the_clock_says_so(seconds: Seconds) -> None:
    world = World(Pace(speed=1, clock=seconds))
    settle(world)
    world.clone("c", target="t")
    settle(world)
    assert world.phase("c") == ""
    seen = []
    for _ in range(10):
        seconds.now += 0.1
        settle(world)
        seen.append(world.phase("c"))
    assert seen == [
        *["SnapshotInProgress"] * 2,
        *["RestoreInProgress"] * 2,
        *["Succeeded"] * 6,
    ]
    assert world.timeline("c")[-1][2] == READY


def test_steps_and_the_thread_end_alike(seconds: Seconds, make_world: Callable[..., World]) -> None:
    threaded = make_world("vm-cirros")
    threaded.clone("c", target="t")
    threaded.until_phase("c", "Succeeded")
    stepped = World(Pace(speed=float("inf"), clock=seconds))
    settle(stepped)
    stepped.clone("c", target="t")
    settle(stepped)
    assert phases(stepped, "c") == phases(threaded, "c")
    assert [item[1] for item in stepped.events("c")] == [item[1] for item in threaded.events("c")]


def test_a_control_plane_may_be_stepped_while_it_serves() -> None:
    with ControlPlane(seeds=["vm-cirros"], speed=float("inf"), controllers=False) as plane:
        plane.registry.create(CLONES, NAMESPACE, a_clone("c", target="t"))
        while plane.kubevirt.step():
            pass
        phase = plane.registry.get(CLONES, NAMESPACE, "c")["status"]["phase"]
    assert phase == "Succeeded"
