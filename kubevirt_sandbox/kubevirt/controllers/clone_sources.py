"""What a clone names as its source, and why that source can't be cloned (yet).

Reads only; what follows for the clone is decided in ``clones``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kubevirt_sandbox.kubevirt.controllers.controller import Client
from kubevirt_sandbox.kubevirt.controllers.volumes import claims_of
from kubevirt_sandbox.kubevirt.objects import Obj, entries, location, section, text
from kubevirt_sandbox.kubevirt.releases import Release
from kubevirt_sandbox.kubevirt.resources import SNAPSHOT_CONTENTS, SNAPSHOTS, VIRTUAL_MACHINES
from kubevirt_sandbox.kubevirt.tracking import keeps_state

NO_BACKEND_STORAGE = "Clone of source with backendstorage is not supported"


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
    def status(self) -> Obj:
        """The status as stored."""
        return section(self.obj, "status")

    @property
    def phase(self) -> str:
        """The phase as stored; empty before the first."""
        return text(self.status, "phase")

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
    """Why the source can't be cloned; ``final`` troubles fail the clone, others are waited out.

    KubeVirt 1.4 tells its only one, a source that vanished, in the event alone, and tries again.
    """

    event: str
    sentence: str
    final: bool = False
    told: bool = True


def find_trouble(client: Client, clone: Clone, release: Release) -> SourceTrouble | None:
    """What is wrong with the source now, or None."""
    resource = SNAPSHOTS if clone.from_snapshot else VIRTUAL_MACHINES
    source = client.read(resource, clone.namespace, clone.source_name)
    where = f"{clone.namespace}/{clone.source_name}"
    if not release.waits_for_source:
        return _vanished(clone, resource.kind) if source is None else None
    if source is None:
        sentence = f"Source doesnt exist: {resource.kind} {where}"
        return SourceTrouble("SourceDoesNotExist", sentence)
    if clone.from_snapshot:
        return None
    if has_backend_storage(source):
        sentence = f"{NO_BACKEND_STORAGE}: VM {where}"
        return SourceTrouble("SourceVMWithBackendStorageInvalid", sentence, final=True)
    snapshotted = clone.status.get("snapshotName") or clone.phase not in ("", "SnapshotInProgress")
    sentence = "" if snapshotted else "\n".join(volume_troubles(source))
    return SourceTrouble("VMVolumeSnapshotsInvalid", sentence) if sentence else None


def _vanished(clone: Clone, kind: str) -> SourceTrouble:
    sentence = f"{kind} {clone.source_name} does not exist in namespace {clone.namespace}"
    return SourceTrouble("SourceDoesNotExist", sentence, final=True, told=False)


def find_content_trouble(client: Client, clone: Clone, snapshot: Obj) -> SourceTrouble | None:
    """What is wrong with a snapshot that says it is ready, or None; always final."""
    name = text(snapshot, "metadata", "name")
    content_name = text(snapshot, "status", "virtualMachineSnapshotContentName")
    content = client.read(SNAPSHOT_CONTENTS, clone.namespace, content_name)
    vm = section(content, "spec", "source", "virtualMachine")
    if content is None:
        where = f"{content_name} in namespace {clone.namespace}"
        sentence = f"snapshot content {where} does not exist"
    elif has_backend_storage(vm):
        sentence = f"{NO_BACKEND_STORAGE}: snapshot {clone.namespace}/{name}"
    else:
        sentence = "\n".join(unbacked_volumes(content))
    return SourceTrouble("SnapshotContentInvalid", sentence, final=True) if sentence else None


def has_backend_storage(vm: Obj) -> bool:
    """Whether a VM keeps TPM, EFI or what was backed up in a volume of its own.

    No clone can copy that. What only its preference asks for is not seen.
    """
    domain = section(vm, "spec", "template", "spec", "domain")
    tpm = section(domain, "devices", "tpm")
    efi = section(domain, "firmware", "bootloader", "efi")
    persistent_tpm = tpm.get("persistent") is True and tpm.get("enabled") is not False
    return persistent_tpm or efi.get("persistent") is True or keeps_state(vm)


def volume_troubles(vm: Obj) -> Iterator[str]:
    """A sentence for each volume of a VM that can't be snapshotted, or of which nobody knows."""
    known = {
        text(item, "name"): item.get("enabled") is True
        for item in entries(vm, "status", "volumeSnapshotStatuses")
    }
    for volume in claims_of(vm):
        if volume not in known:
            yield f"Virtual Machine volume {volume} snapshot support unknown"
        elif not known[volume]:
            yield f"Virtual Machine volume {volume} does not support snapshots"


def unbacked_volumes(content: Obj) -> Iterator[str]:
    """A sentence for each volume of a snapshotted VM that its snapshot does not hold."""
    spec = section(content, "spec")
    held = {text(item, "volumeName") for item in entries(spec, "volumeBackups")}
    name = text(spec, "virtualMachineSnapshotName")
    for volume in claims_of(section(spec, "source", "virtualMachine")):
        if volume not in held:
            yield f"volume {volume} is not backed up in snapshot {name}"
