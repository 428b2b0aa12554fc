"""Where a failure is played: a control plane, kubectl and the program, and when what was to see."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from kubevirt_sandbox.storage.store import Change
from tests.planes import Plane
from tests.sandbox.world import CLONES, NAMESPACE, a_clone

Obj = dict[str, Any]
PATIENCE = 30.0


class Stage:
    """A control plane whose controllers stand still until ``curtain`` or ``step``.

    ``audience``: how many programs are going to watch clones. ``kubectl`` is one of them, if any.
    """

    kubectl: subprocess.Popen[str] | None = None

    def __init__(self, *, audience: int = 1, **options: Any) -> None:
        self.plane = Plane(
            **{"speed": float("inf"), **options}, controllers=False, on_request=self._hear
        )
        self.registry = self.plane.registry
        self._audience = audience
        self._seated = threading.Semaphore(0)
        self._opened = time.monotonic()

    @property
    def age(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._opened

    @property
    def kubectl_has_ended(self) -> bool:
        return self.kubectl is not None and self.kubectl.poll() is not None

    def _hear(self, method: str, path: str, code: int) -> None:
        if "/virtualmachineclones?" in path and "watch=" in path:
            self._seated.release()

    def clone(self, name: str, source: str, target: str, **spec: Any) -> Obj:
        """Create a clone, behind the program's back."""
        return self.registry.create(CLONES, NAMESPACE, a_clone(name, source, target, **spec))

    def get(self, type_key: str, name: str) -> Obj:
        return self.registry.get(type_key, NAMESPACE, name)

    def all(self, type_key: str) -> list[Obj]:
        return self.registry.list(type_key, NAMESPACE).items

    def delete(self, type_key: str, name: str) -> None:
        self.registry.delete(type_key, NAMESPACE, name)

    def step(self) -> None:
        """Let the controllers do what is due now; only before ``curtain``."""
        while self.plane.kubevirt.step():
            pass

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition, looking again at each change of the store."""
        deadline = time.monotonic() + PATIENCE
        while True:
            version = self.registry.store.version
            if condition():
                return
            assert time.monotonic() < deadline, "it did not come true"
            self.registry.store.changes_since(version, 0.05)

    def curtain(self, act: Callable[[], None]) -> None:
        """Start the controllers as soon as clones are watched; then ``act``."""
        for _ in range(self._audience):
            assert self._seated.acquire(timeout=PATIENCE), "nobody watches"
        self.plane.kubevirt.start()
        act()


class Lookout:
    """Notes when the first change came that shows a cause: ``moment``, None until then."""

    def __init__(self, stage: Stage, type_key: str, text: str) -> None:
        self.moment: float | None = None
        self._store = stage.registry.store
        self._version = self._store.version
        self._shows = (type_key, text)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow)

    def __enter__(self) -> Lookout:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _follow(self) -> None:
        last = False
        while not last:
            last = self._ended.is_set()
            self._version, changes = self._store.changes_since(self._version, 0.05)
            if any(self._is_it(change) for change in changes):
                self.moment = time.monotonic()
                return

    def _is_it(self, change: Change) -> bool:
        type_key, text = self._shows
        if change.type_key != type_key:
            return False
        return change.event == text or text in json.dumps(change.object)
