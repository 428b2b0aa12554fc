"""The VM and the claims that a restore makes of a snapshot's content.

Pure: what the restore controller stores, without storing it.
"""

from __future__ import annotations

from ..storage.store import copy_json
from .go_json_patch import PatchError, patched
from .objects import Obj, entries, section, text
from .targets import LAST_RESTORE
from .volumes import RESTORE_NAME

NAME_LIMIT = 63


def claim_names(restore: Obj, content: Obj) -> dict[str, str]:
    """Volume name → name of the claim that the restore makes for it."""
    uid = text(restore, "metadata", "uid")
    prefix = f"restore-{uid}"
    if text(restore, "spec", "volumeRestorePolicy") == "PrefixTargetName":
        prefix = text(restore, "spec", "target", "name")
    volumes = [text(backup, "volumeName") for backup in entries(content, "spec", "volumeBackups")]
    return {volume: f"{prefix}-{volume}"[:NAME_LIMIT] for volume in volumes}


def restored_claim(restore: Obj, backup: Obj, name: str) -> Obj:
    """The claim that takes its data from one volume snapshot."""
    spec = section(backup, "persistentVolumeClaim", "spec")
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
            "annotations": {RESTORE_NAME: text(restore, "metadata", "name")},
        },
        "spec": {**{key: spec[key] for key in taken if key in spec}, "dataSource": source},
    }


def new_target(restore: Obj, content: Obj) -> Obj:
    """The VM to create; PatchError with KubeVirt's sentence when a patch does not apply."""
    source = section(content, "spec", "source", "virtualMachine")
    name = text(restore, "spec", "target", "name")
    copied = ("labels", "annotations")
    metadata = {
        "name": name,
        "namespace": text(restore, "metadata", "namespace"),
        **{key: copy_json(section(source, "metadata", key)) for key in copied},
    }
    vm = {"metadata": metadata, "spec": _restored_spec(restore, content)}
    patches = section(restore, "spec").get("patches") or []
    try:
        vm = patched(vm, patches)
    except PatchError as error:
        raise PatchError(f"error patching VM {name}: {error}") from error
    return _marked(vm, restore)


def overwritten_target(restore: Obj, content: Obj, vm: Obj) -> Obj:
    """The snapshot's own VM, back at its former spec: labels stay, patches are not applied."""
    return _marked({**vm, "spec": _restored_spec(restore, content)}, restore)


def was_restored_by(vm: Obj, restore: Obj) -> bool:
    """Whether this very restore has written the VM already."""
    return section(vm, "metadata", "annotations").get(LAST_RESTORE) == _mark(restore)


def _mark(restore: Obj) -> str:
    return f"{text(restore, 'metadata', 'name')}-{text(restore, 'metadata', 'uid')}"


def _marked(vm: Obj, restore: Obj) -> Obj:
    metadata = section(vm, "metadata")
    annotations = {**section(metadata, "annotations"), LAST_RESTORE: _mark(restore)}
    # Filters may have emptied the labels; Go leaves an empty map out.
    kept = {key: item for key, item in metadata.items() if key != "labels" or item}
    return {**vm, "metadata": {**kept, "annotations": annotations}}


def _restored_spec(restore: Obj, content: Obj) -> Obj:
    """The source's spec, halted whatever it was, on the restored claims."""
    spec: Obj = copy_json(section(content, "spec", "source", "virtualMachine", "spec"))
    spec.pop("running", None)
    spec["runStrategy"] = "Halted"
    names = claim_names(restore, content)
    templates = {
        text(item, "metadata", "name"): item for item in entries(spec, "dataVolumeTemplates")
    }
    for volume in entries(spec, "template", "spec", "volumes"):
        claim = names.get(text(volume, "name"))
        if claim is None:
            continue
        template = templates.get(text(volume, "dataVolume", "name"))
        if template is not None:
            template["metadata"]["name"] = claim
            volume["dataVolume"]["name"] = claim
        else:
            volume.pop("dataVolume", None)
            kept = section(volume, "persistentVolumeClaim")
            volume["persistentVolumeClaim"] = {**kept, "claimName": claim}
    return spec
