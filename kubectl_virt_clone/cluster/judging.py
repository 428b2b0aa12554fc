"""The judgement on one version of a clone, with the requests that it may take.

What a state means is ``model.progress``'s and ``model.diagnosis``'s to say; who is told is
``waiting.py``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timezone

from kubectl_virt_clone.cluster.confirming import Unconfirmed, doubt, targets_in
from kubectl_virt_clone.cluster.related import events_of, surroundings_of
from kubectl_virt_clone.cluster.resources import get
from kubectl_virt_clone.cluster.session import Session
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.model.api import Resource
from kubectl_virt_clone.model.cause import Cause
from kubectl_virt_clone.model.diagnosis import clone_cause, deleted_cause, diagnose
from kubectl_virt_clone.model.objects import Key, Object, at, key_of, name_of, text_at, uid_of
from kubectl_virt_clone.model.origin import is_marked
from kubectl_virt_clone.model.progress import (
    FAILED,
    MET,
    SUCCEEDED,
    Goal,
    Outcome,
    Verdict,
    phase_of,
    verdict,
)
from kubectl_virt_clone.model.surroundings import Surroundings

FORBIDDEN = 403
# More targets than these are read in a list.
A_FEW = 20
# For what would only make a sentence better.
ASIDE_SECONDS = 5.0


@dataclass(frozen=True)
class Judgement:
    """What one look at a clone says; ``again`` when the look has to be taken once more."""

    verdict: Verdict
    cause: Cause | None = None
    again: bool = False


class Judge:
    """Judges versions of clones by one goal.

    ``around`` gives what is known of a clone's children, ``notice`` hears what the user should
    know beside the verdict. With ``fail_on_pending`` a clone that waits for something is one that
    never can.
    """

    def __init__(
        self,
        session: Session,
        resource: Resource,
        goal: Goal,
        *,
        around: Callable[[Object], Surroundings],
        notice: Callable[[str], None],
        fail_on_pending: bool,
    ) -> None:
        self._session = session
        self._resource = resource
        self._goal = goal
        self._around = around
        self._notice = notice
        self._fail_on_pending = fail_on_pending
        self._targets: dict[Key, Object] = {}

    def prepare(self, clones: Iterable[Object]) -> None:
        """Read the targets of many clones in one list; only to save a request for each."""
        done = [clone for clone in clones if phase_of(clone) == SUCCEEDED]
        if not self._goal.is_success or len(done) <= A_FEW:
            return
        for namespace in {key_of(clone)[0] for clone in done}:
            try:
                self._targets |= targets_in(self._session, namespace)
            except (ConnectionFailed, StatusError):
                return  # each is asked for by its name, and that is answered or not

    def of(self, clone: Object, around: Surroundings | None = None) -> Judgement:
        """Judge a clone that is there; ``around``: what was read for it just now."""
        judged = verdict(clone, self._goal)
        if judged.outcome is Outcome.MET:
            return self._confirmed(clone) if self._goal.is_success else Judgement(judged)
        if judged.outcome is Outcome.NEVER:
            return Judgement(judged, self._failure(clone))
        cause = diagnose(clone, around or self._around(clone), datetime.now(timezone.utc))
        if cause and cause.final and self._goal.lies_ahead:
            if around is None:
                return self._of_stuck(clone)
            return Judgement(Verdict(Outcome.NEVER, cause.sentence), cause)
        if cause and self._fail_on_pending and not cause.passing:
            return Judgement(Verdict(Outcome.NEVER, cause.sentence), cause)
        return Judgement(judged, cause)

    def of_gone(self, last: Object | None) -> Judgement:
        """Judge a clone that is gone, by its ``last`` version.

        One that Succeeded goes when its target is deleted (KubeVirt 1.5 to 1.9): it had succeeded.
        """
        if self._goal.is_success and phase_of(last) == SUCCEEDED and last is not None:
            confirmed = self._confirmed(last)
            if confirmed.verdict is MET:
                target = text_at(last, "status", "targetName")
                self._notice(f"{name_of(last)} succeeded, and is gone by now (target {target})")
            return confirmed
        judged = verdict(None, self._goal)
        gone = judged.outcome is Outcome.NEVER and last is not None
        return Judgement(judged, deleted_cause(str(self._goal)) if gone else None)

    def closely(self, clone: Object) -> Judgement:
        """Judge a clone by all that stands around it, read now."""
        return self.of(clone, surroundings_of(self._session, key_of(clone)[0], clone))

    def of_silent(self, clone: Object) -> Judgement:
        """Judge a clone that its controller has not looked at for long; if there is no event."""
        namespace, name = key_of(clone)
        events = events_of(
            self._session, namespace, name, uid_of(clone), read_timeout=ASIDE_SECONDS
        )
        return self.of(clone, Surroundings(events=events))

    def _confirmed(self, clone: Object) -> Judgement:
        """Met, if the target was made by the clone; to be asked again where nobody answers."""
        key = key_of(clone)[0], text_at(clone, "status", "targetName")
        if is_marked(clone, self._targets.pop(key, {})):
            return Judgement(MET)
        try:
            cause = doubt(self._session, clone, read_timeout=ASIDE_SECONDS)
        except Unconfirmed as error:
            self._notice(f"whether {name_of(clone)} made its target can't be told: {error}")
            return Judgement(MET)
        except (ConnectionFailed, StatusError) as error:
            why = f"it says {SUCCEEDED}, but its target could not be read: {error}"
            return Judgement(Verdict(Outcome.POSSIBLE, why), again=True)
        if cause:
            return Judgement(Verdict(Outcome.NEVER, cause.sentence), cause)
        return Judgement(MET)

    def _failure(self, clone: Object) -> Cause | None:
        """Why it never can: ask the events of a Failed clone whose conditions no longer say so."""
        if phase_of(clone) != FAILED:
            return None
        cause = clone_cause(clone)
        if cause is None or cause.id == "clone-failed":
            namespace, name = key_of(clone)
            events = events_of(
                self._session, namespace, name, uid_of(clone), read_timeout=ASIDE_SECONDS
            )
            cause = clone_cause(clone, events.objects)
        return cause

    def _of_stuck(self, clone: Object) -> Judgement:
        """Judge a clone that seems stuck for good, by all that is there now.

        What was followed may be older or newer than the clone: KubeVirt deletes the children of a
        clone before it writes that it Succeeded.
        """
        namespace, name = key_of(clone)
        try:
            now = get(self._session, self._resource, namespace, name, read_timeout=ASIDE_SECONDS)
        except (ConnectionFailed, StatusError) as error:
            if isinstance(error, StatusError) and error.code == FORBIDDEN:
                return self.closely(clone)
            return Judgement(verdict(clone, self._goal), again=True)
        if text_at(now, "metadata", "resourceVersion") != text_at(
            clone, "metadata", "resourceVersion"
        ):
            return Judgement(verdict(clone, self._goal))  # the watch will tell
        return self.closely(clone)


def is_silent(clone: Object) -> bool:
    """Whether no controller has written anything about it yet."""
    return not at(clone, "status")
