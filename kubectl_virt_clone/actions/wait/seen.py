"""What is remembered of one clone that is waited for, and when it is to be looked into.

Nothing is asked here, and what its state means is ``model``'s to say.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from kubectl_virt_clone.clone.progress.cause import Cause
from kubectl_virt_clone.clone.progress.diagnosis import SILENT_SECONDS
from kubectl_virt_clone.clone.progress.progress import (
    BOUND,
    SUCCEEDED,
    Goal,
    phase_of,
)
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    text_at,
    uid_of,
)

# Without a change for this long a clone in progress stalls: its children may know why.
STALL_SECONDS = 1.0
# Between two looks at what the server did not answer, and at what can't be followed.
AGAIN_SECONDS, CLOSELY_SECONDS = 1.0, 5.0


@dataclass
class Seen:
    """The object that is waited for, and its last version.

    ``turn`` counts what was seen of it, ``asked`` says that a look at this turn is under way,
    ``missed`` that something around it has changed since, and ``untold`` that the version was not
    shown yet.
    """

    uid: str
    changed_at: float
    clone: Object | None = None
    gone: bool = False
    cause: Cause | None = None
    looked_at: float = 0.0
    closely_at: float = -CLOSELY_SECONDS
    turn: int = 0
    asked: bool = False
    missed: bool = False
    untold: bool = False

    def take(self, clone: Object | None) -> bool:
        """Take note of a clone's version, None for one that is gone; whether that is new."""
        if clone is not None and self.uid and uid_of(clone) != self.uid:
            clone = None  # another object of the same name: ours is gone
        if clone is None and self.gone:
            return False
        if clone is not None and _version(clone) == _version(self.clone) != "":
            return False  # listed anew, but nothing changed
        self.changed_at = time.monotonic()
        self.turn += 1
        self.asked, self.gone, self.closely_at = False, clone is None, -CLOSELY_SECONDS
        if clone is not None:
            self.uid, self.clone = uid_of(clone), clone
        return True

    @property
    def is_silent(self) -> bool:
        """Whether its controller has not written anything about it for long."""
        late = time.monotonic() - self.changed_at >= SILENT_SECONDS
        return late and not at(self.clone, "status")

    @property
    def stalls(self) -> bool:
        """Whether it is in progress, but nothing has happened for a while."""
        quiet = time.monotonic() - self.changed_at >= STALL_SECONDS
        return quiet and phase_of(self.clone) not in ("", SUCCEEDED)

    def lacks_volumes(self, goal: Goal) -> bool:
        """Whether only its volumes are waited for: nothing tells when their claims change."""
        quiet = time.monotonic() - self.changed_at >= STALL_SECONDS
        return quiet and goal == BOUND and phase_of(self.clone) == SUCCEEDED


def _version(clone: Object | None) -> str:
    return text_at(clone, "metadata", "resourceVersion")
