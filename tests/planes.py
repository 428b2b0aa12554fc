"""Control planes that begin quickly: what the seeds hold is planted once, and remembered."""

from __future__ import annotations

import json
from collections.abc import Hashable
from math import inf
from typing import Any, NamedTuple

import yaml

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.storage.store import Store

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Planted(NamedTuple):
    """A store as planes begin with it, and its objects as text."""

    store: Store
    text: str


_PLANTED: dict[Hashable, _Planted] = {}
"""What planes of a release have begun with, by the names of their seeds."""


class Plane(ControlPlane):
    """A control plane like any other; only the first with its seeds in this process plants them.

    Objects of planes with the same seeds have the same uids and moments of creation. Its kubeconfig
    is JSON, which is read several times faster than other YAML, by each command of a test.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Seeds of a test's own may change; a registry of its own has another clock.
        is_usual = not {"pace", "registry"} & options.keys() and all(
            isinstance(item, str) for item in self._seeds
        )
        # Without delays the controllers have soon written what they write of new objects.
        self._settles = (
            self._controllers and options.get("speed") == inf and "faults" not in options
        )
        key = (self.kubevirt.release.name, self._settles, *self._seeds)
        self._planted = key if is_usual else None

    def kubeconfig_of(self, token: str, namespace: str = "default") -> str:
        return json.dumps(yaml.load(super().kubeconfig_of(token, namespace), Loader=_LOADER))

    def _seed(self) -> None:
        if self._planted is None:
            super()._seed()
        elif self._planted in _PLANTED:
            _copy(_PLANTED[self._planted].store, self.registry.store)
            self.registry.admission.append(self.kubevirt.admission)
        else:
            super()._seed()
            while self._settles and self.kubevirt.step():
                pass
            self.registry.store.compact()
            kept = Store()
            _copy(self.registry.store, kept)
            _PLANTED[self._planted] = _Planted(kept, _text_of(kept))


def changed() -> list[Hashable]:
    """Whose objects are not as they were: planes share them, so nobody may change one in place."""
    return [key for key, planted in _PLANTED.items() if _text_of(planted.store) != planted.text]


def _copy(store: Store, into: Store) -> None:
    """Let a store that is empty hold what another holds, which has forgotten its history.

    Both hold the same objects: a store replaces its objects, and never changes them.
    """
    into._objects = {key: dict(objects) for key, objects in store._objects.items()}
    into._keys = {key: list(keys) for key, keys in store._keys.items()}
    into._uids = dict(store._uids)
    into._dependents = {uid: set(places) for uid, places in store._dependents.items()}
    into._version, into._first = store._version, store._first


def _text_of(store: Store) -> str:
    return json.dumps([[*objects.values()] for objects in store._objects.values()])
