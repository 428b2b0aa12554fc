"""What follows for a goal from all that is known of a clone: met, out of reach, or still possible.

A judgement never asks: it says what it needs, and ``actions/wait`` reads that and judges again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum

from kubectl_virt_clone.clone.progress.diagnosis import (
    claim_not_cloned,
    clone_cause,
    deleted_cause,
    diagnose,
    not_cloned,
    waits_for_claims,
)
from kubectl_virt_clone.clone.progress.progress import (
    BOUND,
    FAILED,
    MET,
    SUCCEEDED,
    Cause,
    Goal,
    Outcome,
    Surroundings,
    Verdict,
    has_children,
    phase_of,
    target_of,
    verdict,
)
from kubectl_virt_clone.clone.progress.provenance import Origin, has_failed, origin_of
from kubectl_virt_clone.objects.fields import Object, at, name_of, text_at

# Events of a silent clone are read only once it is late by the reader's own clock.
_LATE = datetime.max.replace(tzinfo=timezone.utc)


class Need(Enum):
    """What has to be read beside the clone itself.

    TARGET: its target with the claims that it may have adopted, and the events on its restore where
    the target has no mark of it. EVENTS: those on the clone. CHILDREN: its snapshot, restore and
    warnings, followed from then on.
    AROUND: all that stands around it, as it is at that moment.
    """

    NOTHING = "nothing"
    TARGET = "target"
    EVENTS = "events"
    CHILDREN = "children"
    AROUND = "around"


@dataclass(frozen=True)
class Evidence:
    """What is known beside one version of a clone.

    ``children`` is what is followed. ``read`` holds what was read since that version came, and
    ``unanswered`` says why the last attempt at it failed. ``gone``: the version was the last.
    """

    children: Surroundings = field(default_factory=Surroundings)
    read: Mapping[Need, Surroundings] = field(default_factory=dict)
    unanswered: str = ""
    gone: bool = False


@dataclass(frozen=True)
class Judgement:
    """A verdict, its cause where one is known, and what to read next.

    ``can_wait``: the need would only tell more about a clone that has not changed for long. Any
    other need has to be met before the verdict is certain.
    """

    verdict: Verdict
    cause: Cause | None = None
    needs: Need = Need.NOTHING
    can_wait: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether everything that it needs was read."""
        return self.needs is Need.NOTHING or self.can_wait

    @property
    def is_final(self) -> bool:
        """Whether there is nothing left to wait for."""
        return self.is_certain and self.verdict.outcome is not Outcome.POSSIBLE


def judge(
    clone: Object | None,
    evidence: Evidence,
    goal: Goal,
    now: datetime,
    *,
    fail_on_pending: bool = False,
) -> Judgement:
    """Judge the last version of a clone, None for one that was never there.

    With ``fail_on_pending`` a clone that waits for something that may still come never gets there.
    Raises VirtCloneError where a goal's path finds more than one value, as kubectl wait does.
    """
    if clone is None or evidence.gone:
        return _of_gone(clone, evidence, goal)
    judged = verdict(clone, goal)
    if judged.outcome is Outcome.MET:
        return _of_success(clone, evidence) if goal.is_success else Judgement(judged)
    if judged.outcome is Outcome.NEVER:
        return _of_failed(clone, evidence, judged)
    cause = _cause(clone, evidence, now)
    stuck = cause is not None and cause.final and goal.lies_ahead
    if cause is None or not (stuck or (fail_on_pending and not cause.passing)):
        need = _may_tell(clone, goal, evidence.children)
        if cause and cause.id == "volume-not-snapshottable" and Need.AROUND not in evidence.read:
            need = Need.AROUND  # its source says why
        return Judgement(judged, cause, need, can_wait=True)
    followed = evidence.children != Surroundings()
    if (cause.final or followed) and Need.AROUND not in evidence.read:
        # What is followed may be older or newer than the clone: KubeVirt deletes the children of a
        # clone before it writes that it Succeeded.
        return Judgement(judged, None if evidence.unanswered else cause, Need.AROUND)
    return Judgement(Verdict(Outcome.NEVER, cause.sentence), cause)


def unconfirmed(around: Surroundings) -> dict[str, str]:
    """What to say where a target or its claims may not be read, so that its clone is believed."""
    target, claims = around.target, around.claims.values()
    of_target = target.unreadable if target else ""
    of_claims = next((claim.unreadable for claim in claims if claim.unreadable), "")
    said = {
        "target": f"whether a clone made its target can't be told: {of_target}",
        "claims": f"whether a clone filled its volumes can't be told: {of_claims}",
    }
    why = {"target": of_target, "claims": of_claims}
    return {what: text for what, text in said.items() if why[what]}


def gone_since(clone: Object) -> str:
    """What to say of a clone that reached success before it went."""
    target = text_at(clone, "status", "targetName")
    return f"{name_of(clone)} succeeded, and is gone by now (target {target})"


def _of_gone(last: Object | None, evidence: Evidence, goal: Goal) -> Judgement:
    """Judge a clone that is gone, by its ``last`` version.

    One that Succeeded goes when its target is deleted (KubeVirt 1.5 to 1.9): it had succeeded.
    Whether its volumes would have been bound nobody knows.
    """
    judged = verdict(None, goal)
    if last is None:
        return Judgement(judged)
    had_all = goal != BOUND or not has_children(last)
    if goal.is_success and phase_of(last) == SUCCEEDED and had_all:
        return _of_success(last, evidence)
    never = judged.outcome is Outcome.NEVER
    return Judgement(judged, deleted_cause(goal) if never else None)


def _of_success(clone: Object, evidence: Evidence) -> Judgement:
    """Met, if the clone made its target; a target that has gone since is no evidence against it."""
    around = evidence.read.get(Need.TARGET)
    if around is None:
        error = evidence.unanswered or "the server did not answer"
        why = f"it says {SUCCEEDED}, but its target could not be read: {error}"
        return Judgement(Verdict(Outcome.POSSIBLE, why), needs=Need.TARGET)
    target, events = around.target, around.events.objects
    if target is None or target.unreadable:
        return Judgement(MET)  # nobody can tell
    if target.object is None:
        made = not has_failed(clone, events)
    else:
        made = origin_of(clone, target.object, events) is Origin.THIS_CLONE
    cause = None if made else not_cloned(clone, target_of(clone))
    if made and target.object is not None:
        cause = claim_not_cloned(clone, target.object, around)
    return Judgement(Verdict(Outcome.NEVER, cause.sentence), cause) if cause else Judgement(MET)


def _of_failed(clone: Object, evidence: Evidence, judged: Verdict) -> Judgement:
    """Why it never can: a Failed clone's events still tell when its conditions no longer do."""
    if phase_of(clone) != FAILED:
        return Judgement(judged)
    events = evidence.read.get(Need.EVENTS)
    cause = clone_cause(clone, events.events.objects if events else ())
    unclear = events is None and (cause is None or cause.id == "clone-failed")
    return Judgement(judged, cause, Need.EVENTS if unclear else Need.NOTHING)


def _cause(clone: Object, evidence: Evidence, now: datetime) -> Cause | None:
    if around := evidence.read.get(Need.AROUND):
        return diagnose(clone, around, now)
    if events := evidence.read.get(Need.EVENTS):
        return diagnose(clone, events, _LATE)
    return diagnose(clone, evidence.children, None)


def _may_tell(clone: Object, goal: Goal, children: Surroundings) -> Need:
    """What may tell why a clone does not go on, if it doesn't say so itself."""
    phase = phase_of(clone)
    if not at(clone, "status"):
        return Need.EVENTS
    if phase == SUCCEEDED and goal == BOUND:
        return Need.AROUND  # nothing tells when the claims change
    if phase in ("", SUCCEEDED):
        return Need.NOTHING
    return Need.AROUND if waits_for_claims(children.restore) else Need.CHILDREN
