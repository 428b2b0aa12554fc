"""The VirtualMachineInstance of a started VM: what stands for its guest, which never runs here.

Pure; when there is one is decided in ``controllers.virtualmachines``.
"""

from __future__ import annotations

from kubevirt_sandbox.kubevirt.objects import Obj, entries, location, section, text
from kubevirt_sandbox.kubevirt.resources import VIRTUAL_MACHINES, Resource

INSTANCES = Resource("kubevirt.io", "v1", "virtualmachineinstances", "VirtualMachineInstance")


def instance_of(vm: Obj) -> Obj:
    """The instance of a started VM; without nodes it waits to be scheduled for ever."""
    namespace, name = location(vm)
    template = section(vm, "spec", "template")
    metadata = section(template, "metadata")
    owner = {
        "apiVersion": VIRTUAL_MACHINES.api_version,
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": VIRTUAL_MACHINES.kind,
        "name": name,
        "uid": text(vm, "metadata", "uid"),
    }
    return {
        "metadata": {
            **{key: metadata[key] for key in ("labels", "annotations") if metadata.get(key)},
            "name": name,
            "namespace": namespace,
            "ownerReferences": [owner],
        },
        "spec": section(template, "spec"),
        "status": {
            "conditions": entries(vm, "status", "conditions"),
            "phase": phase_of(vm),
        },
    }


def phase_of(vm: Obj) -> str:
    """The phase of a started VM's instance."""
    running = text(vm, "status", "printableStatus") == "Running"
    return "Running" if running else "Scheduling"
