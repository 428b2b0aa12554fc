"""ResourceQuotas: what may still be created in a namespace, and how much of it is used.

Counts what is stored: objects, and the storage that claims ask for. Recorded: 29, 49, 58, 66.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any

from kubevirt_sandbox.storage import status
from kubevirt_sandbox.storage.resources import ResourceType
from kubevirt_sandbox.storage.store import Store, copy_json

Obj = dict[str, Any]
QUOTAS = "resourcequotas"
CLAIMS = "persistentvolumeclaims"
STORAGE = "requests.storage"
_COUNT = "count/"
_COUNTED = (CLAIMS, "pods", QUOTAS)
_BINARY = ("Ki", "Mi", "Gi", "Ti", "Pi", "Ei")
_UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000**power) for power, unit in enumerate("kMGTPE", 1)},
    **{unit: Decimal(1024**power) for power, unit in enumerate(_BINARY, 1)},
}


class Quotas:
    """The quotas of one store; runs inside the registry's write lock."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def charge(self, resource: ResourceType, new: Obj) -> None:
        """Raises ApiError 403 when there is no room for a new object."""
        for quota in self._of(new["metadata"].get("namespace", "")):
            hard = _hard(quota)
            wanted = {name: _share(name, resource.key, new) for name in sorted(hard)}
            wanted = {name: amount for name, amount in wanted.items() if amount}
            used = self._used(quota, tuple(wanted))
            full = [name for name in wanted if used[name] + wanted[name] > _amount(hard[name])]
            if full:
                raise _exceeded(resource, new, quota, full, wanted, used)

    def count(self, namespace: str) -> None:
        """Writes into the status of each quota of a namespace what is used now."""
        for quota in self._of(namespace):
            hard = _hard(quota)
            used = _texts(self._used(quota, tuple(hard)))
            counted = {"hard": hard, "used": used}
            if quota.get("status") != counted:
                self._store.put(QUOTAS, {**copy_json(quota), "status": copy_json(counted)})

    def _of(self, namespace: str) -> Iterator[Obj]:
        if namespace:
            for _, quota in self._store.snapshot(QUOTAS, namespace)[1]:
                yield quota

    def _used(self, quota: Obj, names: tuple[str, ...]) -> dict[str, Decimal]:
        namespace = quota["metadata"]["namespace"]
        used = {}
        for name in names:
            key = _type_key(name)
            stored = self._store.snapshot(key, namespace)[1] if key else []
            used[name] = sum((_share(name, key, obj) for _, obj in stored), Decimal(0))
        return used


def _hard(quota: Obj) -> dict[str, Any]:
    spec = quota.get("spec")
    found = spec.get("hard") if isinstance(spec, dict) else None
    return found if isinstance(found, dict) else {}


def _type_key(name: str) -> str:
    """What a quota counts under a name; empty for what is not counted here."""
    if name == STORAGE:
        return CLAIMS
    return name.removeprefix(_COUNT) if name.startswith(_COUNT) or name in _COUNTED else ""


def _share(name: str, type_key: str, obj: Obj) -> Decimal:
    """How much one object takes of what a quota limits."""
    if _type_key(name) != type_key:
        return Decimal(0)
    if name != STORAGE:
        return Decimal(1)
    return _amount(obj["spec"]["resources"]["requests"]["storage"])


def _amount(quantity: Any) -> Decimal:
    """A quantity such as ``64Mi`` as a number; 0 for what is none."""
    written = str(quantity)
    number = written.rstrip("".join(dict.fromkeys("".join(_UNITS))))
    try:
        return Decimal(number) * _UNITS.get(written[len(number) :], Decimal(0))
    except InvalidOperation:
        return Decimal(0)


def _texts(amounts: dict[str, Decimal]) -> dict[str, str]:
    """Numbers as Kubernetes writes them: storage in the largest unit that leaves it whole."""
    return {
        name: _storage(item) if name == STORAGE else f"{item:f}" for name, item in amounts.items()
    }


def _storage(amount: Decimal) -> str:
    for power, unit in reversed(list(enumerate(_BINARY, 1))):
        if amount and amount % 1024**power == 0:
            return f"{amount // 1024**power}{unit}"
    return f"{amount:f}"


def _exceeded(
    resource: ResourceType,
    new: Obj,
    quota: Obj,
    full: list[str],
    wanted: dict[str, Decimal],
    used: dict[str, Decimal],
) -> status.ApiError:
    hard = _hard(quota)

    def listed(amounts: dict[str, Any]) -> str:
        return ",".join(f"{name}={amounts[name]}" for name in full)

    name = new["metadata"].get("name", "")
    message = (
        f'{resource.key} "{name}" is forbidden: exceeded quota: {quota["metadata"]["name"]}, '
        f"requested: {listed(_texts(wanted))}, used: {listed(_texts(used))}, "
        f"limited: {listed(hard)}"
    )
    details = status.details_of(resource, name)
    return status.failure(HTTPStatus.FORBIDDEN, message, "Forbidden", details)
