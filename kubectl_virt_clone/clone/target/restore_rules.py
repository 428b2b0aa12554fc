"""A source as KubeVirt's restore and VM webhook rewrite it: halted, with claims of its own.

``projection`` adds what a clone's filters and patches change in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubectl_virt_clone.clone.api import LAST_RESTORE_UID, VIRTUAL_MACHINES
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    copied,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
)

GENERATED = "<generated>"
"""Stands in for text that KubeVirt generates, alone or within a name."""

PREFIX_TARGET_NAME = "PrefixTargetName"
HALTED = "Halted"

OBSERVED = {
    "kubevirt.io/latest-observed-api-version": "v1",
    "kubevirt.io/storage-observed-api-version": "v1",
}
PCI_TOPOLOGY = {"kubevirt.io/pci-topology-version": "v3"}
"""Annotations of a VM and of its template that KubeVirt writes back if a filter removed them.

The second came with 1.6.4. If the source lacks them, it or its cluster's KubeVirt is older; what
the target gets is then unknown and left out.
"""

_TEXTS = frozenset({"annotations", "labels", "nodeSelector"})
_LONGEST_CLAIM = 63
_HASH_LENGTH = 8
_SUFFIX_LENGTH = 5  # of the name that KubeVirt generates for a target


@dataclass(frozen=True)
class VolumeClaim:
    """The claim behind a volume of the source and of the target.

    ``after`` may contain GENERATED, and is empty if the target has no such volume.
    """

    volume: str
    before: str
    after: str


def restored(
    source: Object, name: str, policy: str
) -> tuple[dict[str, Any], tuple[VolumeClaim, ...]]:
    """The VM that the restore writes before it patches it, and the claims of its volumes.

    ``policy`` is the clone's volumeNamePolicy. Source: KubeVirt's restore.go,
    ``generateRestoredVMSpec``; like Go, it leaves out an empty map of labels.
    """
    namespace = text_at(source, "metadata", "namespace")
    labels = dict(mapping_at(source, "metadata", "labels"))
    annotations = dict(mapping_at(source, "metadata", "annotations"))
    metadata: dict[str, Any] = {
        "annotations": annotations | {LAST_RESTORE_UID: GENERATED},
        **({"labels": labels} if labels else {}),
        "name": name,
        **({"namespace": namespace} if namespace else {}),
    }
    spec = _halted(copied(dict(mapping_at(source, "spec"))))
    claims = tuple(_claims(spec, name, policy))
    names = {claim.volume: claim.after for claim in claims}
    _rename_volumes(spec, names)
    for field in ("instancetype", "preference"):
        matcher = spec.get(field)
        # The restore copies the revision under a new name.
        if isinstance(matcher, dict) and text_at(matcher, "revisionName"):
            matcher["revisionName"] = GENERATED
    head = {"apiVersion": VIRTUAL_MACHINES.api_version, "kind": VIRTUAL_MACHINES.kind}
    return {**head, "metadata": metadata, "spec": spec}, claims


def _halted(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec of a halted VM, in the source's field: a restore never starts its target."""
    if spec.get("running") is not None:
        return spec | {"running": False}
    return {key: value for key, value in spec.items() if key != "running"} | {"runStrategy": HALTED}


def claim_name(target: str, volume: str, policy: str) -> str:
    """The name of the claim, and of its DataVolume, that the restore makes for a volume.

    KubeVirt 1.8 and later shorten a name that is prefixed with the target's (recording 53); one
    that can't be known, because the target's is generated, is GENERATED. They never shorten names
    that contain a UID.
    """
    if policy != PREFIX_TARGET_NAME:
        return f"restore-{GENERATED}-{volume}"
    name = f"{target}-{volume}"
    if len(name.replace(GENERATED, "x" * _SUFFIX_LENGTH)) <= _LONGEST_CLAIM:
        return name
    return GENERATED if GENERATED in target else _shortened(target, volume)


def _shortened(target: str, volume: str) -> str:
    """The name as OpenShift's library-go makes it (``naming.GetName``): a hash keeps it apart."""
    room = _LONGEST_CLAIM - len("--") - _HASH_LENGTH - len(volume)
    if room < 0:
        prefix = target[: _LONGEST_CLAIM - len("-") - _HASH_LENGTH]
        return f"{prefix}-{_fnv_1a(f'{target}-{volume}')}"
    return f"{target[:room]}-{_fnv_1a(target)}-{volume}"


def _fnv_1a(text: str) -> str:
    """The FNV-1a hash of 32 bits, in hexadecimal digits."""
    value = 0x811C9DC5
    for byte in text.encode():
        value = (value ^ byte) * 0x01000193 % 2**32
    return f"{value:0{_HASH_LENGTH}x}"


def claim_of(volume: Object) -> str:
    """The claim behind a volume; empty if it has none, such as an image or cloud-init.

    A DataVolume and its claim have the same name.
    """
    return (
        text_at(volume, "persistentVolumeClaim", "claimName")
        or text_at(volume, "dataVolume", "name")
        or text_at(volume, "memoryDump", "claimName")
    )


_BY_NAME: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("secret", ("secret", "secretName")),
    ("secret", ("sysprep", "secret", "name")),
    ("secret", ("cloudInitNoCloud", "secretRef", "name")),
    ("secret", ("cloudInitNoCloud", "networkDataSecretRef", "name")),
    ("secret", ("cloudInitConfigDrive", "secretRef", "name")),
    ("secret", ("cloudInitConfigDrive", "networkDataSecretRef", "name")),
    ("configmap", ("configMap", "name")),
    ("configmap", ("sysprep", "configMap", "name")),
    ("serviceaccount", ("serviceAccount", "serviceAccountName")),
    ("pvc", ("ephemeral", "persistentVolumeClaim", "claimName")),
    ("the host's file", ("hostDisk", "path")),
)
_CREDENTIALS = tuple(
    (kind, "source", "secret", "secretName") for kind in ("sshPublicKey", "userPassword")
)


def named_by(vm: object) -> dict[str, list[str]]:
    """What a VM's volumes and credentials use by its name → the volumes: ``secret/a``.

    A clone keeps all of it (recording 34): source and target share it.
    """
    found: dict[str, list[str]] = {}
    for volume in mappings_at(vm, "spec", "template", "spec", "volumes"):
        for kind, path in _BY_NAME:
            if name := text_at(volume, *path):
                what = f"{kind} {name}" if " " in kind else f"{kind}/{name}"
                found.setdefault(what, []).append(text_at(volume, "name"))
    for credential in mappings_at(vm, "spec", "template", "spec", "accessCredentials"):
        for where in _CREDENTIALS:
            if name := text_at(credential, *where):
                found.setdefault(f"secret/{name}", [])
    return found


def unrestored(vm: object) -> tuple[tuple[str, str], ...]:
    """(volume, what becomes of it) for each volume without a claim of its own, in order."""
    shared = {volume: what for what, volumes in named_by(vm).items() for volume in volumes}
    found = []
    for volume in mappings_at(vm, "spec", "template", "spec", "volumes"):
        name = text_at(volume, "name")
        if claim_of(volume):
            continue
        kind = next((key for key in volume if key != "name"), "")
        image = text_at(volume, "containerDisk", "image")
        fate = f"{shared[name]}, shared" if name in shared else f"{kind}, the same"
        if kind == "emptyDisk":
            fate = "emptyDisk, empty"
        found.append((name, f"{image}, the same image" if image else fate))
    return tuple(found)


def disks_of(vm: object) -> dict[str, str]:
    """Volume → claim of each volume that a clone has to snapshot; a memory dump is not one.

    Source: KubeVirt's clone webhook, which looks at claims and DataVolumes.
    """
    claims = {
        text_at(item, "name"): claim_of(item)
        for item in mappings_at(vm, "spec", "template", "spec", "volumes")
        if not at(item, "memoryDump")
    }
    return {volume: claim for volume, claim in claims.items() if claim}


def _claims(spec: Object, target: str, policy: str) -> Iterator[VolumeClaim]:
    for volume in mappings_at(spec, "template", "spec", "volumes"):
        name, before = text_at(volume, "name"), claim_of(volume)
        if before:
            # The restore leaves out a dump of the source's memory.
            dump = isinstance(volume.get("memoryDump"), Mapping)
            after = "" if dump else claim_name(target, name, policy)
            yield VolumeClaim(name, before, after)


def _rename_volumes(spec: dict[str, Any], names: Mapping[str, str]) -> None:
    guest = at(spec, "template", "spec")
    if not isinstance(guest, dict) or not isinstance(guest.get("volumes"), list):
        return
    volumes = [item for item in guest["volumes"] if not isinstance(at(item, "memoryDump"), Mapping)]
    templates = {name_of(template) for template in mappings_at(spec, "dataVolumeTemplates")}
    guest["volumes"] = [_renamed(volume, names, templates) for volume in volumes]
    after = {text_at(v, "dataVolume", "name"): names.get(text_at(v, "name")) for v in volumes}
    for template in mappings_at(spec, "dataVolumeTemplates"):
        metadata = template.get("metadata")
        if isinstance(metadata, dict) and (name := after.get(name_of(template))):
            metadata["name"] = name


def _renamed(volume: Any, names: Mapping[str, str], templates: set[str]) -> Any:
    name = text_at(volume, "name")
    claim = names.get(name, "")
    if not claim:
        return volume
    claimed = {"claimName": claim}
    if text_at(volume, "persistentVolumeClaim", "claimName"):
        return volume | {"persistentVolumeClaim": volume["persistentVolumeClaim"] | claimed}
    if text_at(volume, "dataVolume", "name") in templates:
        return volume | {"dataVolume": volume["dataVolume"] | {"name": claim}}
    # No template makes this DataVolume, so the target uses the restored claim itself.
    return {"name": name, "persistentVolumeClaim": claimed}


Version = tuple[int, int]
"""KubeVirt's (major, minor)."""
_GENERATES_FIRMWARE = (1, 6)
_WRITES_NO_NULLS = (1, 9)


def completed(vm: Object, source: Object, version: Version | None = None) -> dict[str, Any]:
    """``vm`` as it is stored: without the empty fields that Go drops, with KubeVirt's defaults.

    Adds only defaults that a clone can remove: KubeVirt's own annotations, serial and UUID,
    architecture and machine type. A ``version`` that is not known counts as the newest; one between
    those that were recorded (70, 71) as the older of them.
    """
    result: dict[str, Any] = _as_go_reads(dict(vm))
    theirs = mapping_at(source, "metadata")
    _complete_metadata(result.get("metadata"), theirs, OBSERVED)
    _overwrite(at(result, "metadata", "annotations"), theirs)
    template = at(result, "spec", "template")
    if isinstance(template, dict):
        metadata = template.get("metadata", {})
        theirs = mapping_at(source, "spec", "template", "metadata")
        _complete_metadata(metadata, theirs, PCI_TOPOLOGY)
        if metadata != {}:
            template["metadata"] = metadata
    guest = at(template, "spec")
    if isinstance(guest, dict):
        before = mapping_at(source, "spec", "template", "spec")
        _complete_guest(guest, before, generates=not version or version >= _GENERATES_FIRMWARE)
    if version and version < _WRITES_NO_NULLS:
        templates = mappings_at(result, "spec", "dataVolumeTemplates")
        for part in (template, *templates):
            if isinstance(part, dict):
                part["metadata"] = {"creationTimestamp": None, **mapping_at(part, "metadata")}
    return result


def _as_go_reads(value: Any, *, texts: bool = False) -> Any:
    """A copy without nulls, which Go ignores, except as empty strings in a map of strings."""
    if isinstance(value, list):
        return [_as_go_reads(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: "" if item is None else _as_go_reads(item, texts=key in _TEXTS)
        for key, item in value.items()
        if item is not None or texts
    }


def _complete_metadata(metadata: Any, before: Object, defaults: Mapping[str, str]) -> None:
    if not isinstance(metadata, dict):
        return
    written = mapping_at(before, "annotations")
    lost = {key: value for key, value in defaults.items() if key in written}
    annotations = metadata.get("annotations")
    if lost and isinstance(annotations, (dict, type(None))):
        metadata["annotations"] = {**lost, **(annotations or {})}
    for field in ("labels", "annotations"):
        if metadata.get(field) == {}:
            del metadata[field]


def _overwrite(annotations: Any, before: Object) -> None:
    """Restore the annotations that KubeVirt always overwrites, if it wrote them before."""
    if isinstance(annotations, dict):
        written = mapping_at(before, "annotations")
        for key, value in OBSERVED.items():
            if written.get(key) == value and isinstance(annotations.get(key), str):
                annotations[key] = value


def _complete_guest(guest: dict[str, Any], before: Object, *, generates: bool) -> None:
    """Add the cluster's architecture and machine type if a patch removed the source's."""
    if "architecture" in before and "architecture" not in guest:
        guest["architecture"] = GENERATED
    domain = guest.get("domain")
    if not isinstance(domain, dict):
        return
    if text_at(before, "domain", "machine", "type") and domain.get("machine") in (None, {}):
        domain["machine"] = {"type": GENERATED}
    firmware = domain.get("firmware")
    if isinstance(firmware, (dict, type(None))) and (generates or firmware is not None):
        given = {key: value for key, value in (firmware or {}).items() if value != ""}
        ids = {"serial": GENERATED, "uuid": GENERATED} if generates else {}
        domain["firmware"] = {**ids, **given}
    for interface in mappings_at(domain, "devices", "interfaces"):
        if isinstance(interface, dict) and interface.get("macAddress") == "":
            del interface["macAddress"]
