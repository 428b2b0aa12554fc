"""Many clones at once take as long as recordings/README.md says: in virtual time, at speed 1."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kubevirt_sandbox.kubevirt.controllers.snapshots import is_ready
from kubevirt_sandbox.kubevirt.pace import Pace

from .world import NAMESPACE, SNAPSHOTS, World, a_snapshot

LONGEST = 3000.0
# Recordings 14 and 20, and the table in recordings/README.md: seconds until the last Succeeded.
FROM_THE_VM = {10: 17.6, 20: 66.0, 50: 304.2}
FROM_ONE_SNAPSHOT = {50: 38.6}
WITHIN = 1.5


class Seconds:
    """Time for the controllers' waits, which moves from one due moment to the next."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run_until(world: World, seconds: Seconds, condition: Callable[[], bool]) -> None:
    """Lets the controllers work, without waiting for real time."""
    while True:
        while world.kubevirt.step():
            pass
        if condition():
            return
        seconds.now += world.kubevirt.idle_for()
        assert seconds.now < LONGEST


def duration(count: int, *, shared: bool, throttled: bool = True) -> float:
    """Seconds until ``count`` clones of one VM, created at once, have all succeeded."""
    seconds = Seconds()
    world = World(Pace(throttled=throttled, clock=seconds))
    if shared:
        world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("shared", "vm-cirros"))
        run_until(world, seconds, lambda: is_ready(world.get(SNAPSHOTS, "shared")))
    begun = seconds.now
    names = [f"many-{number:02}" for number in range(count)]
    for name in names:
        world.clone(name, "vmsnapshot/shared" if shared else "vm-cirros", f"{name}-t")
    run_until(world, seconds, lambda: all(world.phase(name) == "Succeeded" for name in names))
    return seconds.now - begun


@pytest.mark.parametrize(
    ("count", "recorded"),
    [
        pytest.param(*item, marks=pytest.mark.nightly if item[0] == 50 else [])
        for item in FROM_THE_VM.items()
    ],
)
def test_clones_of_a_vm_take_as_long_as_recorded(count: int, recorded: float) -> None:
    assert recorded / WITHIN < duration(count, shared=False) < recorded * WITHIN


@pytest.mark.parametrize(("count", "recorded"), FROM_ONE_SNAPSHOT.items())
def test_clones_of_one_snapshot_take_as_long_as_recorded(count: int, recorded: float) -> None:
    assert recorded / WITHIN < duration(count, shared=True) < recorded * WITHIN


@pytest.mark.nightly
def test_fifty_clones_of_one_snapshot_are_done_seven_times_as_soon() -> None:
    assert duration(50, shared=False) / duration(50, shared=True) > 7


def test_few_clones_of_one_snapshot_are_within_the_burst() -> None:
    assert duration(10, shared=True) < 1.6


def test_clones_of_one_snapshot_do_not_hold_each_other_up_unless_asked_to() -> None:
    assert duration(50, shared=True, throttled=False) < 0.5


def test_the_snapshots_of_a_vm_are_taken_one_after_the_other() -> None:
    assert 50 * Pace.snapshot < duration(50, shared=False, throttled=False) < 60 * Pace.snapshot


def two_clones_of_a_vm(seconds: Seconds) -> tuple[World, list[str]]:
    """A world in which two clones have their snapshots, and the names of these."""
    world = World(Pace(throttled=True, clock=seconds))
    clones = [world.clone(name, target=f"{name}-t") for name in ("a", "b")]
    run_until(world, seconds, lambda: len(world.names(SNAPSHOTS)) == 2)
    return world, [f"tmp-snapshot-{clone['metadata']['uid']}" for clone in clones]


def test_of_a_vm_one_snapshot_is_taken_at_a_time() -> None:
    world, (first, second) = two_clones_of_a_vm(Seconds())
    conditions = [world.get(SNAPSHOTS, name)["status"]["conditions"][0] for name in (first, second)]
    assert [(item["type"], item["status"], item["reason"]) for item in conditions] == [
        ("Progressing", "True", "Source locked and operation in progress"),
        ("Progressing", "False", f'Source not locked snapshot "{first}" in progress'),
    ]


def test_a_snapshot_that_is_deleted_lets_the_next_one_be_taken() -> None:
    seconds = Seconds()
    world, (first, _) = two_clones_of_a_vm(seconds)
    world.delete(SNAPSHOTS, first)
    run_until(world, seconds, lambda: world.phase("b") == "Succeeded")
    assert world.phase("a") == "SnapshotInProgress"
