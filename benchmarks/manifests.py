"""The objects that the peers create, and the shell that they are created with."""

from __future__ import annotations

from typing import Any

SHELL = "/bin/sh"


def clone(name: str, source: str = "vm-cirros") -> dict[str, Any]:
    """A clone of a VM, as somebody would write it."""
    vm = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine"}
    return {
        "apiVersion": "clone.kubevirt.io/v1beta1",
        "kind": "VirtualMachineClone",
        "metadata": {"name": name},
        "spec": {"source": {**vm, "name": source}, "target": {**vm, "name": f"{name}-t"}},
    }


def small_vm(name: str) -> dict[str, Any]:
    """A halted VM that has nothing to copy but its own definition."""
    domain = {"devices": {}, "resources": {"requests": {"memory": "64Mi"}}}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": name},
        "spec": {"runStrategy": "Halted", "template": {"spec": {"domain": domain}}},
    }


def shell(script: str) -> list[str]:
    """The command that runs a script and ends with the first command of it that fails."""
    return [SHELL, "-ec", script]
