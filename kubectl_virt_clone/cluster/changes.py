"""What a watch follows and what it finds, as values; how they are got is ``watching.py``'s work.

Nothing here knows what an object means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kubectl_virt_clone.cluster.session import Query
from kubectl_virt_clone.model.api import Resource
from kubectl_virt_clone.model.objects import Key


@dataclass(frozen=True)
class Scope:
    """What to follow: the objects of a resource in a namespace, in all of them if it is empty.

    ``names`` narrow it: a single one is all that is asked for, and where listing is forbidden each
    is asked for by its name. ``selector`` narrows every list and watch; ``first`` only chooses what
    to begin with: an object whose labels change afterwards is still the same object.
    ``page_size`` is the number of objects per request, 0 for all at once.
    """

    resource: Resource
    namespace: str
    names: tuple[str, ...] = ()
    selector: Query = ()
    first: Query = ()
    page_size: int = 0

    @property
    def place(self) -> tuple[str, str]:
        """The kind of its objects, and their namespace."""
        return self.resource.kind, self.namespace


@dataclass(frozen=True)
class Listed:
    """A page of a list; with the ``last`` one, what was on no page does not exist.

    The first page after a break has ``first``: the state begins anew.
    """

    scope: Scope
    objects: tuple[dict[str, Any], ...]
    first: bool = True
    last: bool = True


@dataclass(frozen=True)
class Changed:
    """One object's new version; ``deleted`` when it was its last."""

    scope: Scope
    object: dict[str, Any]
    deleted: bool = False


@dataclass(frozen=True)
class Notice:
    """Something about the watch itself that the user should know, said once."""

    text: str


@dataclass(frozen=True)
class Unreadable:
    """A scope that can't be followed, and why; only of one that is followed ``in_passing``."""

    scope: Scope
    why: str


@dataclass(frozen=True)
class Looked:
    """What a look beside the watch has found of an object, as it was at that ``turn``."""

    key: Key
    turn: int
    found: Any


Change = Listed | Changed | Notice | Unreadable | Looked
