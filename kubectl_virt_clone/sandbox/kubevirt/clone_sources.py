"""What a clone names as its source, and why that source can't be cloned (yet).

Reads only; what follows for the clone is decided in clones.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_virt_clone.model.api import SNAPSHOT_CONTENTS, SNAPSHOTS, VIRTUAL_MACHINES

from .controller import Client
from .objects import Obj, entries, location, section, text
from .volumes import claims_of


@dataclass(frozen=True)
class Clone:
    """A VirtualMachineClone with its parts by name."""

    obj: Obj

    @property
    def namespace(self) -> str:
        """Where the clone, its source and its target are."""
        return location(self.obj)[0]

    @property
    def name(self) -> str:
        """The name of the clone object."""
        return location(self.obj)[1]

    @property
    def uid(self) -> str:
        """The uid, which the names of the temporary objects carry."""
        return text(self.obj, "metadata", "uid")

    @property
    def spec(self) -> Obj:
        """The spec as stored."""
        return section(self.obj, "spec")

    @property
    def from_snapshot(self) -> bool:
        """Whether the source is a snapshot; KubeVirt looks at the kind, never at the group."""
        return text(self.spec, "source", "kind") == SNAPSHOTS.kind

    @property
    def source_name(self) -> str:
        """The name of the source VM or snapshot."""
        return text(self.spec, "source", "name")

    @property
    def target_name(self) -> str:
        """The name of the target VM."""
        return text(self.spec, "target", "name")


@dataclass(frozen=True)
class SourceTrouble:
    """Why the source can't be cloned; ``final`` troubles fail the clone, others are waited out."""

    event: str
    sentence: str
    final: bool = False


def find_trouble(client: Client, clone: Clone, phase: str) -> SourceTrouble | None:
    """What is wrong with the source now, or None."""
    resource = SNAPSHOTS if clone.from_snapshot else VIRTUAL_MACHINES
    source = client.read(resource, clone.namespace, clone.source_name)
    where = f"{clone.namespace}/{clone.source_name}"
    if source is None:
        sentence = f"Source doesnt exist: {resource.kind} {where}"
        return SourceTrouble("SourceDoesNotExist", sentence)
    vm = _snapshotted(client, source) if clone.from_snapshot else source
    if has_backend_storage(vm):
        what = "VMSnapshot" if clone.from_snapshot else "VM"
        sentence = f"Clone of source with backendstorage is not supported: {what} {where}"
        return SourceTrouble("SourceVMWithBackendStorageInvalid", sentence, final=True)
    if clone.from_snapshot or phase:
        return None
    return _volume_trouble(vm)


def has_backend_storage(vm: Obj) -> bool:
    """Whether a VM keeps TPM or EFI state in a volume of its own, which no clone can copy."""
    domain = section(vm, "spec", "template", "spec", "domain")
    tpm = section(domain, "devices", "tpm")
    efi = section(domain, "firmware", "bootloader", "efi")
    persistent_tpm = tpm.get("persistent") is True and tpm.get("enabled") is not False
    return persistent_tpm or efi.get("persistent") is True


def _snapshotted(client: Client, snapshot: Obj) -> Obj:
    namespace, _ = location(snapshot)
    content_name = text(snapshot, "status", "virtualMachineSnapshotContentName")
    content = client.read(SNAPSHOT_CONTENTS, namespace, content_name) if content_name else None
    return section(content, "spec", "source", "virtualMachine")


def _volume_trouble(vm: Obj) -> SourceTrouble | None:
    known = {
        text(item, "name"): item.get("enabled") is True
        for item in entries(vm, "status", "volumeSnapshotStatuses")
    }
    for volume in claims_of(vm):
        if volume not in known:
            sentence = f"Virtual Machine volume {volume} snapshot support unknown"
            return SourceTrouble("VMVolumeSnapshotsInvalid", sentence)
        if not known[volume]:
            sentence = f"Virtual Machine volume {volume} does not support snapshots"
            return SourceTrouble("VMVolumeSnapshotsInvalid", sentence)
    return None
