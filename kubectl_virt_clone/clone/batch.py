"""Clones as a list or a watch brings them: some at once, with what is known of their children.

How they are read is ``actions/``'s work, how they are shown ``render/``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kubectl_virt_clone.clone.api import RESTORES, SNAPSHOTS
from kubectl_virt_clone.clone.progress.around import Lookup, Surroundings
from kubectl_virt_clone.objects.fields import Object, text_at
from kubectl_virt_clone.objects.resource import Resource

ADDED, MODIFIED, DELETED = "ADDED", "MODIFIED", "DELETED"

Children = Mapping[tuple[str, str, str], Object]
"""(kind, namespace, name) → the snapshot or restore of a clone."""


@dataclass(frozen=True)
class Batch:
    """Objects to show at once: a page of a list, or one change of a watch.

    ``children`` holds unfinished ones that could be read. One that is missing there was not read,
    is finished, or came into being since: nothing follows from that.
    """

    objects: Sequence[Object]
    event: str = ADDED
    children: Children = field(default_factory=dict)

    def around(self, clone: Object) -> Surroundings:
        """The children of one of the objects, as far as they are known."""
        snapshot = self._child(clone, SNAPSHOTS, "snapshotName")
        restore = self._child(clone, RESTORES, "restoreName")
        return Surroundings(snapshot=snapshot, restore=restore)

    def _child(self, clone: Object, resource: Resource, key: str) -> Lookup | None:
        namespace, name = text_at(clone, "metadata", "namespace"), text_at(clone, "status", key)
        found = self.children.get((resource.kind, namespace, name))
        return None if found is None else Lookup(found)
