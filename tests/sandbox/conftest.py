"""Worlds for the tests of the sandbox: one that runs, and one whose controllers stand still."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from kubevirt_sandbox.kubevirt.pace import Pace

from .world import World


@pytest.fixture
def make_world() -> Iterator[Callable[..., World]]:
    """Makes running worlds; ends their controllers after the test."""
    worlds: list[World] = []

    def make(*seeds: str, pace: Pace | None = None, release: str = "1.9") -> World:
        made = World(pace, seeds or ("vm-cirros",), release)
        worlds.append(made)
        while made.kubevirt.step():  # the status of the seeds' VMs, for which webhooks ask
            pass
        made.kubevirt.start()
        return made

    yield make
    for made in worlds:
        made.kubevirt.stop()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A running world without delays, with vm-cirros in it."""
    return make_world()


@pytest.fixture
def still_world() -> World:
    """A world of webhooks only: nothing is reconciled."""
    return World()
