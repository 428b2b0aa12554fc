"""Whether a VM is what a clone made of a snapshot: the evidence that is left without the clone.

A reading of what KubeVirt's restore writes for good; what follows from it is ``actions/``'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum

from kubectl_virt_clone.clone.progress.origin import is_restored_by_a_clone
from kubectl_virt_clone.clone.target.projection import Projection, project
from kubectl_virt_clone.clone.target.restore_rules import GENERATED, claim_of
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    time_at,
)

_RUN = ("running", "runStrategy")


class Descent(Enum):
    """What a VM is to a clone whose object is gone.

    WHOLE: such a clone made it, and its volumes are bound. HOLLOW: it made it, but a volume is yet
    to be filled from the snapshot. UNPROVEN: it may be anybody's.
    """

    WHOLE = "whole"
    HOLLOW = "hollow"
    UNPROVEN = "unproven"


def may_descend(vm: Object, snapshot: Object) -> bool:
    """Whether some clone's restore made the VM after the snapshot was taken; its metadata tells."""
    made = time_at(vm, "metadata", "creationTimestamp")
    taken = time_at(snapshot, "metadata", "creationTimestamp")
    if made is None or taken is None or text_at(vm, "metadata", "deletionTimestamp"):
        return False
    return is_restored_by_a_clone(vm) and made >= taken


def claims_of(vm: Object) -> dict[str, str]:
    """Volume → claim, of the volumes that are claims."""
    volumes = mappings_at(vm, "spec", "template", "spec", "volumes")
    return {text_at(volume, "name"): name for volume in volumes if (name := claim_of(volume))}


def descent(
    vm: Object, clone: Object, snapshot: Object, content: Object, claims: Iterable[Object]
) -> Descent:
    """Whether ``vm`` is what ``clone`` makes of ``snapshot``, which has that ``content``.

    Its claims are among ``claims``. The VM has to hold all that the projection foretells, but for
    whether it runs: somebody may have started it, or have given it more labels.
    """
    kept = mapping_at(content, "spec", "source", "virtualMachine")
    if not mapping_at(kept, "spec") or not may_descend(vm, snapshot):
        return Descent.UNPROVEN
    foretold = project(kept, clone)
    spec = mapping_at(foretold.target, "spec")
    lasting = {
        "metadata": mapping_at(foretold.target, "metadata"),
        "spec": {key: value for key, value in spec.items() if key not in _RUN},
    }
    if foretold.problems or not _holds(vm, lasting) or _kept_in_spite(vm, kept, foretold):
        return Descent.UNPROVEN
    known = {name_of(claim): claim for claim in claims}
    mounted = {volume: known.get(name) for volume, name in claims_of(vm).items()}
    origins = _volume_snapshots(content)
    whole = True
    for volume in foretold.volumes:
        if not volume.after:
            continue
        claim = mounted.get(volume.volume)
        origin = _origin(claim)
        if not origin or origin != origins.get(volume.volume):
            return Descent.UNPROVEN
        whole = whole and text_at(claim, "status", "phase") == "Bound"
    return Descent.WHOLE if whole else Descent.HOLLOW


def _kept_in_spite(vm: Object, source: Object, foretold: Projection) -> bool:
    """Whether the VM has a key of the source's, with its value, that the clone drops."""
    template = ("spec", "template", "metadata")
    return any(
        not item.kept and at(vm, *path, item.key) == at(source, *path, item.key)
        for path, decided in (
            (("metadata", "labels"), foretold.labels),
            (("metadata", "annotations"), foretold.annotations),
            ((*template, "labels"), foretold.template_labels),
            ((*template, "annotations"), foretold.template_annotations),
        )
        for item in decided
    )


def _volume_snapshots(content: Object) -> dict[str, str]:
    """Volume → the VolumeSnapshot that holds its data."""
    backups = mappings_at(content, "spec", "volumeBackups")
    return {text_at(item, "volumeName"): text_at(item, "volumeSnapshotName") for item in backups}


def _origin(claim: Object | None) -> str | None:
    """The VolumeSnapshot that the claim is filled from, which is written for good; or None."""
    if text_at(claim, "metadata", "deletionTimestamp"):
        return None
    source = mapping_at(claim, "spec", "dataSource")
    return text_at(source, "name") if source.get("kind") == "VolumeSnapshot" else None


def _holds(stored: object, foretold: object) -> bool:
    """Whether all that is foretold is stored; maps may have more keys, and lists no more items."""
    if isinstance(foretold, Mapping):
        own = stored if isinstance(stored, Mapping) else {}
        return all(_holds(own.get(key), value) for key, value in foretold.items())
    if isinstance(foretold, list):
        items = stored if isinstance(stored, list) else []
        return len(items) == len(foretold) and all(map(_holds, items, foretold))
    if isinstance(foretold, str) and GENERATED in foretold:
        pattern = ".+".join(map(re.escape, foretold.split(GENERATED)))
        return isinstance(stored, str) and re.fullmatch(pattern, stored) is not None
    return stored == foretold
