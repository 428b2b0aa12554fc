"""Objects in the order of one of their fields, as ``kubectl get --sort-by`` orders them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kubectl_virt_clone.errors import VirtCloneError
from kubectl_virt_clone.objects.fields import Object
from kubectl_virt_clone.objects.jsonpath import Path


def sorted_by(objects: Iterable[Object], path: Path) -> list[Object]:
    """The objects by the value at ``path``, as numbers or as text; those without one first.

    Raises VirtCloneError in kubectl's words if none has one.
    """
    ranked = [(_rank(path.find(obj)), obj) for obj in objects]
    if ranked and all(rank == _MISSING for rank, _ in ranked):
        raise VirtCloneError(f'couldn\'t find any field with path "{path}" in the list of objects')
    return [obj for _, obj in sorted(ranked, key=lambda pair: pair[0])]


_MISSING = (0, 0.0, "")


def _rank(values: list[Any]) -> tuple[int, float, str]:
    """The sort key of one object; values of different types are ordered by type."""
    value = values[0] if values else None
    if value is None:
        return _MISSING
    if isinstance(value, (int, float)):
        return 1, value, ""
    return 2, 0, value if isinstance(value, str) else repr(value)
