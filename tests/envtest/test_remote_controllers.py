"""The same controllers as clients of an API server: here the sandbox's own, over HTTPS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from kubevirt_sandbox.apiserver.faults.fault import parse_fault
from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.loop import KubeVirt
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace
from kubevirt_sandbox.kubevirt.resources import CLONES as CLONE_RESOURCE
from tests.sandbox.test_clone_lifecycle import happy_events, happy_timeline
from tests.sandbox.world import (
    CLAIMS,
    CLONES,
    PATIENCE,
    RESTORES,
    SNAPSHOTS,
    VMS,
    World,
    a_snapshot,
    pending,
)

from .remote_api import RemoteApi

MakeWorld = Callable[..., World]


@pytest.fixture
def remote_world() -> Iterator[MakeWorld]:
    """Starts API servers whose KubeVirt is a client of them."""
    with ExitStack() as stack:

        def make(*seeds: str, faults: Sequence[str] = ()) -> World:
            wrong = map(parse_fault, faults)
            plane = stack.enter_context(
                ControlPlane(seeds=["kubevirt", *seeds], faults=wrong, controllers=False)
            )
            token, catalogue = plane.token, plane.registry.catalogue
            api = stack.enter_context(RemoteApi(plane.url, plane.ca_file, token, catalogue))
            # A claim may be bound after the first look at its snapshot: it has to have time.
            kubevirt = KubeVirt(api, pace=Pace(speed=float("inf"), failure_deadline=NEVER))
            kubevirt.start()
            stack.callback(kubevirt.stop)
            return World.of(plane)

        yield make


def test_a_clone_over_https_goes_the_same_way(remote_world: MakeWorld) -> None:
    world = remote_world("vm-cirros")
    version = world.registry.store.version
    uid = world.clone("clone-1", target="copy")["metadata"]["uid"]
    world.until_phase("clone-1", "Succeeded")
    world.until(lambda: not world.names(SNAPSHOTS) and not world.names(RESTORES))
    world.until_event("clone-1", "PVCBound")
    assert world.timeline("clone-1", since=version) == happy_timeline(uid, "copy")
    assert world.events("clone-1") == happy_events(uid, "clone-1", "copy")


def test_claims_are_restored_and_bound_over_https(remote_world: MakeWorld) -> None:
    world = remote_world("vm-data")
    world.clone("clone-1", "vm-data", target="copy")
    world.until_phase("clone-1", "Succeeded")
    world.until(
        lambda: (
            [world.get(CLAIMS, item)["status"]["phase"] for item in world.names(CLAIMS)]
            == ["Bound", "Bound"]
        )
    )


def test_a_snapshot_is_cloned_over_https(remote_world: MakeWorld) -> None:
    world = remote_world("vm-cirros")
    world.registry.create(SNAPSHOTS, "default", a_snapshot("snap", "vm-cirros"))
    world.clone("clone-1", "vmsnapshot/snap", target="copy")
    world.until_phase("clone-1", "Succeeded")
    assert world.names(SNAPSHOTS) == ["snap"]


def test_a_persistent_tpm_fails_over_https(remote_world: MakeWorld) -> None:
    world = remote_world("vm-backend-storage")
    world.clone("clone-1", "vm-tpm", target="copy")
    world.until_phase("clone-1", "Failed")
    assert world.names(RESTORES) == []


def test_a_clone_waits_over_https_for_its_source(remote_world: MakeWorld) -> None:
    world = remote_world()
    world.clone("clone-1", "vm-cirros", target="copy")
    sentence = "Source doesnt exist: VirtualMachine default/vm-cirros"
    world.until(lambda: world.reasons(CLONES, "clone-1") == pending(sentence).split("; "))
    world.seed("vm-cirros")
    world.until_phase("clone-1", "Succeeded")


def test_a_clone_goes_over_https_with_its_target(remote_world: MakeWorld) -> None:
    world = remote_world("vm-cirros")
    world.clone("clone-1", target="copy")
    world.until_phase("clone-1", "Succeeded")
    world.delete(VMS, "copy")
    world.until(lambda: world.find(CLONES, "clone-1") is None)


@pytest.mark.parametrize(
    "fault",
    [
        "410:verb=watch,count=6",
        "410:verb=watch,event=true,after=1,count=3",
        "close:after=1,count=3",
        "drop:verb=watch,count=3",
        "drop:verb=update,count=3",
        "503:verb=list,count=3",
        "500:verb=get,every=3,count=4",
    ],
)
def test_controllers_get_over_faults_of_the_connection(remote_world: MakeWorld, fault: str) -> None:
    world = remote_world("vm-data", faults=[fault])
    world.clone("clone-1", "vm-data", target="copy")
    world.until_phase("clone-1", "Succeeded")
    world.until(lambda: not world.names(SNAPSHOTS) and not world.names(RESTORES))


def test_what_vanished_while_nobody_watched_is_deleted() -> None:
    # No watch is ever granted: all is known by lists.
    never = parse_fault("410:verb=watch,count=1000")
    with ControlPlane(seeds=["kubevirt"], faults=[never], controllers=False) as plane:
        world = World.of(plane)
        with RemoteApi(plane.url, plane.ca_file, plane.token, plane.registry.catalogue) as api:
            uid = world.clone("a", target="b")["metadata"]["uid"]
            assert seen(api, "ADDED") == uid
            world.delete(CLONES, "a")
            assert seen(api, "DELETED") == uid
            # Made again under its name between two lists, it is another one.
            first = world.clone("a", target="b")["metadata"]["uid"]
            assert seen(api, "ADDED") == first
            with world.registry.store.lock:
                world.delete(CLONES, "a")
                second = world.clone("a", target="b")["metadata"]["uid"]
            assert seen(api, "DELETED") == first
            assert seen(api, "ADDED") == second


def seen(api: RemoteApi, event: str) -> str:
    """The uid of the first clone to which this happens."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for change in api.changes([CLONE_RESOURCE], 0.1):
            if change.event == event:
                return str(change.object["metadata"]["uid"])
    raise AssertionError(f"nothing is {event}")
