"""ControllerRevisions: what a VM was started with, and the instance type and preference it has.

What refers to them is written by the controllers of VMs, snapshots and restores.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubevirt_sandbox.kubevirt.instances import INSTANCES
from kubevirt_sandbox.kubevirt.objects import Obj, location, section, text
from kubevirt_sandbox.kubevirt.resources import VIRTUAL_MACHINES, Resource
from kubevirt_sandbox.storage.store import copy_json

if TYPE_CHECKING:
    from kubevirt_sandbox.kubevirt.controllers.controller import Client

REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
_GROUP, _VERSION = "instancetype.kubevirt.io", "v1beta1"
TYPES = {
    kind: Resource(_GROUP, _VERSION, f"{kind.lower()}s", kind)
    for kind in (
        *("VirtualMachineInstancetype", "VirtualMachineClusterInstancetype"),
        *("VirtualMachinePreference", "VirtualMachineClusterPreference"),
    )
}
_LABELS = "instancetype.kubevirt.io/object-"


@dataclass(frozen=True)
class Matcher:
    """One of the two that a VM may name: an instance type, or a preference."""

    field: str
    default_kind: str
    failure: str

    @property
    def reference(self) -> str:
        """The field of a VM's status that names what it found."""
        return f"{self.field}Ref"

    def kind(self, vm: Obj) -> str:
        """The kind that a VM names; without one it is the cluster's."""
        named = text(vm, "spec", self.field, "kind").lower()
        return next((kind for kind in TYPES if kind.lower() == named), self.default_kind)


MATCHERS = (
    Matcher("instancetype", "VirtualMachineClusterInstancetype", "FailedFindInstancetype"),
    Matcher("preference", "VirtualMachineClusterPreference", "FailedFindPreference"),
)


class MissingError(Exception):
    """An instance type, a preference or a revision of one that is not there."""

    def __init__(self, matcher: Matcher, resource: Resource, name: str) -> None:
        super().__init__(f'{resource.qualified} "{name}" not found')
        self.reason = matcher.failure


def found_references(client: Client, vm: Obj) -> dict[str, Obj]:
    """``status.instancetypeRef`` and ``preferenceRef``; stores revisions that are not there yet.

    Raises MissingError with the first that can't be found.
    """
    found = {}
    for matcher in MATCHERS:
        name = text(vm, "spec", matcher.field, "name")
        if name:
            kind = matcher.kind(vm)
            revision = _revision_of(client, vm, matcher, kind, name)
            reference = {"controllerRevisionRef": {"name": revision}, "kind": kind, "name": name}
            found[matcher.reference] = reference
    return found


def _revision_of(client: Client, vm: Obj, matcher: Matcher, kind: str, name: str) -> str:
    namespace, vm_name = location(vm)
    named = text(vm, "spec", matcher.field, "revisionName")
    if named:
        if client.read(REVISIONS, namespace, named) is None:
            raise MissingError(matcher, REVISIONS, named)
        return named
    known = section(vm, "status", matcher.reference)
    if (known.get("kind"), known.get("name")) == (kind, name):
        return text(known, "controllerRevisionRef", "name")
    resource = TYPES[kind]
    stored = client.read(resource, "" if "Cluster" in kind else namespace, name)
    if stored is None:
        raise MissingError(matcher, resource, name)
    uid, generation = text(stored, "metadata", "uid"), stored["metadata"].get("generation", 1)
    revision = f"{vm_name}-{name}-{_VERSION}-{uid}-{generation}"
    if client.read(REVISIONS, namespace, revision) is None:
        labels = {
            f"{_LABELS}generation": str(generation),
            f"{_LABELS}kind": kind,
            f"{_LABELS}name": name,
            f"{_LABELS}uid": uid,
            f"{_LABELS}version": _VERSION,
        }
        client.create(REVISIONS, _revision(vm, revision, stored, labels=labels))
    return revision


def _revision(
    owner: Obj, name: str, data: Obj, *, labels: Obj | None = None, number: int = 0
) -> Obj:
    kept: Obj = {"labels": labels} if labels else {}
    return {
        "metadata": {
            **kept,
            "name": name,
            "namespace": location(owner)[0],
            "ownerReferences": [_owner(owner)],
        },
        "data": data,
        "revision": number,
    }


def _owner(obj: Obj) -> Obj:
    return {
        "apiVersion": obj.get("apiVersion", VIRTUAL_MACHINES.api_version),
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": obj.get("kind", VIRTUAL_MACHINES.kind),
        "name": text(obj, "metadata", "name"),
        "uid": text(obj, "metadata", "uid"),
    }


def keep_start(client: Client, vm: Obj) -> str:
    """Stores the spec that a VM is started with; the name of the revision."""
    namespace, _ = location(vm)
    generation = vm["metadata"].get("generation", 1)
    name = f"revision-start-vm-{text(vm, 'metadata', 'uid')}-{generation}"
    if client.read(REVISIONS, namespace, name) is None:
        spec: Obj = copy_json(section(vm, "spec"))
        for matcher in MATCHERS:
            revision = text(vm, "status", matcher.reference, "controllerRevisionRef", "name")
            if spec.get(matcher.field) and revision:
                spec[matcher.field]["revisionName"] = revision
        client.create(REVISIONS, _revision(vm, name, {"spec": spec}, number=generation))
    return name


def with_preference(client: Client, vm: Obj) -> Obj:
    """A VM whose guest has the TPM and the EFI that its preference asks for."""
    namespace, _ = location(vm)
    name = text(vm, "status", "preferenceRef", "controllerRevisionRef", "name")
    preferred = section(client.read(REVISIONS, namespace, name), "data", "spec")
    changed: Obj = copy_json(vm)
    domain = _at(changed, "spec", "template", "spec", "domain")
    tpm = section(preferred, "devices", "preferredTPM")
    if tpm:
        _at(domain, "devices").setdefault("tpm", tpm)
    efi = section(preferred, "firmware", "preferredEfi")
    if efi:
        _at(domain, "firmware").setdefault("bootloader", {"efi": efi})
    return changed


def started_with(client: Client, vm: Obj) -> Obj | None:
    """The spec that the instance of a VM was started with; None where there is no instance."""
    namespace, name = location(vm)
    instance = client.read(INSTANCES, namespace, name)
    revision = text(instance, "status", "virtualMachineRevisionName")
    stored = client.read(REVISIONS, namespace, revision)
    return section(stored, "data", "spec") if stored else None


def as_snapshotted(client: Client, vm: Obj) -> Obj:
    """A VM as a snapshot takes it: of a started one the spec of its start, on today's disks."""
    spec = started_with(client, vm)
    if spec is None:
        return vm
    taken, today = copy_json(spec), section(vm, "spec")
    _take_over(taken, today, "dataVolumeTemplates")
    _take_over(_at(taken, "template", "spec"), section(today, "template", "spec"), "volumes")
    path = ("template", "spec", "domain", "devices")
    _take_over(_at(taken, *path), section(today, *path), "disks")
    return {**vm, "spec": taken}


def _at(obj: Obj, *path: str) -> Obj:
    for key in path:
        obj = obj.setdefault(key, {})
    return obj


def _take_over(into: Obj, source: Obj, key: str) -> None:
    into.pop(key, None)
    if key in source:
        into[key] = copy_json(source[key])


def named_revisions(spec: Obj) -> Iterator[tuple[str, str]]:
    """(field, revision) of what the spec of a VM names by revision."""
    for matcher in MATCHERS:
        revision = text(spec, matcher.field, "revisionName")
        if revision:
            yield matcher.field, revision


def missing_revision(client: Client, namespace: str, spec: Obj) -> bool:
    """Whether a spec names a revision that is not there."""
    named = named_revisions(spec)
    return any(client.read(REVISIONS, namespace, revision) is None for _, revision in named)


def renamed(spec: Obj, old: str, new: str) -> Obj:
    """A spec whose revisions belong to another object: their names begin with its name."""
    changed: Obj = copy_json(spec)
    for field, revision in named_revisions(spec):
        changed[field]["revisionName"] = revision.replace(old, new, 1)
    return changed


def copy_revisions(client: Client, spec: Obj, old: str, owner: Obj, new: str) -> None:
    """Stores the revisions that a spec names once more for ``owner``, by their new names."""
    namespace, _ = location(owner)
    for _, revision in named_revisions(spec):
        name = revision.replace(old, new, 1)
        stored = client.read(REVISIONS, namespace, revision)
        if stored is not None and client.read(REVISIONS, namespace, name) is None:
            labels = section(stored, "metadata", "labels")
            copied = _revision(owner, name, section(stored, "data"), labels=labels)
            client.create(REVISIONS, copied)
