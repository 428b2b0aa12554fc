"""Who is told while a wait goes on; how it is shown is ``render``'s to say.

Nothing is judged here.
"""

from __future__ import annotations

from typing import Protocol

from kubectl_virt_clone.clone.progress.cause import Cause
from kubectl_virt_clone.clone.progress.progress import Result
from kubectl_virt_clone.objects.fields import Key, Object


class Observer(Protocol):
    """Who is told while it goes on. ``interval``: seconds between two calls of ``tick``."""

    interval: float

    def began(self, keys: list[Key]) -> None:
        """Which clones are waited for."""

    def changed(self, clone: Object, cause: Cause | None) -> None:
        """A clone has a new version, or it is known now what holds it up."""

    def decided(self, result: Result) -> None:
        """A clone reached its goal, or never can."""

    def tick(self) -> None:
        """Some time passed without a change."""

    def notice(self, text: str) -> None:
        """Something about the watch itself."""
