"""Where a clone is and how it got there: its phase, and its steps as a table.

Which steps are known is ``model.timeline``'s to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kubectl_virt_clone.model.objects import Object
from kubectl_virt_clone.model.progress import STEPS, phase_of, step_of
from kubectl_virt_clone.model.timeline import Step, phase_since
from kubectl_virt_clone.render.durations import age, human
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.tables import underlined

PENDING = "Pending"


def moment(when: datetime) -> str:
    """A point in time as ``kubectl describe`` writes it."""
    return when.strftime("%a, %d %b %Y %H:%M:%S %z")


def phase_line(clone: Object, steps: Sequence[Step], now: datetime) -> str:
    """``RestoreInProgress (2/4) for 55s``; without the time where it is not known."""
    phase, step = escaped(phase_of(clone)) or PENDING, step_of(clone)
    since = phase_since(clone, steps)
    lasting = f" for {age(since, now)}" if since else ""
    return (f"{phase} ({step}/{len(STEPS)})" if step else phase) + lasting


def timeline(steps: Sequence[Step]) -> list[str]:
    """The lines of a table: each step, when it was done, and how long after the one before it."""
    rows = [(step.what, moment(step.when), _took(step.seconds)) for step in steps]
    return underlined(("Step", "Time", "Took"), rows) if rows else ["<unknown>"]


def _took(seconds: float | None) -> str:
    """A duration of which only whole seconds are known."""
    if seconds is None:
        return ""
    return human(seconds) if seconds >= 1 else "<1s"
