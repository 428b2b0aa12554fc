"""Rules about the instance type and the preference of a source VM, and the revisions of both.

A started VM's copy gets copies of its revisions; a stopped one's names the objects, and KubeVirt
makes revisions of what these are now (recording 27).
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_virt_clone.clone.api import KUBEVIRT_GROUP
from kubectl_virt_clone.clone.checks.facts import (
    UNKNOWN,
    Facts,
    Finding,
    error,
    from_snapshot,
    is_before,
    warning,
)
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, name_of, text_at
from kubectl_virt_clone.objects.resource import Lookup, Resource

MATCHERS = ("instancetype", "preference")
_GROUP = f"instancetype.{KUBEVIRT_GROUP}"
_KEPT = (
    ("TPM", ("devices", "tpm"), ("devices", "preferredTPM")),
    ("EFI", ("firmware", "bootloader", "efi"), ("firmware", "preferredEfi")),
)


def matched(vm: Object, field: str) -> tuple[Resource, str] | None:
    """The resource and the name of a VM's instance type or preference; None where it has none."""
    matcher = mapping_at(vm, "spec", field)
    name = text_at(matcher, "name")
    default = "VirtualMachineClusterInstancetype"
    kind = text_at(matcher, "kind") or default.replace("Instancetype", field.capitalize())
    return (Resource(_GROUP, "v1beta1", f"{kind.lower()}s", kind), name) if name else None


def revision_of(vm: Object, field: str) -> str:
    """The ControllerRevision that the VM names, or that KubeVirt has kept for it."""
    named = text_at(vm, "spec", field, "revisionName")
    return named or text_at(vm, "status", f"{field}Ref", "controllerRevisionRef", "name")


def instancetype_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Types and preferences that are gone, or are not what the source has any more."""
    vm = facts.source.object
    if vm is None or from_snapshot(clone):
        return
    for field in MATCHERS:
        found = matched(vm, field)
        if found is None:
            continue
        resource, name = found
        now, kept = facts.types.get(field), facts.types.get(f"{field} revision")
        pinned = text_at(vm, "spec", field, "revisionName")
        if pinned:
            if kept == Lookup():
                message = (
                    f'the revision "{pinned}" of the {resource.kind} "{name}" does not exist:'
                    " KubeVirt can't take a snapshot of the VM"
                )
                yield error("revision-missing", message)
        elif at(vm, "status", "created") is True or now is None:
            continue
        elif now.unreadable:
            message = f"the {resource.kind} can't be read: {now.unreadable}"
            yield Finding("instancetype-missing", UNKNOWN, message)
        elif now.object is None:
            message = f'there is no {resource.kind} "{name}": the target could never start'
            yield error("instancetype-missing", message)
        elif kept and kept.object and at(kept.object, "data", "spec") != at(now.object, "spec"):
            message = (
                f'the {resource.kind} "{name}" is not what it was when "{name_of(vm)}" got it: the'
                " target gets what it is now"
            )
            yield warning("instancetype-changed", message)


def preferred_state_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """TPM or EFI state that a preference asks for: KubeVirt leaves it behind (recording 23)."""
    vm = facts.source.object
    if vm is None or from_snapshot(clone) or is_before(facts, 1, 2):
        return
    kept = (facts.types.get("preference revision") or Lookup()).object
    now = (facts.types.get("preference") or Lookup()).object
    preferred = mapping_at(kept, "data", "spec") or mapping_at(now, "spec")
    domain = mapping_at(vm, "spec", "template", "spec", "domain")
    for what, own, asked in _KEPT:
        if at(preferred, *asked, "persistent") is True and not at(domain, *own):
            name = text_at(vm, "spec", "preference", "name")
            message = (
                f"the source keeps its {what} state in a volume of its own, as the preference"
                f' "{name}" has it: KubeVirt leaves that behind, and the target begins with none'
            )
            yield warning("backend-storage", message)
