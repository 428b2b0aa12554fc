"""What a clone's filters do to the keys of its source, as the source is now.

``projection`` says which filter decides on which key; nothing is judged here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kubectl_virt_clone.clone.api import SNAPSHOTS
from kubectl_virt_clone.clone.progress.around import Lookup, Surroundings
from kubectl_virt_clone.clone.spec.filters import Decision
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, text_at

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
    # Imported here, because most clones have no filters.
    from kubectl_virt_clone.clone.target.projection import filters_of, project

    given = [name for name, path in FILTERS.items() if filters_of(clone, *path) is not None]
    vm = _cloned_vm(clone, around)
    if vm is None:
        return dict.fromkeys(given)
    projection = project(vm, clone)
    return {name: _effect(getattr(projection, name)) for name in given}


def _effect(decided: Iterable[Decision]) -> Effect:
    from kubectl_virt_clone.clone.target.projection import PATCHED

    decisions = list(decided)
    own = [item for item in decisions if item.by != PATCHED]
    return Effect(
        kept=tuple(item.key for item in own if item.kept),
        dropped=tuple(item.key for item in own if not item.kept),
        patched=tuple(item.key for item in decisions if item.by == PATCHED),
    )


def _cloned_vm(clone: Object, around: Surroundings) -> Object | None:
    """The source, or the VM in the content of the snapshot that is the source."""
    if text_at(clone, "spec", "source", "kind") != SNAPSHOTS.kind:
        return (around.source or Lookup()).object
    content = (around.content or Lookup()).object
    return mapping_at(content, "spec", "source", "virtualMachine") or None
