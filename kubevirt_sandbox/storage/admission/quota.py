"""ResourceQuotas: what is used of each, and who may have more.

Counted are ``count/PLURAL.GROUP``, ``persistentvolumeclaims`` and ``requests.storage``, also of
one class; other limits are kept, and nothing is held to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.admission.matching import section
from kubevirt_sandbox.storage.store import copy_json

if TYPE_CHECKING:
    from kubevirt_sandbox.storage.resources import ResourceType
    from kubevirt_sandbox.storage.store import Store

Obj = dict[str, Any]
QUOTAS = "resourcequotas"
CLAIMS = "persistentvolumeclaims"
_STORAGE = "requests.storage"
_CLASS = ".storageclass.storage.k8s.io/"
_BINARY = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_DECIMAL = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "m": 1e-3}
_UNITS = {**_BINARY, **_DECIMAL}


def amount(quantity: Any) -> float:
    """A quantity such as ``64Mi`` as a number; 0 for a text that is none."""
    text = str(quantity)
    digits = text.rstrip("KMGTPikm")
    try:
        return float(digits) * _UNITS[text[len(digits) :]]
    except (KeyError, ValueError):
        return 0.0


def quantity(value: float, *, binary: bool) -> str:
    """A number as Kubernetes writes it: ``3``, or with the largest unit that leaves it whole."""
    if binary and value:
        for unit, size in reversed(_BINARY.items()):
            if value % size == 0:
                return f"{value / size:.0f}{unit}"
    return f"{value:.0f}"


class Quotas:
    """The quotas of one store; called with its lock held."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def refuse(self, resource: ResourceType, namespace: str, obj: Obj) -> None:
        """Raises ApiError 403 when a new object is more than a quota of its namespace leaves."""
        for quota in self._of(namespace):
            hard, used = section(quota, "spec", "hard"), self._used(quota)
            wanted = {name: _demand(name, resource.key, obj) for name in hard}
            over = [
                name
                for name in sorted(hard)
                if wanted[name] and amount(used[name]) + wanted[name] > amount(hard[name])
            ]
            if over:
                raise _exceeded(resource, obj, quota, over, wanted, used)

    def recount(self, namespace: str, type_key: str) -> None:
        """Writes ``status.used`` of the quotas that count objects of this type, and of new ones."""
        for quota in list(self._of(namespace)) if self._store.has(QUOTAS) else ():
            hard = section(quota, "spec", "hard")
            if type_key != QUOTAS and not any(_counts(name, type_key) for name in hard):
                continue
            found = {"hard": copy_json(hard), "used": self._used(quota)}
            if quota.get("status") != found:
                self._store.put(QUOTAS, {**copy_json(quota), "status": found})

    def _of(self, namespace: str) -> Iterable[Obj]:
        return (obj for _, obj in self._store.snapshot(QUOTAS, namespace)[1])

    def _used(self, quota: Obj) -> dict[str, str]:
        namespace = quota["metadata"]["namespace"]
        used = {}
        for name in section(quota, "spec", "hard"):
            key = CLAIMS if _counts(name, CLAIMS) else name.removeprefix("count/")
            stored = self._store.snapshot(key, namespace)[1]
            total = sum(_demand(name, key, obj) for _, obj in stored)
            used[name] = quantity(total, binary=_STORAGE in name)
        return used


def _counts(name: str, type_key: str) -> bool:
    kind = name.rpartition(_CLASS)[2]
    return kind == f"count/{type_key}" or (type_key == CLAIMS and kind in (CLAIMS, _STORAGE))


def _demand(name: str, type_key: str, obj: Obj) -> float:
    if not _counts(name, type_key):
        return 0
    storage_class, _, kind = name.rpartition(_CLASS)
    if storage_class and section(obj, "spec").get("storageClassName") != storage_class:
        return 0
    if kind == _STORAGE:
        return amount(section(obj, "spec", "resources", "requests").get("storage", "0"))
    return 1


def _exceeded(
    resource: ResourceType,
    obj: Obj,
    quota: Obj,
    over: list[str],
    wanted: dict[str, float],
    used: dict[str, str],
) -> status.ApiError:
    def listed(values: dict[str, Any]) -> str:
        return ",".join(f"{name}={values[name]}" for name in over)

    requested = {name: quantity(wanted[name], binary=_STORAGE in name) for name in over}
    name, hard = obj["metadata"]["name"], section(quota, "spec", "hard")
    message = (
        f'{resource.key} "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
        f"requested: {listed(requested)}, used: {listed(used)}, limited: {listed(hard)}"
    )
    details = status.details_of(resource, name)
    return status.failure(HTTPStatus.FORBIDDEN, message, "Forbidden", details)
