"""The judgement on one version of a clone, and the requests that it may take to be certain.

What a state means is ``model.progress``'s and ``model.diagnosis``'s to say; who is told is
``waiting.py``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

from kubectl_virt_clone.actions.describe import events_of, surroundings_of
from kubectl_virt_clone.actions.wait.confirming import Unconfirmed, doubt, targets_in
from kubectl_virt_clone.actions.wait.looking import Once
from kubectl_virt_clone.clone.progress.around import Listing, Surroundings
from kubectl_virt_clone.clone.progress.cause import Cause
from kubectl_virt_clone.clone.progress.diagnosis import clone_cause, deleted_cause, diagnose
from kubectl_virt_clone.clone.progress.progress import (
    BOUND,
    FAILED,
    MET,
    SUCCEEDED,
    Goal,
    Outcome,
    Verdict,
    has_children,
    phase_of,
    verdict,
)
from kubectl_virt_clone.clone.progress.provenance import is_marked
from kubectl_virt_clone.errors import ConnectionFailed, StatusError
from kubectl_virt_clone.kube.resource import FORBIDDEN, get
from kubectl_virt_clone.kube.transport import Session
from kubectl_virt_clone.objects.fields import (
    Key,
    Object,
    key_of,
    text_at,
    uid_of,
)
from kubectl_virt_clone.objects.resource import Resource

# More targets than these are read in a list, if they are more than one in so many.
A_FEW, ONE_IN = 20, 20
# For what would only make a sentence better.
ASIDE_SECONDS = 5.0
# When a clone without a status is certainly late; that it is was measured with our own clock.
_LATE = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Judgement:
    """What one look at a clone says; ``again`` when the look has to be taken once more.

    ``look``: the requests without which nothing is certain. Their judgement has none any more.
    """

    verdict: Verdict
    cause: Cause | None = None
    again: bool = False
    look: Look | None = None


Look = Callable[[], Judgement]


class Judge:
    """Judges versions of clones by one goal; only looks ask the server, from any thread.

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
        self._targets: dict[str, Once[dict[Key, Object]]] = {}
        self._dark: dict[str, str] = {}  # for which clone it was said that VMs may not be read

    def prepare(self, present: Mapping[Key, Object], undecided: Iterable[Key]) -> None:
        """Read the targets of many clones in one list; only to save a request for each.

        There are about as many VMs as clones are ``present``, and the list has them all.
        """
        done = [key for key in undecided if phase_of(present.get(key)) == SUCCEEDED]
        if not self._goal.is_success or len(done) <= max(A_FEW, len(present) // ONE_IN):
            return
        for namespace in {namespace for namespace, _ in done}:
            read = partial(targets_in, self._session, namespace, read_timeout=ASIDE_SECONDS)
            self._targets[namespace] = Once(read)

    def of(self, clone: Object) -> Judgement:
        """Judge a clone that is there, by what is known."""
        judged = verdict(clone, self._goal)
        if judged.outcome is Outcome.MET:
            return self._unconfirmed(clone) if self._goal.is_success else Judgement(judged)
        if judged.outcome is Outcome.NEVER:
            return self._of_failed(clone, judged)
        told = self._by(clone, judged, self._around(clone))
        if told.verdict.outcome is Outcome.NEVER and told.cause and told.cause.final:
            return Judgement(judged, told.cause, look=partial(self._of_stuck, clone))
        return told

    def of_gone(self, last: Object | None) -> Judgement:
        """Judge a clone that is gone, by its ``last`` version.

        One that Succeeded goes when its target is deleted (KubeVirt 1.5 to 1.9): it had succeeded.
        Whether its volumes would have been bound nobody knows.
        """
        waits = self._goal == BOUND and last is not None and has_children(last)
        if self._goal.is_success and phase_of(last) == SUCCEEDED and last is not None and not waits:
            return self._unconfirmed(last, gone=True)
        judged = verdict(None, self._goal)
        gone = judged.outcome is Outcome.NEVER and last is not None
        return Judgement(judged, deleted_cause(self._goal) if gone else None)

    def closely(self, clone: Object) -> Judgement:
        """Judge a clone by all that stands around it, read now."""
        namespace, _ = key_of(clone)
        around = surroundings_of(self._session, namespace, clone, read_timeout=ASIDE_SECONDS)
        return self._by(clone, verdict(clone, self._goal), around, datetime.now(timezone.utc))

    def of_silent(self, clone: Object) -> Judgement:
        """Judge a clone that its controller has not looked at for long; if there is no event."""
        around = Surroundings(events=self._events(clone))
        return self._by(clone, verdict(clone, self._goal), around, now=_LATE)

    def _by(
        self,
        clone: Object,
        judged: Verdict,
        around: Surroundings,
        now: datetime | None = None,
    ) -> Judgement:
        """The judgement on a clone that has not reached its goal, by what stands around it."""
        cause = diagnose(clone, around, now)
        if cause is None or judged.outcome is not Outcome.POSSIBLE:
            return Judgement(judged, cause)
        never = cause.final and self._goal.lies_ahead
        if never or (self._fail_on_pending and not cause.passing):
            return Judgement(Verdict(Outcome.NEVER, cause.sentence), cause)
        return Judgement(judged, cause)

    def _unconfirmed(self, clone: Object, *, gone: bool = False) -> Judgement:
        why = f"it says {SUCCEEDED}, but its target could not be read: the server did not answer"
        return Judgement(
            Verdict(Outcome.POSSIBLE, why), look=partial(self._confirmed, clone, gone=gone)
        )

    def _confirmed(self, clone: Object, *, gone: bool) -> Judgement:
        """Met, if the target was made by the clone; to be asked again where nobody answers."""
        namespace, name = key_of(clone)
        target = text_at(clone, "status", "targetName")
        listed = self._targets.get(namespace)
        cause = None
        try:
            if not (listed and is_marked(clone, listed().pop((namespace, target), {}))):
                cause = doubt(self._session, clone, read_timeout=ASIDE_SECONDS)
        except Unconfirmed as error:
            if self._dark.setdefault(namespace, name) == name:
                self._notice(f"whether a clone made its target can't be told: {error}")
        except (ConnectionFailed, StatusError) as error:
            why = f"it says {SUCCEEDED}, but its target could not be read: {error}"
            return Judgement(Verdict(Outcome.POSSIBLE, why), again=True)
        if cause:
            return Judgement(Verdict(Outcome.NEVER, cause.sentence), cause)
        if gone:
            self._notice(f"{name} succeeded, and is gone by now (target {target})")
        return Judgement(MET)

    def _of_failed(self, clone: Object, judged: Verdict) -> Judgement:
        """Why it never can: ask the events of a Failed clone whose conditions no longer say so."""
        if phase_of(clone) != FAILED:
            return Judgement(judged)
        cause = clone_cause(clone)
        if cause and cause.id != "clone-failed":
            return Judgement(judged, cause)

        def look() -> Judgement:
            return Judgement(judged, clone_cause(clone, self._events(clone).objects))

        return Judgement(judged, cause, look=look)

    def _events(self, clone: Object) -> Listing:
        namespace, name = key_of(clone)
        return events_of(self._session, namespace, name, uid_of(clone), read_timeout=ASIDE_SECONDS)

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
