"""Groups, versions, kinds, references and names of the API objects that a clone touches.

Also what the user may type for them, ``vm/web`` or ``web-{}``. Rules about clones stay out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Object, mappings_at, text_at
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
SNAPSHOT_CLASSES = Resource(
    "snapshot.storage.k8s.io", "v1", "volumesnapshotclasses", "VolumeSnapshotClass"
)
CSI_DRIVERS = Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver")
RESOURCE_QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
INSTANCES = Resource(KUBEVIRT_GROUP, "v1", "virtualmachineinstances", "VirtualMachineInstance")
SECRETS = Resource("", "v1", "secrets", "Secret")
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap")
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass")
PODS = Resource("", "v1", "pods", "Pod")
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
EVENTS = Resource("", "v1", "events", "Event")

_VM_ALIASES = ("vm", "vms", "virtualmachine", "virtualmachines")
_SNAPSHOT_ALIASES = (
    *("vmsnapshot", "vmsnapshots", "snapshot"),
    *("virtualmachinesnapshot", "virtualmachinesnapshots"),
)
SOURCE_ALIASES = {
    **dict.fromkeys(_VM_ALIASES, VIRTUAL_MACHINES),
    **dict.fromkeys(_SNAPSHOT_ALIASES, SNAPSHOTS),
}
"""What a source may be called, in lower case: kubectl's names and virtctl's."""

LAST_RESTORE_UID = "restore.kubevirt.io/lastRestoreUID"
"""Annotation of what a restore made: ``<restore's name>-<restore's uid>``. VMs have it in all
releases, claims since 1.6 (recordings 72 to 74)."""

RESTORE_NAME = "restore.kubevirt.io/name"
"""Annotation of a claim: the name of the restore that made it."""

SOURCE_VM_NAME = "restore.kubevirt.io/source-vm-name"
SOURCE_VM_NAMESPACE = "restore.kubevirt.io/source-vm-namespace"
"""Labels of a claim that a restore made: the VM whose snapshot it is filled from."""

VMCLONE = f"vmclone.{CLONES.group}"
VMSNAPSHOT = f"vmsnapshot.{SNAPSHOTS.group}"
VMRESTORE = f"vmrestore.{RESTORES.group}"
"""What a kubectl command calls them: another group may have the short name alone (recording 33)."""

SHORT_NAMES = {VIRTUAL_MACHINES.kind: "vm", SNAPSHOTS.kind: "vmsnapshot"}


@dataclass(frozen=True)
class Reference:
    """A source or target as a clone's spec names it: a kind of this API and a name."""

    resource: Resource
    name: str

    def __str__(self) -> str:
        return f"{SHORT_NAMES[self.resource.kind]}/{self.name}"

    @property
    def typed(self) -> dict[str, str]:
        """The reference as an object of a clone's spec."""
        return {"apiGroup": self.resource.group, "kind": self.resource.kind, "name": self.name}


def named(clone: Object) -> str:
    """``virtualmachineclone.clone.kubevirt.io/NAME``, as kubectl names an object in its output.

    Works for any kind; an object without a kind is taken for a clone.
    """
    name = text_at(clone, "metadata", "name") or text_at(clone, "metadata", "generateName")
    kind = (text_at(clone, "kind") or CLONES.kind).lower()
    group = (text_at(clone, "apiVersion") or CLONES.api_version).rpartition("/")[0]
    return f"{kind}.{group}/{name}" if group else f"{kind}/{name}"


def conditions(obj: object) -> list[tuple[str, str, str]]:
    """(type, status, reason) of each condition; KubeVirt puts the text into the reason."""
    listed = mappings_at(obj, "status", "conditions")
    return [(text_at(c, "type"), text_at(c, "status"), text_at(c, "reason")) for c in listed]


def target_name(clone: Object) -> str:
    """The name of the target VM that the spec asks for; empty if KubeVirt should choose it."""
    return text_at(clone, "spec", "target", "name")


KINDS = "vm, vmsnapshot"

_CLONE_ALIASES = (CLONES.singular, CLONES.plural, "vmclone", "vmclones")
_CLONE_GROUPS = ("", CLONE_GROUP, *(f"{version}.{CLONE_GROUP}" for version in CLONE_VERSIONS))


def check_name(text: str) -> str:
    """Return the name of an object or a namespace if it can be part of a URL's path.

    Raises InvalidValue by the rules of Kubernetes' ``apimachinery/pkg/api/validation/path``, and
    if the name is not printable.
    """
    if not text:
        raise InvalidValue("a name can't be empty")
    if text in {".", ".."} or "/" in text or "%" in text or not text.isprintable():
        raise InvalidValue(f'"{text}" can\'t be a name')
    return text


def parse_clone(text: str) -> str:
    """The name of a clone, from ``NAME`` or ``KIND/NAME`` as ``-o name`` and kubectl write it.

    Raises InvalidValue.
    """
    kind, slash, name = text.partition("/")
    alias, _, group = kind.lower().partition(".")
    is_clone = slash and alias in _CLONE_ALIASES and group in _CLONE_GROUPS
    return check_name(name if is_clone else text)


def parse_kind(text: str) -> Resource:
    """The resource that ``text`` names in any of kubectl's and virtctl's spellings.

    kubectl's may be followed by a version and the group. Raises InvalidValue for a kind that can't
    be cloned.
    """
    alias, _, group = text.lower().partition(".")
    resource = SOURCE_ALIASES.get(alias)
    if resource is None or not re.fullmatch(rf"(v\w+\.)?{re.escape(resource.group)}|", group):
        raise InvalidValue(f'"{text}" can\'t be cloned; a source is one of {KINDS}')
    return resource


def parse_reference(text: str, kind: Resource | None = None) -> Reference:
    """Read ``[vm/|vmsnapshot/]NAME``; without a prefix it is a ``kind``, or else a virtual machine.

    Raises InvalidValue for an unknown kind, an empty name, and two different kinds.
    """
    prefix, slash, name = text.rpartition("/")
    if slash and not prefix:
        raise InvalidValue(f'"{text}" names no kind before the /; write vm/{name} or {name}')
    named = parse_kind(prefix) if slash else None
    if named and kind and named != kind:
        raise InvalidValue(f'"{text}" is a {named.kind}, but the type asked for is {kind.kind}')
    if not name:
        raise InvalidValue("the name is empty")
    return Reference(named or kind or VIRTUAL_MACHINES, name)


_PLACE = r"\{(?::0(?P<width>[1-9]))?\}"


def has_place(text: str) -> bool:
    """Whether ``text`` has a place for a number."""
    return re.search(_PLACE, text) is not None


def numbered(text: str, number: int) -> str:
    """``text`` with the number in each place, padded with zeros to its width."""
    return re.sub(_PLACE, lambda place: str(number).zfill(int(place["width"] or 1)), text)
