"""Whether a clone can work, judged before it is created: facts in, findings out.

One module for each family of rules; what was read is a value, and reading is ``actions/``'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from kubectl_virt_clone.clone.checks import references, values, volumes
from kubectl_virt_clone.clone.checks.cluster import (
    ClusterFacts,
    cluster_findings,
    field_findings,
    gate_findings,
    right_findings,
)
from kubectl_virt_clone.clone.checks.facts import Facts, is_older, source_vm
from kubectl_virt_clone.clone.checks.filters import filter_findings, network_findings
from kubectl_virt_clone.clone.checks.finding import (
    FILES,
    Finding,
    ordered,
    without,
)
from kubectl_virt_clone.clone.checks.flags import in_manifest
from kubectl_virt_clone.clone.checks.unread import unread_findings
from kubectl_virt_clone.clone.target.projection import project
from kubectl_virt_clone.objects.fields import Object

__all__ = [
    "ClusterFacts",
    "Facts",
    "Finding",
    "cluster_findings",
    "findings",
    "judged",
    "source_vm",
]


def findings(clone: Mapping[str, object], facts: Facts) -> tuple[Finding, ...]:
    """Everything there is to say about ``clone`` before it is created, the worst first."""
    # Of a clone that is there, an earlier run made what the other checks would find.
    found = tuple(references.own_findings(clone, facts)) or ordered(
        (*_findings(clone, facts), *unread_findings(clone, facts))
    )
    if facts.form != FILES:
        return found
    return tuple(replace(item, hint=in_manifest(item.hint)) for item in found)


def judged(
    clones: Sequence[Object], facts: Sequence[Facts], skipped: Iterable[str]
) -> list[tuple[Object, tuple[Finding, ...]]]:
    """Each clone of a request with its findings, but those of the ids in ``skipped``."""
    ids = frozenset(skipped)
    return [
        (clone, without(findings(clone, own), ids))
        for clone, own in zip(clones, facts, strict=True)
    ]


def _findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    yield from gate_findings(facts)
    yield from right_findings(facts)
    yield from field_findings(clone, facts)
    yield from references.name_findings(clone, facts.form)
    yield from references.kind_findings(clone)
    yield from references.source_findings(clone, facts)
    yield from references.target_findings(clone, facts)
    yield from volumes.volume_findings(clone, facts)
    yield from volumes.backend_storage_findings(clone, facts)
    yield from volumes.running_findings(clone, facts)
    vm = source_vm(clone, facts)
    yield from filter_findings(clone, vm)
    yield from values.mac_findings(clone, vm, facts.vms)
    yield from values.serial_findings(clone, vm, judged=not is_older(facts, 1, 5))
    yield from values.patch_findings(clone, facts.namespace)
    yield from values.type_findings(clone)
    if vm is not None:
        yield from _target_findings(values.feasible(clone), vm, facts)


def _target_findings(clone: Object, vm: Object, facts: Facts) -> Iterator[Finding]:
    """What the target would be like, and why there would be none."""
    target = project(vm, clone)
    for problem in target.problems:
        yield values.problem_finding(
            clone, facts.namespace, problem, lambda other: project(vm, other).problems
        )
    yield from network_findings(clone, target.target)
    yield from volumes.cloud_init_findings(target.target)
    yield from volumes.first_consumer_findings(clone, facts, target.target)
