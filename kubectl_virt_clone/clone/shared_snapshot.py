"""The one VirtualMachineSnapshot that several clones of a VM are made from.

One point in time and one freeze of the guest for all, and far less work for KubeVirt's controllers
than a snapshot for each. Manifests and names only; taking and keeping it is ``actions/``'s work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from kubectl_virt_clone.clone.api import CLONES, SNAPSHOTS, VIRTUAL_MACHINES, Reference, target_name
from kubectl_virt_clone.clone.progress.diagnosis import snapshot_failure
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    mapping_at,
    mappings_at,
    name_of,
    text_at,
    time_at,
    uid_of,
)
from kubectl_virt_clone.objects.names import LONGEST_SUBDOMAIN

LEFT_OVER_MINUTES = 15
"""A snapshot without a clone for so long is not one that another run is taking."""

SHARED = "kubectl-virt-clone/shared-snapshot"
"""Label of a snapshot that was taken for several clones."""


def can_share(clones: Sequence[Object]) -> bool:
    """Whether the clones are several of one VM."""
    sources = {json.dumps(at(clone, "spec", "source"), sort_keys=True) for clone in clones}
    kinds = {text_at(clone, "spec", "source", "kind") for clone in clones}
    return len(clones) > 1 and len(sources) == 1 and kinds == {VIRTUAL_MACHINES.kind}


def shared_snapshot(clones: Sequence[Object]) -> dict[str, Any]:
    """The snapshot for ``clones``; its name follows from theirs, so that every run finds it."""
    import hashlib  # here, for few requests need it

    source = mapping_at(clones[0], "spec", "source")
    asked = sorted([name_of(clone), target_name(clone)] for clone in clones)
    digest = hashlib.sha256(json.dumps([source, asked]).encode()).hexdigest()[:8]
    # A target without a name is called after this one: clone-<snapshot>-<5 characters>.
    name = f"{_stem(str(source.get('name')))}-{digest}"
    metadata: dict[str, Any] = {"name": name}
    if namespace := text_at(clones[0], "metadata", "namespace"):
        metadata["namespace"] = namespace
    metadata["labels"] = {SHARED: "true"}
    head = {"apiVersion": SNAPSHOTS.api_version, "kind": SNAPSHOTS.kind}
    return {**head, "metadata": metadata, "spec": {"source": dict(source)}}


def sharing(clone: Object, snapshot: Object) -> dict[str, Any]:
    """The clone with ``snapshot`` as its source."""
    source = Reference(SNAPSHOTS, name_of(snapshot)).typed
    return {**clone, "spec": {**mapping_at(clone, "spec"), "source": source}}


def shares(clone: Object, snapshot: Object) -> bool:
    """Whether ``snapshot`` is the source of the clone."""
    source = mapping_at(clone, "spec", "source")
    return (source.get("kind"), source.get("name")) == (SNAPSHOTS.kind, name_of(snapshot))


def as_sent(clones: Sequence[Object], snapshot: Object) -> list[Object]:
    """The snapshot and the clones that share it, as they would be sent."""
    return [snapshot, *(sharing(clone, snapshot) for clone in clones)]


def owners(snapshot: Object, clones: Sequence[Object]) -> list[dict[str, Any]]:
    """The owner references of ``snapshot`` with those of ``clones`` among them.

    With them Kubernetes deletes the snapshot once the last of the clones is deleted.
    """
    references = mappings_at(snapshot, "metadata", "ownerReferences")
    known = {text_at(item, "uid") for item in references}
    new = [
        {
            "apiVersion": text_at(clone, "apiVersion") or CLONES.api_version,
            "kind": CLONES.kind,
            "name": name_of(clone),
            "uid": uid_of(clone),
        }
        for clone in clones
        if uid_of(clone) not in known
    ]
    return [*map(dict, references), *new]


def is_same(stored: Object, wanted: Object) -> bool:
    """Whether a stored clone is the one that ``wanted`` asks for, whoever created it.

    KubeVirt's webhook names a target that has none, and fills in empty fields: these don't count.
    """
    there, asked = _spec(stored), _spec(wanted)
    if not target_name(wanted):
        there.pop("target", None)
    return there == asked


def is_of_series(stored: Object, wanted: Object) -> bool:
    """Whether a stored clone is ``wanted``, be it from the VM itself or from a shared snapshot.

    A series that has grown since has another snapshot, but the clone is still the same.
    """
    source = at(wanted, "spec", "source")
    name = text_at(stored, "spec", "source", "name")
    shared = text_at(stored, "spec", "source", "kind") == SNAPSHOTS.kind
    if shared and re.fullmatch(rf"{re.escape(_stem(text_at(source, 'name')))}-[0-9a-f]{{8}}", name):
        stored = {**stored, "spec": {**mapping_at(stored, "spec"), "source": source}}
    return is_same(stored, wanted)


def is_usable(snapshot: Object, now: datetime) -> bool:
    """Whether a snapshot that no clone uses yet may be what another run is taking just now.

    An older one is a leftover: what was changed in the VM since would be missing in the clones.
    """
    if at(snapshot, "metadata", "deletionTimestamp") or snapshot_failure(snapshot):
        return False
    taken = time_at(snapshot, "metadata", "creationTimestamp")
    return taken is not None and now - taken < timedelta(minutes=LEFT_OVER_MINUTES)


def _spec(clone: Object) -> dict[str, Any]:
    return {key: value for key, value in mapping_at(clone, "spec").items() if value}


def _stem(source: str) -> str:
    return source[: LONGEST_SUBDOMAIN - 25]
