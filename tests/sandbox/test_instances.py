"""A started VM has a VirtualMachineInstance; without nodes it stays Scheduling, as recorded."""

from __future__ import annotations

from collections.abc import Callable

from .world import VMS, World

INSTANCES = "virtualmachineinstances.kubevirt.io"


def phases(world: World) -> dict[str, str]:
    found = world.registry.list(INSTANCES, "default").items
    return {item["metadata"]["name"]: item["status"]["phase"] for item in found}


def test_an_instance_comes_and_goes_with_the_start_of_its_vm(world: World) -> None:
    world.until(lambda: world.get(VMS, "vm-cirros").get("status"))
    assert phases(world) == {}

    world.change(VMS, "vm-cirros", lambda vm: vm["spec"].update(runStrategy="Always"))
    world.until(lambda: phases(world) == {"vm-cirros": "Scheduling"})
    vm, instance = world.get(VMS, "vm-cirros"), world.get(INSTANCES, "vm-cirros")
    assert instance["spec"] == vm["spec"]["template"]["spec"]
    assert instance["metadata"]["labels"] == vm["spec"]["template"]["metadata"]["labels"]
    [condition] = instance["status"]["conditions"]
    assert (condition["type"], condition["reason"]) == ("Ready", "GuestNotRunning")

    world.change(VMS, "vm-cirros", lambda vm: vm["spec"].update(runStrategy="Halted"))
    world.until(lambda: phases(world) == {})


def test_an_instance_goes_with_its_vm(make_world: Callable[..., World]) -> None:
    world = make_world("targets")
    world.until(lambda: phases(world) == {"run-1": "Scheduling"})
    world.delete(VMS, "run-1")
    world.until(lambda: phases(world) == {})


def test_a_guest_with_an_agent_is_running(make_world: Callable[..., World]) -> None:
    world = make_world("vm-freeze")
    world.until(lambda: list(phases(world).values()) == ["Running"])
