"""A clone's preview: what its target will be, what its filters do, and what the checks found.

The projection and the findings themselves are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kubectl_virt_clone.clone.api import SHORT_NAMES, named
from kubectl_virt_clone.clone.checks.facts import Facts, Finding, kubevirt_version, source_vm
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.progress.progress import Surroundings
from kubectl_virt_clone.clone.spec.filters import Decision
from kubectl_virt_clone.clone.target.projection import PATCHED, Projection, filters_of, project
from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.objects.fields import Object, at, text_at
from kubectl_virt_clone.objects.resource import Lookup

FILTERS = {
    "labels": ("spec", "labelFilters"),
    "annotations": ("spec", "annotationFilters"),
    "template_labels": ("spec", "template", "labelFilters"),
    "template_annotations": ("spec", "template", "annotationFilters"),
}
"""Where a clone keeps its filters, by the Projection field that holds their decisions."""


@dataclass(frozen=True)
class Effect:
    """The keys that the target keeps, the keys it drops, and the keys that a patch decides."""

    kept: tuple[str, ...]
    dropped: tuple[str, ...]
    patched: tuple[str, ...] = ()


def filter_effects(clone: Object, around: Surroundings) -> dict[str, Effect | None]:
    """The effect of each of FILTERS that is set; None if the VM that is cloned is unknown."""
    if not any(isinstance(at(clone, *path), list) for path in FILTERS.values()):
        return {}
    given = [name for name, path in FILTERS.items() if filters_of(clone, *path) is not None]
    content = around.content or Lookup()
    vm = source_vm(clone, Facts(source=around.source or Lookup(), content=content))
    if vm is None:
        return dict.fromkeys(given)
    projection = project(vm, clone)
    return {name: _effect(getattr(projection, name)) for name in given}


def _effect(decided: Iterable[Decision]) -> Effect:
    decisions = list(decided)
    own = [item for item in decisions if item.by != PATCHED]
    return Effect(
        kept=tuple(item.key for item in own if item.kept),
        dropped=tuple(item.key for item in own if not item.kept),
        patched=tuple(item.key for item in decisions if item.by == PATCHED),
    )


@dataclass(frozen=True)
class Preview:
    """A clone's manifest, its source VM, its target, and the findings."""

    clone: Object
    source: Object
    projection: Projection
    findings: tuple[Finding, ...]


def preview_of(clone: Object, facts: Facts) -> Preview:
    """The preview of one clone. Raises VirtCloneError if its source can't be read."""
    source = source_vm(clone, facts)
    if source is None:
        raise VirtCloneError(f"{named(clone)} can't be previewed: {_why_unknown(clone, facts)}")
    projection = project(source, clone, kubevirt_version(facts))
    return Preview(clone, source, projection, findings(clone, facts))


def _why_unknown(clone: Object, facts: Facts) -> str:
    name = source_reference(clone)
    if facts.source.unreadable:
        return f"{name} may not be read ({facts.source.unreadable})"
    if facts.source.object is None:
        return f"{name} does not exist"
    if facts.content.unreadable:
        return f"the content of {name} may not be read ({facts.content.unreadable})"
    return f"{name} holds no VM yet"


def source_reference(clone: Object) -> str:
    """``vm/NAME`` or ``vmsnapshot/NAME``; another kind stays as it is."""
    kind = text_at(clone, "spec", "source", "kind")
    return f"{SHORT_NAMES.get(kind, kind)}/{text_at(clone, 'spec', 'source', 'name')}"


def possible(previews: Sequence[Preview]) -> Sequence[Preview]:
    """``previews``, if KubeVirt would make all their targets; raises VirtCloneError otherwise."""
    for preview in previews:
        for problem in preview.projection.problems:
            raise VirtCloneError(f"{named(preview.clone)} will have no target: {problem}")
    return previews
