"""Which clones are waited for, by name or by a selector, and what has to be followed for them.

Nothing is asked of a server here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubectl_virt_clone.clone.progress.progress import Goal
from kubectl_virt_clone.kube.transport import Query
from kubectl_virt_clone.kube.watch import Scope
from kubectl_virt_clone.objects.fields import Key
from kubectl_virt_clone.objects.resource import Resource
from kubectl_virt_clone.objects.selection import PAGE_SIZE, Selection


@dataclass(frozen=True)
class Wanted:
    """The clones of ``uids`` (key to uid, empty if any will do), or those chosen by ``selector``.

    A selector chooses in ``namespace`` (all of them if empty) when the wait begins; whatever
    becomes of their labels afterwards, these are the clones.
    """

    uids: Mapping[Key, str] = field(default_factory=dict)
    namespace: str = ""
    selector: Query | None = None

    @classmethod
    def of(cls, selection: Selection, namespace: str) -> Wanted:
        """What was selected, where ``namespace`` is the one to look in if not in all."""
        if selection.names:
            return cls({(namespace, name): "" for name in selection.names})
        return cls(namespace=selection.scope(namespace), selector=selection.query)

    def scopes(self, resource: Resource, goal: Goal) -> list[Scope]:
        """What to follow for them; for the goal create, also what is not there yet."""
        if self.selector is not None:
            given = tuple(self.selector)
            if goal.kind == "create":
                return [Scope(resource, self.namespace, selector=given, page_size=PAGE_SIZE)]
            return [Scope(resource, self.namespace, first=given, page_size=PAGE_SIZE)]
        names: dict[str, list[str]] = {}
        for namespace, name in self.uids:
            names.setdefault(namespace, []).append(name)
        return [
            Scope(resource, namespace, names=tuple(listed), page_size=PAGE_SIZE)
            for namespace, listed in names.items()
        ]
