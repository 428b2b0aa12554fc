"""Follow clones from their creation to their end, under one Ctrl-C.

``creating`` creates them, and ``actions/wait`` decides when the wait ends.
"""

from __future__ import annotations

import sys
import time

from kubectl_virt_clone.actions.create.creating import Creation, SayFate
from kubectl_virt_clone.actions.wait.loop import Wanted, wait_for
from kubectl_virt_clone.clone.progress.progress import Goal, Result
from kubectl_virt_clone.kube.connection import ConnectionFlags
from kubectl_virt_clone.objects.fields import key_of, uid_of
from kubectl_virt_clone.objects.selection import Selection
from kubectl_virt_clone.render.messages import log, warn
from kubectl_virt_clone.render.progress.live import Met, progress, resumable
from kubectl_virt_clone.render.progress.outcomes import interrupted


def followed(
    creation: Creation,
    goal: Goal,
    *,
    say: SayFate,
    met: Met,
    timeout: float,
    flags: ConnectionFlags,
) -> list[Result]:
    """Create the clones and wait for them; returns how that ended for each that is there.

    ``timeout``, in seconds, is for each of the two. Raises WaitInterrupted.
    """

    def told() -> str:
        keys = [key_of(clone) for clone in creation.clones]
        return interrupted(keys, goal, flags.access, Selection()) if keys else ""

    with resumable(told):
        creation.create(say, log, timeout=timeout)
        if not creation.clones:
            return []
        for error in creation.errors:
            log(str(error))  # now, for the wait may take long
        for stays in creation.stays:
            warn(str(stays.args[0]))
        wanted = Wanted({key_of(clone): uid_of(clone) for clone in creation.clones})
        with progress(
            sys.stderr, met=met, clock=time.monotonic, goal=goal, access=flags.access
        ) as shown:
            session, served = creation.session, creation.served
            return wait_for(session, served, wanted, goal, timeout=timeout, observer=shown)
