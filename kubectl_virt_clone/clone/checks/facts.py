"""What the rules judge a clone by, and what they find: facts and findings as values.

``actions/check`` reads the facts, the rules beside this module judge, ``render`` shows a finding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from kubectl_virt_clone.clone.api import (
    PERSISTENT_VOLUME_CLAIMS,
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
)
from kubectl_virt_clone.clone.hint import Hint, Part, kubectl
from kubectl_virt_clone.clone.target.restore_rules import disks_of
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    copied,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    uid_of,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup, Resource

ERROR, WARNING, INFO, UNKNOWN = LEVELS = ("error", "warning", "info", "unknown")
"""From worst to least: can't work, hangs or destroys data; works, but probably not as meant;
good to know; not checked, because something could not be read."""

IDS = (
    *("no-clone-api", "snapshot-gate", "rbac", "field-unsupported", "unknown-field"),
    *("invalid-name", "clone-exists", "source-missing", "source-kind", "source-group"),
    "source-deleting",
    *("source-name-too-long", "source-locked", "source-changed-since-start", "tracking-state"),
    *("snapshot-gone", "snapshot-not-ready", "snapshot-failed", "snapshot-partial"),
    *("target-exists", "target-is-source", "target-overwritten", "target-claimed"),
    *("claim-exists", "claim-deleting", "claim-filling", "claim-in-use"),
    *("volume-not-snapshottable", "volume-unknown", "volume-unbound"),
    *("backend-storage", "instancetype-missing", "instancetype-changed", "revision-missing"),
    "first-consumer",
    *("filter-invalid", "filter-only-negative", "filter-unused", "filter-overreach"),
    *("filter-controller-keys", "network-annotations", "identity-copied"),
    *("volume-not-persistent", "shared-by-name"),
    *("mac-invalid", "mac-unknown-interface", "mac-in-use", "serial-ignored", "serial-unsafe"),
    *("patch-invalid", "patch-unsafe", "patch-unknown-field", "not-admissible", "quota"),
    *("cloud-init-reruns", "running-without-agent"),
)
"""Every check, in the order in which findings of one level are shown."""

ALL = "all"
"""Stands for every id where checks are to be skipped."""

FLAGS, SERIES, FILES = "flags", "series", "files"
"""How a clone was requested: alone, among several, or in a manifest. Hints are worded for it."""


@dataclass(frozen=True)
class Finding:
    """One finding. Following ``hint`` to the letter removes it."""

    id: str
    level: str
    message: str
    hint: Hint = ()


def error(id_: str, message: str, *hint: Part) -> Finding:
    """A finding of a clone that can't work, hangs or destroys data."""
    return Finding(id_, ERROR, message, hint)


def warning(id_: str, message: str, *hint: Part) -> Finding:
    """A finding of a clone that works, but probably not as meant."""
    return Finding(id_, WARNING, message, hint)


Judged = tuple[Object, Sequence[Finding]]
"""A clone of a request, with its findings."""


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings from the worst level to the least, in the order of IDS within a level."""
    return tuple(sorted(findings, key=lambda item: (LEVELS.index(item.level), IDS.index(item.id))))


def is_fine(findings: Iterable[Finding]) -> bool:
    """Whether no finding is an error."""
    return all(finding.level != ERROR for finding in findings)


def without(findings: Iterable[Finding], skipped: Iterable[str]) -> tuple[Finding, ...]:
    """The findings without those of the ids in ``skipped``; ALL stands for every id."""
    ids = frozenset(skipped)
    return () if ALL in ids else tuple(item for item in findings if item.id not in ids)


_SOURCES = {resource.kind: resource for resource in (VIRTUAL_MACHINES, SNAPSHOTS)}
GATE = "Snapshot"
_ON_BY_DEFAULT = (1, 9)
TRIED = ((1, 4), (1, 6), (1, 9))
"""The releases of KubeVirt whose behaviour was recorded; others are taken for the one before."""
_VERSION = re.compile(r"v?(\d{1,9})\.(\d{1,9})")


@dataclass(frozen=True)
class DryRun:
    """What the server said of the target, asked to create it without storing it.

    ``refusal`` is its message, empty where it would take it; ``dropped`` are fields that it doesn't
    know. ``unasked`` says why there was no answer.
    """

    refusal: str = ""
    code: int = 0
    dropped: tuple[str, ...] = ()
    unasked: str = ""


@dataclass(frozen=True)
class Facts:
    """Everything that was read for one clone; what was not asked for is None or empty.

    ``content`` is that of a snapshot source, ``revision`` the VM as it was started, if it was
    changed since, ``types`` its instance type, preference and the revisions of both, ``instance``
    what runs of it, and ``named`` the metadata of the Secrets and ConfigMaps that it names.
    ``fields`` are the spec's fields in the server's schema, None if that is not known.
    ``may_create`` is None if nobody asked; ``user`` is known only where the answer was no.
    ``own_namespace`` is asked for where the source is missing.
    ``claimed`` are the claims that earlier clones of the request will make, and who has them then;
    ``demanded`` is what these want of the namespace's ``quotas``. ``snapshot_classes`` and the CSI
    ``drivers`` are asked for where KubeVirt misses a class.
    ``form`` is one of FLAGS, SERIES and FILES: what a hint can speak of.
    """

    namespace: str = "default"
    source: Lookup = field(default_factory=Lookup)
    content: Lookup = field(default_factory=Lookup)
    revision: Lookup | None = None
    types: Mapping[str, Lookup] = field(default_factory=dict)
    instance: Lookup | None = None
    named: Mapping[str, Lookup] = field(default_factory=dict)
    target: Lookup = field(default_factory=Lookup)
    clones: Listing = field(default_factory=Listing)
    vms: Listing | None = None
    claims: Listing | None = None
    pods: Listing | None = None
    claimed: Mapping[str, str] = field(default_factory=dict)
    storage_classes: Listing | None = None
    snapshot_classes: Listing | None = None
    drivers: Listing | None = None
    quotas: Listing | None = None
    demanded: Mapping[str, Any] = field(default_factory=dict)
    dry_run: DryRun | None = None
    kubevirt: Listing = field(default_factory=Listing)
    fields: frozenset[str] | None = None
    may_create: bool | None = None
    user: str = ""
    own_namespace: Lookup | None = None
    form: str = FLAGS


def source_resource(clone: Object) -> Resource | None:
    """The resource of the clone's source; None for a kind that can't be cloned."""
    return _SOURCES.get(text_at(clone, "spec", "source", "kind"))


def from_snapshot(clone: Object) -> bool:
    """Whether the source is a snapshot; KubeVirt looks at the kind, never at the group."""
    return source_resource(clone) == SNAPSHOTS


def source_name(clone: Object) -> str:
    """``spec.source.name``."""
    return text_at(clone, "spec", "source", "name")


def source_vm(clone: Object, facts: Facts) -> Object | None:
    """The VM that the clone copies: the source, or the one in the snapshot's content.

    None where it does not exist or could not be read.
    """
    if not from_snapshot(clone):
        own = facts.source.object
        return as_started(own, facts.revision) if isinstance(own, Mapping) else None
    kept = mapping_at(facts.content.object, "spec", "source", "virtualMachine")
    if not kept:
        return None
    head = {"apiVersion": VIRTUAL_MACHINES.api_version, "kind": VIRTUAL_MACHINES.kind}
    return {**head, "metadata": mapping_at(kept, "metadata"), "spec": mapping_at(kept, "spec")}


def start_revision(vm: Object) -> str:
    """The ControllerRevision that has a VM as it was started; empty if it was not changed since.

    KubeVirt names it after the VM's uid and its generation then (``revision-start-vm-…``).
    """
    started, now = at(vm, "status", "observedGeneration"), at(vm, "metadata", "generation")
    if at(vm, "status", "created") is not True or not isinstance(started, int) or started == now:
        return ""
    return f"revision-start-vm-{uid_of(vm)}-{started}"


_OF_TODAY = (
    ("template", "spec", "volumes"),
    ("template", "spec", "domain", "devices", "disks"),
    ("dataVolumeTemplates",),
)


def as_started(vm: Object, revision: Lookup | None) -> dict[str, Any]:
    """The VM that KubeVirt takes a snapshot of: as it was started, with what it has of today.

    Source: KubeVirt's pkg/storage/snapshot/source.go, ``Spec``; recording 24.
    """
    then = mapping_at(revision.object if revision else None, "data", "spec")
    spec: Any = copied(dict(then or mapping_at(vm, "spec")))
    for *parents, last in _OF_TODAY:
        where = spec
        for key in parents:
            where = where.setdefault(key, {}) if isinstance(where, dict) else None
        if isinstance(where, dict):
            where[last] = at(vm, "spec", *parents, last)
            if where[last] is None:
                del where[last]
    # A start writes the revisions of both into the spec that it keeps (recording 27).
    for name in ("instancetype", "preference") if at(vm, "status", "created") is True else ():
        kept = text_at(vm, "status", f"{name}Ref", "controllerRevisionRef", "name")
        if kept and isinstance(spec.get(name), dict):
            spec[name].setdefault("revisionName", kept)
    return {**vm, "spec": spec} if "spec" in vm else dict(vm)


def content_name(snapshot: Object | None) -> str:
    """The VirtualMachineSnapshotContent of a snapshot; empty while there is none."""
    return text_at(snapshot, "status", "virtualMachineSnapshotContentName")


def claims_used(clone: Object, facts: Facts) -> dict[str, Object]:
    """Volume → its claim, for those that are known.

    A snapshot's content holds the claims as they were; for a VM they are among ``facts.claims``.
    """
    if from_snapshot(clone):
        backups = mappings_at(facts.content.object, "spec", "volumeBackups")
        named = {text_at(b, "volumeName"): at(b, "persistentVolumeClaim") for b in backups}
    else:
        claims = {name_of(claim): claim for claim in (facts.claims or Listing()).objects}
        disks = disks_of(facts.source.object)
        named = {volume: claims.get(claim) for volume, claim in disks.items()}
    return {volume: claim for volume, claim in named.items() if isinstance(claim, Mapping)}


def storage_classes_used(clone: Object, facts: Facts) -> dict[str, str]:
    """Volume → the storage class of its claim, for those that are known."""
    claims = claims_used(clone, facts)
    classes = ((v, text_at(claim, "spec", "storageClassName")) for v, claim in claims.items())
    return {volume: name for volume, name in classes if name}


def kubevirt_version(facts: Facts) -> tuple[int, int] | None:
    """KubeVirt's (major, minor) according to its own object; None if that is not known."""
    for kubevirt in facts.kubevirt.objects:
        if match := _VERSION.match(text_at(kubevirt, "status", "observedKubeVirtVersion")):
            return int(match[1]), int(match[2])
    return None


def observed_version(kubevirt: Listing) -> str:
    """The version that KubeVirt's own object tells; empty if that is not known."""
    versions = (text_at(item, "status", "observedKubeVirtVersion") for item in kubevirt.objects)
    return next(filter(None, versions), "")


def untried(text: str) -> str:
    """What to say of a KubeVirt that is none of TRIED; empty for those, and for what is unknown."""
    match = _VERSION.match(text)
    if match is None or (version := (int(match[1]), int(match[2]))) in TRIED:
        return ""
    older = max((known for known in TRIED if known < version), default=TRIED[0])
    said = f"KubeVirt {match[1]}.{match[2]} was not tried with this program"
    return f"{said}, which takes it for {older[0]}.{older[1]}"


def is_before(facts: Facts, major: int, minor: int) -> bool:
    """Whether KubeVirt is known to be older than a release; not knowing counts as current."""
    version = kubevirt_version(facts)
    return version is not None and version < (major, minor)


def gate_is_on(facts: Facts) -> bool | None:
    """Whether the Snapshot gate is on; None if that is not known."""
    for kubevirt in facts.kubevirt.objects:
        if GATE in gates_of(kubevirt, "featureGates"):
            return True
        if GATE in gates_of(kubevirt, "disabledFeatureGates"):
            return False
        version = kubevirt_version(facts)
        return None if version is None else version >= _ON_BY_DEFAULT
    return None


def gates_of(kubevirt: Object, which: str) -> list[str]:
    """The feature gates of ``featureGates`` or ``disabledFeatureGates``."""
    gates = at(kubevirt, "spec", "configuration", "developerConfiguration", which)
    return [gate for gate in gates if isinstance(gate, str)] if isinstance(gates, list) else []


class Fact(Enum):
    """What a rule may read.

    VM is the one to be copied: LIVE, with its status, or as a SNAPSHOT's CONTENT has kept it.
    """

    SOURCE, LIVE, SNAPSHOT, VM, CONTENT = "source", "live", "snapshot", "vm", "content"
    TARGET, CLONES, VMS, CLAIMS = "target", "clones", "vms", "claims"
    PODS, QUOTAS, NAMED, INSTANCE = "pods", "quotas", "named", "instance"
    STORAGE_CLASSES, KUBEVIRT, FIELDS = "storage classes", "kubevirt", "fields"


@dataclass(frozen=True)
class Gap:
    """Facts that are not known: ``what`` could not be read, ``why``, and how to see who may."""

    facts: Set[Fact]
    what: str
    why: str
    hint: Hint = ()


def gaps(clone: Object, facts: Facts) -> Iterator[Gap]:
    """What could not be read, or the server doesn't tell; first what most rules need."""
    resource = source_resource(clone)
    of_content = {Fact.VM, Fact.CONTENT}
    if facts.source.unreadable and resource is not None:
        lacking = {Fact.SNAPSHOT, *of_content} if from_snapshot(clone) else {Fact.LIVE, Fact.VM}
        why, hint = facts.source.unreadable, _may_get(resource, facts)
        yield Gap({Fact.SOURCE, *lacking}, f"the {resource.kind}", why, hint)
    if why := facts.content.unreadable:
        hint = _may_get(SNAPSHOT_CONTENTS, facts)
        yield Gap(of_content, f"the {SNAPSHOT_CONTENTS.kind}", why, hint)
    if why := facts.target.unreadable:
        yield Gap({Fact.TARGET}, "the target", why, _may_get(VIRTUAL_MACHINES, facts))
    for fact, asked, what in (
        (Fact.CLONES, facts.clones, "the other clones"),
        (Fact.VMS, facts.vms, "the other VMs"),
        (Fact.CLAIMS, facts.claims, PERSISTENT_VOLUME_CLAIMS.plural),
        (Fact.PODS, facts.pods, "pods"),
        (Fact.QUOTAS, facts.quotas, "resourcequotas"),
        (Fact.STORAGE_CLASSES, facts.storage_classes, "storageclasses"),
        (Fact.INSTANCE, facts.instance, "the running instance"),
        *((Fact.NAMED, found, what) for what, found in facts.named.items()),
    ):
        if asked is not None and asked.unreadable:
            yield Gap({fact}, what, asked.unreadable)
    if gate_is_on(facts) is None:
        why = facts.kubevirt.unreadable or "its version or its object is not there"
        yield Gap({Fact.KUBEVIRT}, "KubeVirt's configuration", why)
    if facts.fields is None:
        yield Gap({Fact.FIELDS}, "the schema of the clone API", "not served")


def _may_get(resource: Resource, facts: Facts) -> Hint:
    return (kubectl("auth", "can-i", "get", resource.qualified, namespace=facts.namespace),)
