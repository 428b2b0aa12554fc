"""Whether a clone can work, judged before it is created: facts in, findings out.

Each rule names the facts that it reads: if one is unknown, so are its checks. ``actions/`` reads
them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from kubectl_virt_clone.clone.api import target_name
from kubectl_virt_clone.clone.checks import (
    admission,
    cluster,
    filters,
    identity,
    instancetypes,
    quotas,
    references,
    sources,
    values,
    volumes,
)
from kubectl_virt_clone.clone.checks.facts import (
    FILES,
    UNKNOWN,
    Fact,
    Facts,
    Finding,
    from_snapshot,
    gaps,
    is_before,
    kubevirt_version,
    ordered,
    source_vm,
    without,
)
from kubectl_virt_clone.clone.checks.flags import in_manifest
from kubectl_virt_clone.clone.progress.provenance import may_adopt
from kubectl_virt_clone.clone.target.projection import project
from kubectl_virt_clone.objects.fields import Object, name_of, text_at


@dataclass(frozen=True)
class Rule:
    """One rule: ``reads`` maps each fact that it can't do without to the checks that need it.

    ``about``: whether the clone has what those checks are about; otherwise the fact isn't missed.
    """

    find: Callable[[Object, Facts], Iterable[Finding]]
    reads: Mapping[Fact, tuple[str, ...]] = field(default_factory=dict)
    about: Callable[[Object], object] = lambda _: True


def _filters(clone: Object, facts: Facts) -> Iterable[Finding]:
    return filters.filter_findings(clone, source_vm(clone, facts))


def _macs(clone: Object, facts: Facts) -> Iterable[Finding]:
    return values.mac_findings(clone, source_vm(clone, facts), facts.vms)


def _serial(clone: Object, facts: Facts) -> Iterable[Finding]:
    vm = source_vm(clone, facts)
    return values.serial_findings(clone, vm, judged=not is_before(facts, 1, 5))


def _projection(clone: Object, facts: Facts) -> Iterator[Finding]:
    vm = source_vm(clone, facts)
    if vm is None:
        return
    feasible = values.feasible(clone)
    version = kubevirt_version(facts)
    target = project(vm, feasible, version)
    for problem in target.problems:
        yield values.problem_finding(
            feasible, facts.namespace, problem, lambda other: project(vm, other, version).problems
        )
    yield from identity.identity_findings(feasible, target.target, name_of(vm))
    yield from volumes.cloud_init_findings(target.target)
    yield from volumes.first_consumer_findings(feasible, facts, target.target)


_OF_CLAIMS = ("volume-not-snapshottable", "volume-unknown", "volume-unbound")
_OF_SOURCE_CLAIMS = ("claim-deleting", "claim-filling")
_OF_FILTERS = ("filter-unused", "filter-overreach", "filter-controller-keys")
_OF_TARGET = ("network-annotations", "identity-copied", "cloud-init-reruns", "first-consumer")

RULES = (
    Rule(cluster.gate_findings, {Fact.KUBEVIRT: ("snapshot-gate",)}),
    Rule(cluster.right_findings),
    Rule(
        cluster.field_findings, {Fact.FIELDS: ("field-unsupported",)}, about=cluster.schema_matters
    ),
    Rule(references.name_findings),
    Rule(references.kind_findings),
    Rule(references.source_findings, {Fact.SOURCE: ("source-missing",)}),
    Rule(references.snapshot_findings, {Fact.SNAPSHOT: ("snapshot-not-ready", "snapshot-failed")}),
    Rule(
        references.target_findings,
        {Fact.SNAPSHOT: ("target-overwritten",), Fact.TARGET: ("target-exists",)},
        about=target_name,
    ),
    Rule(references.claimed_findings, {Fact.CLONES: ("target-claimed",)}),
    Rule(
        sources.source_state_findings,
        {
            Fact.SOURCE: ("source-deleting",),
            Fact.LIVE: ("source-locked", "tracking-state"),
            Fact.VM: ("source-name-too-long",),
        },
    ),
    Rule(sources.started_findings, {Fact.LIVE: ("source-changed-since-start",)}),
    Rule(sources.loss_findings, {Fact.SNAPSHOT: ("snapshot-gone", "snapshot-partial")}),
    Rule(
        sources.claim_findings,
        {Fact.LIVE: _OF_SOURCE_CLAIMS, Fact.CLAIMS: _OF_SOURCE_CLAIMS},
        about=lambda clone: not from_snapshot(clone),
    ),
    Rule(
        sources.use_findings,
        {Fact.LIVE: ("claim-in-use",), Fact.PODS: ("claim-in-use",)},
        about=lambda clone: not from_snapshot(clone),
    ),
    Rule(
        sources.taken_findings,
        {Fact.VM: ("claim-exists",), Fact.CLAIMS: ("claim-exists",)},
        about=lambda clone: may_adopt(clone) and target_name(clone),
    ),
    Rule(volumes.volume_findings, {Fact.LIVE: _OF_CLAIMS, Fact.CLAIMS: ("volume-unbound",)}),
    Rule(volumes.left_out_findings, {Fact.CONTENT: ("volume-not-snapshottable",)}),
    Rule(volumes.backend_storage_findings, {Fact.VM: ("backend-storage",)}),
    Rule(quotas.quota_findings, {Fact.QUOTAS: ("quota",)}),
    Rule(instancetypes.instancetype_findings),
    Rule(
        identity.shared_findings,
        {Fact.VM: ("shared-by-name",), Fact.NAMED: ("shared-by-name",)},
    ),
    Rule(
        identity.unplugged_findings,
        {Fact.INSTANCE: ("volume-not-persistent",)},
        about=lambda clone: not from_snapshot(clone),
    ),
    Rule(instancetypes.preferred_state_findings),
    Rule(volumes.running_findings, {Fact.LIVE: ("running-without-agent",)}),
    Rule(_filters, {Fact.VM: _OF_FILTERS}, about=filters.is_filtered),
    Rule(
        _macs,
        {Fact.VM: ("mac-unknown-interface",), Fact.VMS: ("mac-in-use",)},
        about=values.new_macs,
    ),
    Rule(
        _serial,
        {Fact.VM: ("serial-ignored",)},
        about=lambda clone: text_at(clone, "spec", "newSMBiosSerial"),
    ),
    Rule(values.patch_findings, {Fact.VM: ("patch-invalid",)}, about=values.patches_of),
    Rule(values.type_findings),
    Rule(admission.admission_findings, {Fact.VM: ("not-admissible",)}),
    Rule(
        _projection,
        {
            Fact.VM: _OF_TARGET,
            Fact.CLAIMS: ("first-consumer",),
            Fact.STORAGE_CLASSES: ("first-consumer",),
        },
    ),
)
"""Every rule about a clone that does not exist yet."""


def findings(clone: Mapping[str, object], facts: Facts) -> tuple[Finding, ...]:
    """Everything that can be said about ``clone`` before it is created, the worst first."""
    # If the clone exists already, an earlier run made what the other checks would find.
    found = tuple(references.own_findings(clone, facts)) or ordered(
        [
            *(finding for rule in RULES for finding in rule.find(clone, facts)),
            *unknown_findings(clone, facts),
        ]
    )
    if facts.form != FILES:
        return found
    return tuple(replace(item, hint=in_manifest(item.hint)) for item in found)


def unknown_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """One finding for each check that could not run; each id once, for its first reason.

    Missing rights are not the clone's fault, so the level is unknown.
    """
    rules = [rule for rule in RULES if rule.about(clone)]
    told: set[str] = set()
    for gap in gaps(clone, facts):
        needing = (rule.reads[fact] for rule in rules for fact in rule.reads if fact in gap.facts)
        for name in (name for names in needing for name in names):
            if name not in told:
                told.add(name)
                yield Finding(name, UNKNOWN, f"{gap.what} can't be read: {gap.why}", gap.hint)


def judged(
    clones: Sequence[Object], facts: Sequence[Facts], skipped: Iterable[str]
) -> list[tuple[Object, tuple[Finding, ...]]]:
    """Each clone of a request with its findings, without those of the ids in ``skipped``."""
    ids = frozenset(skipped)
    return [
        (clone, without(findings(clone, own), ids))
        for clone, own in zip(clones, facts, strict=True)
    ]
