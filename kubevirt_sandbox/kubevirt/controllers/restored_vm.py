"""The VM and the claims that a restore makes of a snapshot's content.

Pure: what the restore controller stores, without storing it.
"""

from __future__ import annotations

from kubevirt_sandbox.kubevirt.controllers.targets import LAST_RESTORE
from kubevirt_sandbox.kubevirt.controllers.volumes import RESTORE_NAME
from kubevirt_sandbox.kubevirt.go_json_patch import PatchError, patched
from kubevirt_sandbox.kubevirt.objects import Obj, annotations_of, entries, owner_uid, section, text
from kubevirt_sandbox.kubevirt.resources import VIRTUAL_MACHINES
from kubevirt_sandbox.kubevirt.revisions import renamed
from kubevirt_sandbox.kubevirt.run_strategy import halted, with_run_strategy_of
from kubevirt_sandbox.storage.store import copy_json

NAME_LIMIT = 63
HASH_LENGTH = 8
PREFIX_TARGET_NAME = "PrefixTargetName"
SOURCE_NAME = "restore.kubevirt.io/source-vm-name"
SOURCE_NAMESPACE = "restore.kubevirt.io/source-vm-namespace"
OWNED = "restore.kubevirt.io/owned-by-vm"
"""Annotation of a restored claim that is to be its target's, until it is."""
NOT_RESTORED = (
    "cdi.kubevirt.io/",
    "pv.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "volume.kubernetes.io/",
)
"""Beginnings of the annotations that say how the source's claim was provisioned."""


def claim_names(restore: Obj, content: Obj) -> dict[str, str]:
    """Volume name → name of the claim that the restore makes for it."""
    volumes = [text(backup, "volumeName") for backup in restored_backups(content)]
    if text(restore, "spec", "volumeRestorePolicy") == PREFIX_TARGET_NAME:
        target = text(restore, "spec", "target", "name")
        return {volume: prefixed_name(target, volume) for volume in volumes}
    prefix = f"restore-{text(restore, 'metadata', 'uid')}"
    return {volume: f"{prefix}-{volume}" for volume in volumes}


def restored_backups(content: Obj) -> list[Obj]:
    """The volumes of a snapshot that are restored: all but memory dumps."""
    guest = section(content, "spec", "source", "virtualMachine", "spec", "template", "spec")
    dumps = {text(item, "name") for item in entries(guest, "volumes") if "memoryDump" in item}
    backups = entries(content, "spec", "volumeBackups")
    return [item for item in backups if text(item, "volumeName") not in dumps]


def prefixed_name(base: str, suffix: str) -> str:
    """``base-suffix`` within 63 characters: OpenShift's naming.GetName, which KubeVirt calls.

    What is too long loses the end of its base, and a hash keeps it apart from the others.
    """
    name = f"{base}-{suffix}"
    if len(name) <= NAME_LIMIT:
        return name
    room = NAME_LIMIT - HASH_LENGTH - len("--") - len(suffix)
    if room > 0:
        return f"{base[:room]}-{_fnv_1a(base)}-{suffix}"
    return f"{base[: NAME_LIMIT - HASH_LENGTH - len('-')]}-{_fnv_1a(name)}"


def _fnv_1a(value: str) -> str:
    """The 32-bit FNV-1a hash of a text, as eight hexadecimal digits."""
    result = 0x811C9DC5
    for byte in value.encode():
        result = (result ^ byte) * 0x01000193 % 2**32
    return f"{result:08x}"


def restored_claim(restore: Obj, content: Obj, backup: Obj, name: str, *, marked: bool) -> Obj:
    """The claim that takes its data from one volume snapshot, and says where it came from.

    It keeps the labels and annotations of the source's claim. ``marked``: it carries the mark of
    its restore too, as the target VM does.
    """
    claim = section(backup, "persistentVolumeClaim")
    spec, metadata = section(claim, "spec"), section(claim, "metadata")
    vm = section(content, "spec", "source", "virtualMachine", "metadata")
    origin = {SOURCE_NAME: text(vm, "name"), SOURCE_NAMESPACE: text(vm, "namespace")}
    annotations = {
        key: value
        for key, value in section(metadata, "annotations").items()
        if not key.startswith(NOT_RESTORED)
    }
    annotations[RESTORE_NAME] = text(restore, "metadata", "name")
    if text(backup, "volumeName") in claims_of_the_source(content):
        annotations[OWNED] = text(restore, "metadata", "name")
    if marked:
        annotations[LAST_RESTORE] = _mark(restore)
    taken = ("accessModes", "resources", "storageClassName", "volumeMode")
    source = {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": text(backup, "volumeSnapshotName"),
    }
    return {
        "metadata": {
            "name": name,
            "namespace": text(restore, "metadata", "namespace"),
            "labels": {**section(metadata, "labels"), **origin},
            "annotations": annotations,
        },
        "spec": {
            **{key: spec[key] for key in taken if key in spec},
            "dataSource": source,
            "dataSourceRef": source,
        },
    }


def claims_of_the_source(content: Obj) -> set[str]:
    """Names of the volumes whose claims the source owns: the target is to own the copies."""
    uid = text(content, "spec", "source", "virtualMachine", "metadata", "uid")
    return {
        text(backup, "volumeName")
        for backup in restored_backups(content)
        if uid and owner_uid(section(backup, "persistentVolumeClaim")) == uid
    }


def owned_by(vm: Obj, claim: Obj) -> Obj:
    """The claim with a VM as its controller: it goes when the VM does."""
    owner = {
        "apiVersion": VIRTUAL_MACHINES.api_version,
        "kind": VIRTUAL_MACHINES.kind,
        "name": text(vm, "metadata", "name"),
        "uid": text(vm, "metadata", "uid"),
        "controller": True,
        "blockOwnerDeletion": True,
    }
    annotations = {key: item for key, item in annotations_of(claim).items() if key != OWNED}
    metadata = {**section(claim, "metadata"), "annotations": annotations}
    return {**claim, "metadata": {**metadata, "ownerReferences": [owner]}}


def data_volume_names(content: Obj) -> dict[str, str]:
    """Volume name → name of its dataVolumeTemplate, for the volumes that have one."""
    vm = section(content, "spec", "source", "virtualMachine")
    listed = entries(vm, "spec", "dataVolumeTemplates")
    templates = {text(item, "metadata", "name") for item in listed}
    named = {
        text(volume, "name"): text(volume, "dataVolume", "name")
        for volume in entries(vm, "spec", "template", "spec", "volumes")
    }
    return {volume: name for volume, name in named.items() if name in templates}


def new_target(restore: Obj, content: Obj) -> Obj:
    """The VM to create; PatchError with KubeVirt's sentence when a patch does not apply."""
    source = section(content, "spec", "source", "virtualMachine")
    name = text(restore, "spec", "target", "name")
    metadata: Obj = {"name": name, "namespace": text(restore, "metadata", "namespace")}
    for key in ("labels", "annotations"):
        # Go leaves an empty map out: no patch can add to one that is not there.
        if section(source, "metadata", key):
            metadata[key] = copy_json(source["metadata"][key])
    spec = halted(_restored_spec(restore, content))
    vm = _marked({"metadata": metadata, "spec": spec}, restore)
    patches = section(restore, "spec").get("patches") or []
    try:
        target: Obj = patched(vm, patches)
    except PatchError as error:
        raise PatchError(f"error patching VM {name}: {error}") from error
    return target


def overwritten_target(restore: Obj, content: Obj, vm: Obj) -> Obj:
    """The snapshot's own VM, back at its former spec.

    Labels and run strategy stay as they are now, and patches are not applied.
    """
    spec = with_run_strategy_of(vm, _restored_spec(restore, content))
    return _marked({**vm, "spec": spec}, restore)


def was_restored_by(vm: Obj, restore: Obj) -> bool:
    """Whether this very restore has written the VM already."""
    return section(vm, "metadata", "annotations").get(LAST_RESTORE) == _mark(restore)


def _mark(restore: Obj) -> str:
    return f"{text(restore, 'metadata', 'name')}-{text(restore, 'metadata', 'uid')}"


def _marked(vm: Obj, restore: Obj) -> Obj:
    metadata = section(vm, "metadata")
    annotations = {**section(metadata, "annotations"), LAST_RESTORE: _mark(restore)}
    return {**vm, "metadata": {**metadata, "annotations": annotations}}


def _restored_spec(restore: Obj, content: Obj) -> Obj:
    """The source's spec on the restored claims; its memory dumps are left behind."""
    source = section(content, "spec", "source", "virtualMachine", "spec")
    snapshot_name = text(content, "spec", "virtualMachineSnapshotName")
    spec = renamed(source, snapshot_name, text(restore, "spec", "target", "name"))
    names = claim_names(restore, content)
    of_templates = data_volume_names(content)
    for template in entries(spec, "dataVolumeTemplates"):
        for volume, name in of_templates.items():
            if volume in names and text(template, "metadata", "name") == name:
                template["metadata"]["name"] = names[volume]
    guest = section(spec, "template", "spec")
    if "volumes" in guest:
        guest["volumes"] = [
            _on_claim(volume, names.get(text(volume, "name")), text(volume, "name") in of_templates)
            for volume in entries(guest, "volumes")
            if "memoryDump" not in volume
        ]
    return spec


def _on_claim(volume: Obj, claim: str | None, has_template: bool) -> Obj:
    if claim is None:
        return volume
    if has_template:
        return {**volume, "dataVolume": {**volume["dataVolume"], "name": claim}}
    if "dataVolume" in volume:
        return {"name": volume["name"], "persistentVolumeClaim": {"claimName": claim}}
    kept = section(volume, "persistentVolumeClaim")
    return {**volume, "persistentVolumeClaim": {**kept, "claimName": claim}}
