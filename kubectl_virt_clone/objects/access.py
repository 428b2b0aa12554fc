"""The flags with which a later command reaches the same cluster as the same user.

``kube/`` knows which flags there are and what they mean; here they are only words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Access:
    """Words of a command line: those that choose the ``server``, and those that say as whom.

    They hold no secret. ``namespace`` is the one that the user gave, or empty.
    """

    server: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    namespace: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """All of them but the namespace, which belongs to what is asked for."""
        return (*self.server, *self.user)


NO_FLAGS = Access()
"""That of a command which says nothing about its connection."""
