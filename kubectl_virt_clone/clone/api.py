"""Groups, versions, kinds, references and names of the API objects that a clone touches.

Rules about clones don't belong here.
"""

from __future__ import annotations

from dataclasses import dataclass

from kubectl_virt_clone.objects.fields import Object, text_at
from kubectl_virt_clone.objects.resource import Resource

CLONE_GROUP = "clone.kubevirt.io"
SNAPSHOT_GROUP = "snapshot.kubevirt.io"
KUBEVIRT_GROUP = "kubevirt.io"

CLONE_VERSIONS = ("v1beta1", "v1alpha1")
"""Versions of the clone API, newest first. v1alpha1 came with KubeVirt 0.55, v1beta1 with 1.5."""

FIELD_SINCE = {"template": "1.2", "patches": "1.6", "volumeNamePolicy": "1.8"}
"""Fields of a clone's spec that the first release lacked, and the KubeVirt that introduced them."""

VOLUME_NAME_POLICIES = ("RandomizeNames", "PrefixTargetName")
"""``spec.volumeNamePolicy``: how restored claims are named; the first is the default."""


CLONES = Resource(CLONE_GROUP, "v1beta1", "virtualmachineclones", "VirtualMachineClone")
VIRTUAL_MACHINES = Resource(KUBEVIRT_GROUP, "v1", "virtualmachines", "VirtualMachine")
SNAPSHOTS = Resource(SNAPSHOT_GROUP, "v1beta1", "virtualmachinesnapshots", "VirtualMachineSnapshot")
SNAPSHOT_CONTENTS = Resource(
    SNAPSHOT_GROUP, "v1beta1", "virtualmachinesnapshotcontents", "VirtualMachineSnapshotContent"
)
RESTORES = Resource(SNAPSHOT_GROUP, "v1beta1", "virtualmachinerestores", "VirtualMachineRestore")
PERSISTENT_VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
EVENTS = Resource("", "v1", "events", "Event")

SOURCE_ALIASES = {
    "vm": VIRTUAL_MACHINES,
    "vms": VIRTUAL_MACHINES,
    "virtualmachine": VIRTUAL_MACHINES,
    "virtualmachines": VIRTUAL_MACHINES,
    "vmsnapshot": SNAPSHOTS,
    "vmsnapshots": SNAPSHOTS,
    "snapshot": SNAPSHOTS,
    "virtualmachinesnapshot": SNAPSHOTS,
    "virtualmachinesnapshots": SNAPSHOTS,
}
"""What a source may be called, in lower case: kubectl's names and virtctl's."""

LAST_RESTORE_UID = "restore.kubevirt.io/lastRestoreUID"
"""Annotation of what a restore made: ``<restore's name>-<restore's uid>``, on VMs of all releases,
since 1.6 on claims, too (recordings 72 to 74)."""

RESTORE_NAME = "restore.kubevirt.io/name"
"""Annotation of a claim: the name of the restore that made it."""

SOURCE_VM_NAME = "restore.kubevirt.io/source-vm-name"
SOURCE_VM_NAMESPACE = "restore.kubevirt.io/source-vm-namespace"
"""Labels of a claim that a restore made: the VM whose snapshot it is filled from."""

SHORT_NAMES = {VIRTUAL_MACHINES.kind: "vm", SNAPSHOTS.kind: "vmsnapshot"}


@dataclass(frozen=True)
class Reference:
    """A source or target as a clone's spec names it: a kind of this API and a name."""

    resource: Resource
    name: str

    def __str__(self) -> str:
        return f"{SHORT_NAMES[self.resource.kind]}/{self.name}"


def named(clone: Object) -> str:
    """``virtualmachineclone.clone.kubevirt.io/NAME``, as kubectl names an object in its output.

    Works for any kind; an object without a kind is taken for a clone.
    """
    name = text_at(clone, "metadata", "name") or text_at(clone, "metadata", "generateName")
    kind = (text_at(clone, "kind") or CLONES.kind).lower()
    group = (text_at(clone, "apiVersion") or CLONES.api_version).rpartition("/")[0]
    return f"{kind}.{group}/{name}" if group else f"{kind}/{name}"


def target_name(clone: Object) -> str:
    """The name of the target VM that the spec asks for; empty if KubeVirt should choose it."""
    return text_at(clone, "spec", "target", "name")
