"""The resources that KubeVirt and the storage drivers read and write: names, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Resource:
    """One resource of the API, as a URL and a message need it."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def singular(self) -> str:
        """The lower-case kind, as kubectl prints it: ``virtualmachineclone``."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """``group/version``, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """``plural.group``, as messages name the resource: ``virtualmachines.kubevirt.io``."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


_CLONE, _SNAPSHOT, _KUBEVIRT = "clone.kubevirt.io", "snapshot.kubevirt.io", "kubevirt.io"
_VOLUME_SNAPSHOT = "snapshot.storage.k8s.io"

CLONES = Resource(_CLONE, "v1beta1", "virtualmachineclones", "VirtualMachineClone")
KUBEVIRTS = Resource(_KUBEVIRT, "v1", "kubevirts", "KubeVirt")
KUBEVIRT_NAMESPACE = KUBEVIRT_NAME = "kubevirt"
VIRTUAL_MACHINES = Resource(_KUBEVIRT, "v1", "virtualmachines", "VirtualMachine")
SNAPSHOTS = Resource(_SNAPSHOT, "v1beta1", "virtualmachinesnapshots", "VirtualMachineSnapshot")
SNAPSHOT_CONTENTS = Resource(
    _SNAPSHOT, "v1beta1", "virtualmachinesnapshotcontents", "VirtualMachineSnapshotContent"
)
RESTORES = Resource(_SNAPSHOT, "v1beta1", "virtualmachinerestores", "VirtualMachineRestore")
PERSISTENT_VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
PODS = Resource("", "v1", "pods", "Pod")
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass")
SNAPSHOT_CLASSES = Resource(_VOLUME_SNAPSHOT, "v1", "volumesnapshotclasses", "VolumeSnapshotClass")
VOLUME_SNAPSHOTS = Resource(_VOLUME_SNAPSHOT, "v1", "volumesnapshots", "VolumeSnapshot")
EVENTS = Resource("", "v1", "events", "Event")
