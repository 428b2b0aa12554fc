"""KubeVirt's webhooks for VirtualMachines: the defaults they fill in and what they refuse.

Only what a clone and its restore depend on; ``controllers.virtualmachines`` writes a VM's status.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from http import HTTPStatus
from typing import Any

from kubevirt_sandbox.kubevirt.admission.mac_address import SIX_BYTES, length_of_mac
from kubevirt_sandbox.kubevirt.admission.restore_webhooks import with_finalizer
from kubevirt_sandbox.kubevirt.objects import Obj, entries, section
from kubevirt_sandbox.kubevirt.releases import Release
from kubevirt_sandbox.kubevirt.run_strategy import RUN_STRATEGIES
from kubevirt_sandbox.storage.status import Cause, cause, denied

VALIDATOR = "virtualmachine-validator.kubevirt.io"
FINALIZER = "kubevirt.io/virtualMachineControllerFinalize"

OBSERVED_VERSIONS = {
    "kubevirt.io/latest-observed-api-version": "v1",
    "kubevirt.io/storage-observed-api-version": "v1",
}
STRING_MAPS = ("annotations", "labels", "nodeSelector")
PCI_TOPOLOGY = {"kubevirt.io/pci-topology-version": "v3"}


def without_nulls(vm: Obj) -> Obj:
    """The VM as Go reads it and writes it again: a null is no value, or an empty text."""
    return {**vm, "spec": _without_nulls(vm.get("spec"))}


def _without_nulls(value: Any, *, texts: bool = False) -> Any:
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    written = {}
    for key, item in value.items():
        if item is not None:
            written[key] = _without_nulls(item, texts=key in STRING_MAPS)
        elif texts:
            written[key] = ""
    return written


def with_null_timestamps(vm: Obj) -> Obj:
    """The VM as an older Go writes it: a time that was never set is null, not left out."""
    spec = dict(section(vm, "spec"))
    if isinstance(spec.get("template"), dict):
        spec["template"] = _stamped(spec["template"])
    if entries(spec, "dataVolumeTemplates"):
        spec["dataVolumeTemplates"] = [
            _stamped(item) for item in entries(spec, "dataVolumeTemplates")
        ]
    return {**vm, "spec": spec}


def _stamped(part: Obj) -> Obj:
    return {**part, "metadata": {"creationTimestamp": None, **section(part, "metadata")}}


def with_defaults(vm: Obj, release: Release) -> Obj:
    """The VM with what KubeVirt adds at creation; ``vm`` itself is not changed."""
    vm = dict(with_finalizer(vm, FINALIZER))
    vm["metadata"] = _annotated(section(vm, "metadata"), OBSERVED_VERSIONS)
    template = section(vm, "spec", "template")
    guest = section(template, "spec")
    if not guest:
        return vm
    domain = _domain(section(guest, "domain"), generated=release.generates_firmware)
    guest = {"architecture": "amd64", **guest, "domain": domain}
    metadata = section(template, "metadata")
    if not release.generates_firmware:
        vm["spec"] = {**vm["spec"], "template": {**template, "spec": guest}}
        return vm
    if PCI_TOPOLOGY.keys() <= section(metadata, "annotations").keys():
        metadata = _annotated(metadata, {})
    else:
        metadata = _annotated(metadata, PCI_TOPOLOGY)
    vm["spec"] = {**vm["spec"], "template": {**template, "metadata": metadata, "spec": guest}}
    return vm


def _annotated(metadata: Obj, added: dict[str, str]) -> Obj:
    annotations = {**section(metadata, "annotations"), **added}
    kept = {key: item for key, item in metadata.items() if key != "labels" or item}
    return {**kept, "annotations": annotations}


def _domain(domain: Obj, *, generated: bool) -> Obj:
    """The domain with machine type and firmware; Go drops empty strings when it writes a VM."""
    firmware = {key: item for key, item in section(domain, "firmware").items() if item != ""}
    if generated:
        firmware.setdefault("serial", str(uuid.uuid4()))
        firmware.setdefault("uuid", str(uuid.uuid4()))
    # What is a struct in Go is written even when it is empty.
    filled = {"devices": {}, "resources": {}, **domain}
    if generated or "firmware" in domain:
        filled["firmware"] = firmware
    filled["machine"] = section(domain, "machine") or {"type": "q35"}
    if entries(domain, "devices", "interfaces"):
        interfaces = [
            {key: item for key, item in interface.items() if (key, item) != ("macAddress", "")}
            for interface in entries(domain, "devices", "interfaces")
        ]
        filled["devices"] = {**section(domain, "devices"), "interfaces": interfaces}
    return filled


def refuse_invalid(vm: Obj, gates: Collection[str]) -> None:
    """Refuses a VM with a MAC address or a run strategy that can't be one (422).

    And one with a volume that needs a feature gate which is not among ``gates``.
    """
    causes = [
        *_gate_causes(vm, gates),
        *_mac_causes(vm),
        *_run_strategy_causes(section(vm, "spec")),
    ]
    if causes:
        message = ", ".join(item["message"] for item in causes)
        raise denied(
            VALIDATOR,
            message,
            code=HTTPStatus.UNPROCESSABLE_ENTITY,
            reason="Invalid",
            causes=causes,
        )


def warnings_of(vm: Obj) -> Iterator[str]:
    """What the validating webhook warns of, though it lets it pass."""
    if section(vm, "spec").get("running") is not None:
        yield "spec.running is deprecated, please use spec.runStrategy instead."


def _gate_causes(vm: Obj, gates: Collection[str]) -> Iterator[Cause]:
    for index, volume in enumerate(entries(vm, "spec", "template", "spec", "volumes")):
        for source, (gate, sentence) in GATED_VOLUMES.items():
            if source in volume and gate not in gates:
                yield cause("FieldValueInvalid", sentence, f"spec.template.spec.volumes[{index}]")


GATED_VOLUMES = {
    "hostDisk": ("HostDisk", "HostDisk feature gate is not enabled"),
    "downwardMetrics": (
        "DownwardMetrics",
        "downwardMetrics disks are not allowed: DownwardMetrics feature gate is not enabled.",
    ),
}
"""Kind of volume → the gate that it needs, and what is said without it. Recorded."""


def _run_strategy_causes(spec: Obj) -> Iterator[Cause]:
    running, strategy = spec.get("running"), spec.get("runStrategy")
    if running is not None and strategy is not None:
        message = (
            "Running and RunStrategy are mutually exclusive. Note that Running is deprecated, "
            "please use RunStrategy instead"
        )
        yield cause("FieldValueInvalid", message, "spec.running")
    if running is None and strategy is None:
        yield cause("FieldValueInvalid", "RunStrategy must be specified", "spec.running")
    if strategy is not None and strategy not in RUN_STRATEGIES:
        yield cause("FieldValueInvalid", f"Invalid RunStrategy ({strategy})", "spec.runStrategy")


def _mac_causes(vm: Obj) -> Iterator[Cause]:
    devices = section(vm, "spec", "template", "spec", "domain", "devices")
    for index, interface in enumerate(entries(devices, "interfaces")):
        address = interface.get("macAddress") or ""
        size = length_of_mac(str(address)) if address else SIX_BYTES
        if size == SIX_BYTES:
            continue
        field = f"spec.template.spec.domain.devices.interfaces[{index}]"
        # KubeVirt names the field of the interface's name here, not of its MAC.
        message = (
            f"interface {field}.name has malformed MAC address ({address})."
            if size is None
            else f"interface {field}.name has MAC address ({address}) that is too long."
        )
        yield cause("FieldValueInvalid", message, f"{field}.macAddress")
