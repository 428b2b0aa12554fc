"""Which checks could not run for one clone, because what they need could not be read.

Missing rights are no fault of a clone: each such check becomes a finding of the level unknown.
"""

from __future__ import annotations

from collections.abc import Iterator

from kubectl_virt_clone.clone.api import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CONTENTS,
    VIRTUAL_MACHINES,
)
from kubectl_virt_clone.clone.checks.cluster import gate_is_on, schema_matters
from kubectl_virt_clone.clone.checks.facts import Facts, from_snapshot, source_resource
from kubectl_virt_clone.clone.checks.finding import UNKNOWN, Finding, kubectl
from kubectl_virt_clone.clone.checks.values import new_macs, patches_of
from kubectl_virt_clone.clone.spec.manifest import target_name
from kubectl_virt_clone.objects.fields import Object, at
from kubectl_virt_clone.objects.resource import Resource

_FILTERS = ("filter-unused", "filter-overreach", "filter-controller-keys")
_VOLUMES = ("volume-not-snapshottable", "volume-unknown", "volume-unbound")


def unread_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """One finding for each check that could not run; each id once, for its first reason."""
    told: set[str] = set()
    for ids, what, why, hint in _gaps(clone, facts):
        for name in ids:
            if name not in told:
                told.add(name)
                yield Finding(name, UNKNOWN, f"{what} can't be read: {why}", hint)


def _gaps(clone: Object, facts: Facts) -> Iterator[tuple[tuple[str, ...], str, str, str]]:
    """(checks, what they need, why it could not be read, how to see that one may)."""
    resource = source_resource(clone)
    if facts.source.unreadable and resource is not None:
        ids = (*_of_the_source(clone), *_of_the_vm(clone))
        yield ids, f"the {resource.kind}", facts.source.unreadable, _may("get", resource, facts)
    if facts.content.unreadable:
        what, why = f"the {SNAPSHOT_CONTENTS.kind}", facts.content.unreadable
        yield _of_the_vm(clone), what, why, _may("get", SNAPSHOT_CONTENTS, facts)
    if facts.target.unreadable:
        why = facts.target.unreadable
        hint = _may("get", VIRTUAL_MACHINES, facts)
        yield ("target-exists",), "the target", why, hint
    for ids, listing, what in (
        (("target-claimed",), facts.clones, "the other clones"),
        (("mac-in-use",), facts.vms if new_macs(clone) else None, "the other VMs"),
        (("volume-unbound", "first-consumer"), facts.claims, PERSISTENT_VOLUME_CLAIMS.plural),
        (("first-consumer",), facts.storage_classes, "storageclasses"),
    ):
        if listing is not None and listing.unreadable:
            yield ids, what, listing.unreadable, ""
    if gate_is_on(facts) is None:
        why = facts.kubevirt.unreadable or "its version or its object is not there"
        yield ("snapshot-gate",), "KubeVirt's configuration", why, ""
    if facts.fields is None and schema_matters(clone):
        yield ("field-unsupported",), "the schema of the clone API", "not served", ""


def _may(verb: str, resource: Resource, facts: Facts) -> str:
    return kubectl("auth", "can-i", verb, resource.qualified, namespace=facts.namespace)


def _of_the_source(clone: Object) -> tuple[str, ...]:
    if not from_snapshot(clone):
        return ("source-missing", *_VOLUMES, "running-without-agent")
    overwritten = ("target-overwritten",) if target_name(clone) else ()
    return ("source-missing", "snapshot-not-ready", "snapshot-failed", *overwritten)


def _of_the_vm(clone: Object) -> tuple[str, ...]:
    """The checks of this clone that look into the VM to be copied."""
    paths = (("spec",), ("spec", "template"))
    filtered = any(
        at(clone, *path, key) is not None
        for path in paths
        for key in ("labelFilters", "annotationFilters")
    )
    return (
        *("backend-storage", "network-annotations", "cloud-init-reruns", "first-consumer"),
        *(("volume-not-snapshottable",) if from_snapshot(clone) else ()),
        *(_FILTERS if filtered else ()),
        *(("mac-unknown-interface",) if new_macs(clone) else ()),
        *(("serial-ignored",) if at(clone, "spec", "newSMBiosSerial") else ()),
        *(("patch-invalid",) if patches_of(clone) else ()),
    )
