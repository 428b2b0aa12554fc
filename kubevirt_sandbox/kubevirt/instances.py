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


def plugged(vm: Obj, instance: Obj) -> Obj:
    """The instance with the networks that were added to its VM since: they can be plugged in."""
    guest = section(vm, "spec", "template", "spec")
    there = [item.get("name") for item in entries(instance, "spec", "networks")]
    networks = [item for item in entries(guest, "networks") if item.get("name") not in there]
    if not networks:
        return dict(instance)
    names = [item.get("name") for item in networks]
    devices = section(instance, "spec", "domain", "devices")
    interfaces = [
        *entries(devices, "interfaces"),
        *(i for i in entries(guest, "domain", "devices", "interfaces") if i.get("name") in names),
    ]
    domain = section(instance, "spec", "domain")
    spec = {
        **section(instance, "spec"),
        "networks": [*entries(instance, "spec", "networks"), *networks],
        "domain": {**domain, "devices": {**devices, "interfaces": interfaces}},
    }
    return {**instance, "spec": spec}


def unplugged(spec: Obj) -> Obj:
    """What of a VM's spec its guest has to be restarted for."""
    guest = section(spec, "template", "spec")
    domain = section(guest, "domain")
    devices = {key: item for key, item in section(domain, "devices").items() if key != "interfaces"}
    kept = {key: item for key, item in guest.items() if key != "networks"}
    return {**kept, "domain": {**domain, "devices": devices}}


def phase_of(vm: Obj) -> str:
    """The phase of a started VM's instance."""
    if any(item.get("type") == "Synchronized" for item in entries(vm, "status", "conditions")):
        return "Pending"
    running = text(vm, "status", "printableStatus") == "Running"
    return "Running" if running else "Scheduling"
