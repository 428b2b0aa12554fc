"""The wait loop: one list and one watch, a verdict on each change, until all is decided.

What is remembered of each clone is ``awaited.py``'s, what a state means ``model``'s to say.
"""

from __future__ import annotations

import os
import time
from functools import partial

from kubectl_virt_clone.actions.versions import served_clones
from kubectl_virt_clone.actions.wait.awaited import NO_ANSWER, TIMED_OUT, Awaited
from kubectl_virt_clone.actions.wait.children import Children
from kubectl_virt_clone.actions.wait.judging import ASIDE_SECONDS, Judge
from kubectl_virt_clone.actions.wait.looking import Looks, within
from kubectl_virt_clone.actions.wait.observing import Observer
from kubectl_virt_clone.actions.wait.wanted import Wanted
from kubectl_virt_clone.clone.progress.progress import (
    Goal,
    Outcome,
    Result,
    Verdict,
)
from kubectl_virt_clone.errors import Deferred, ExitCode, WaitFailed
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.kube.watch import Notice, Watch, watching
from kubectl_virt_clone.objects.resource import Resource

# The first look is taken however short the timeout is; a server that is silent gets this long.
FIRST_LOOK_SECONDS = 10.0
# What is asked when the time is up, to say why it was not enough, has this long for an answer.
LAST_LOOK_SECONDS = 2.0


def wait_for(
    session: Session,
    served: Resource | None,
    wanted: Wanted,
    goal: Goal,
    *,
    timeout: float,
    observer: Observer,
    fail_on_pending: bool = False,
) -> list[Result]:
    """Wait until each of the clones that are ``wanted`` reached ``goal``, or never can.

    ``timeout`` in seconds is shared by all; 0 looks once. Where it is not known in which version
    the clones are ``served``, the server is asked first. Returns a result for each clone, in order.
    Raises VirtCloneError if a selector chooses none.
    """
    if "OLD_WAIT" not in os.environ:
        from kubectl_virt_clone.actions.wait import judging, loop, seen
        from kubectl_virt_clone.actions.wait.pace import Pace

        pace = Pace(
            first_look=FIRST_LOOK_SECONDS,
            aside=judging.ASIDE_SECONDS,
            last_look=LAST_LOOK_SECONDS,
            stall=seen.STALL_SECONDS,
            one_in=judging.ONE_IN,
        )
        return loop.wait_for(
            session,
            served,
            wanted,
            goal,
            timeout=timeout,
            observer=observer,
            fail_on_pending=fail_on_pending,
            pace=pace,
        )
    began = time.monotonic()
    if wanted.uids:
        observer.began(list(wanted.uids))
    deadline = began + (timeout or FIRST_LOOK_SECONDS)
    if served is None:
        served, why = _served(session, max(timeout, FIRST_LOOK_SECONDS), deadline)
        if served is None:
            return _ended_early(wanted, why, f"{TIMED_OUT}: {why}")
    scopes = wanted.scopes(served, goal)
    with watching(session, scopes, deadline=deadline) as watch:
        children = Children(watch)
        judge = Judge(
            session,
            served,
            goal,
            around=children.around,
            notice=lambda text: watch.found.put(Notice(text)),
            fail_on_pending=fail_on_pending,
            deadline=deadline,
        )
        looks = Looks(watch.found.put, watch.stopped)
        awaited = Awaited(watch, children, judge, looks, goal, observer)
        awaited.begin(scopes, wanted.uids)
        while awaited.goes_on and not (timeout == 0 and awaited.looked):
            remaining = began + max(timeout, _least(awaited, watch)) - time.monotonic()
            if remaining <= 0:
                break
            awaited.step(min(remaining, observer.interval))
        awaited.end(LAST_LOOK_SECONDS)
        return list(awaited.results.values()) or _ended_early(wanted, "", awaited.why_none)


def _served(session: Session, seconds: float, deadline: float) -> tuple[Resource | None, str]:
    """In which version the clones are served, or why that is not known in time."""
    try:
        return within(seconds, partial(served_clones, session, deadline=deadline)), NO_ANSWER
    except Deferred as error:
        return None, str(error)


def _least(awaited: Awaited, watch: Watch) -> float:
    """How many seconds the first look may take, whatever the timeout."""
    if awaited.unlisted:
        return FIRST_LOOK_SECONDS if awaited.unlisted - watch.deferred else 0.0
    return 0.0 if awaited.looked else ASIDE_SECONDS


def _ended_early(wanted: Wanted, why: str, error: str) -> list[Result]:
    """The results where nothing is known of any clone; raises WaitFailed where none has a name."""
    if error and not wanted.uids:
        raise WaitFailed([error], ExitCode.TIMED_OUT)
    verdict = Verdict(Outcome.POSSIBLE, why)
    return [Result(key, verdict, None, known=bool(uid)) for key, uid in wanted.uids.items()]
