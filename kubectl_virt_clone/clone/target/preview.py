"""A clone's preview: what its target will be, and what the checks found.

The projection and the findings themselves are made elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kubectl_virt_clone.clone.api import SHORT_NAMES, named
from kubectl_virt_clone.clone.checks.facts import Facts, source_vm
from kubectl_virt_clone.clone.checks.finding import Finding
from kubectl_virt_clone.clone.checks.findings import findings
from kubectl_virt_clone.clone.target.projection import Projection, project
from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.objects.fields import Object, text_at


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
    return Preview(clone, source, project(source, clone), findings(clone, facts))


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
