"""Where a clone is, what surrounds it, what holds it up, and whether a goal is met: values.

Verdicts on one version of an object; ``diagnosis`` finds the cause, ``actions/`` waits and reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from kubectl_virt_clone.clone.api import SNAPSHOTS, VMCLONE, VMSNAPSHOT, conditions
from kubectl_virt_clone.clone.hint import Command, Hint
from kubectl_virt_clone.errors import InvalidValue, VirtCloneError
from kubectl_virt_clone.objects.fields import (
    Key,
    Object,
    at,
    mappings_at,
    name_of,
    text_at,
    time_at,
)
from kubectl_virt_clone.objects.resource import Listing, Lookup

if TYPE_CHECKING:
    from kubectl_virt_clone.objects.jsonpath import Path


@dataclass(frozen=True)
class Surroundings:
    """A clone's source, target, children and events; None for what was not asked for.

    ``content`` is what the snapshot holds, ``claims`` are the restored volumes' claims by name.
    ``storage_classes`` are those of the cluster, and ``claim_events`` the events of the claims that
    are not bound, oldest first: both tell what these claims wait for.
    """

    source: Lookup | None = None
    target: Lookup | None = None
    snapshot: Lookup | None = None
    content: Lookup | None = None
    restore: Lookup | None = None
    claims: Mapping[str, Lookup] = field(default_factory=dict)
    storage_classes: Listing = field(default_factory=Listing)
    claim_events: Mapping[str, Listing] = field(default_factory=dict)
    events: Listing = field(default_factory=Listing)

    def waits_for_consumer(self, claim: Object) -> bool:
        """Whether the claim is of a class that binds a volume only when a pod wants it."""
        wanted = text_at(claim, "spec", "storageClassName")
        modes = {name_of(c): text_at(c, "volumeBindingMode") for c in self.storage_classes.objects}
        return bool(wanted) and modes.get(wanted) == "WaitForFirstConsumer"


def last_seen(event: Object) -> datetime | None:
    """When an event last happened, whichever of its time fields is set (core/v1 has four)."""
    return (
        time_at(event, "lastTimestamp")
        or time_at(event, "series", "lastObservedTime")
        or time_at(event, "eventTime")
        or time_at(event, "metadata", "creationTimestamp")
    )


IDS = (
    *("source-missing", "volume-not-snapshottable", "volume-unknown", "backend-storage"),
    *("content-invalid", "snapshot-failed", "snapshot-gone", "snapshot-refused"),
    *("snapshot-waiting", "snapshot-deleted"),
    *("restore-refused", "restore-pending", "restore-failing", "restore-deleted"),
    *("target-changed", "target-exists", "target-running", "target-claimed"),
    *("first-consumer", "volume-unbound", "not-cloned", "claim-not-cloned"),
    *("clone-failed", "clone-deleted", "controller-silent"),
)
"""Every cause, in the order in which a clone meets them."""


@dataclass(frozen=True)
class Cause:
    """One cause. ``sentence`` has no full stop; ``hint`` is what to try next, or empty.

    ``final``: KubeVirt will not get over it by itself, so waiting is in vain. ``passing``: it is at
    work, only slower than usual; nothing has to be done.
    """

    id: str
    sentence: str
    hint: Hint = ()
    final: bool = False
    passing: bool = False


def kubectl_in(clone: Object, *words: str) -> Hint:
    """A hint: the kubectl command in the namespace of ``clone``."""
    return (Command(words, text_at(clone, "metadata", "namespace")),)


def deletion(stuck: Object) -> Hint:
    """The hint for a clone that is stuck for good, or a snapshot: its temporary objects go too."""
    resource = VMSNAPSHOT if text_at(stuck, "kind") == SNAPSHOTS.kind else VMCLONE
    return kubectl_in(stuck, "delete", f"{resource}/{name_of(stuck)}")


SUCCEEDED, FAILED = "Succeeded", "Failed"
STEPS = ("SnapshotInProgress", "RestoreInProgress", "CreatingTargetVM", SUCCEEDED)
"""The phases on the way to success, in their order (KubeVirt's clone controller)."""

PHASES = (*STEPS, FAILED)

# Reasons that the clone controller writes in any case.
_BOILERPLATE = frozenset({"", "Still processing", "Ready", "Pending", "Failed"})


class Outcome(Enum):
    """What one look at a clone says about a goal."""

    MET = "met"
    POSSIBLE = "possible"
    NEVER = "never"


@dataclass(frozen=True)
class Verdict:
    """An outcome, and why the goal is not met: one sentence, or empty where none is known."""

    outcome: Outcome
    reason: str = ""


MET = Verdict(Outcome.MET)


@dataclass(frozen=True)
class Result:
    """How waiting for one clone ended; Outcome.POSSIBLE means that the time was up.

    ``clone`` is its last version, None for one that was never seen; ``known``: whether it is known
    to have existed all the same, because it was created just before. ``cause``: why the goal was
    not met, where that is known.
    """

    key: Key
    verdict: Verdict
    clone: Object | None
    known: bool = False
    cause: Cause | None = None

    @property
    def name(self) -> str:
        """The clone's name, without its namespace."""
        return self.key[1]

    @property
    def met(self) -> bool:
        """Whether the goal was reached."""
        return self.verdict.outcome is Outcome.MET

    @property
    def missing(self) -> bool:
        """Whether there is no such clone, and never was any that we knew of."""
        never = self.verdict.outcome is Outcome.NEVER
        return never and self.clone is None and not self.known


@dataclass(frozen=True)
class Goal:
    """What is waited for: ``kind`` is one of GOALS.

    ``name`` is the condition's type; ``value`` the phase, the condition's status, or the text that
    the values at ``path`` shall have, None where any value will do. ``text`` is the goal as given.
    """

    kind: str
    name: str = ""
    value: str | None = ""
    path: Path | None = None
    text: str = ""

    def __str__(self) -> str:
        if self.kind == "condition":
            return f"condition={self.name}={self.value}"
        return f"phase={self.value}" if self.kind == "phase" else self.text or self.kind

    @property
    def lies_ahead(self) -> bool:
        """Whether a clone that is stuck can't reach it, wherever it is stuck."""
        return self.is_success or (self.kind == "phase" and self.value != FAILED)

    @property
    def of_status(self) -> bool:
        """Whether it is a path into what the clone controller writes."""
        return self.text.partition("=")[2].lstrip("{").startswith(".status.")

    @property
    def is_success(self) -> bool:
        """Whether only a clone that succeeds can reach it."""
        return (self.kind, self.name.lower(), (self.value or "").lower()) in (
            ("phase", "", "succeeded"),
            ("condition", "ready", "true"),
            ("volumes-bound", "", ""),
        )


SUCCESS = Goal("phase", value=SUCCEEDED)
BOUND = Goal("volumes-bound")
GOALS = ("phase", "condition", "volumes-bound", "create", "delete", "jsonpath")


def parse_goal(text: str) -> Goal:
    """Read a goal as ``wait --for`` takes it; its kind and a phase are in any case of letters.

    ``phase=P``, ``condition=TYPE[=STATUS]``, ``volumes-bound``, ``create``, ``delete`` or
    ``jsonpath={.path}[=VALUE]``. Raises InvalidValue with kubectl's words for anything else, and
    for an empty STATUS, which kubectl waits for in vain.
    """
    kind, equals, rest = text.partition("=")
    kind = kind.lower()
    if kind in ("create", "delete", "volumes-bound") and not equals:
        return Goal(kind)
    if kind == "phase":
        phases = {phase.lower(): phase for phase in PHASES}
        if rest.lower() not in phases:
            known = ", ".join(PHASES)
            raise InvalidValue(f'unknown phase "{rest}"; a clone has the phases {known}')
        return Goal("phase", value=phases[rest.lower()])
    name, given, status = rest.partition("=")
    if kind == "condition" and name and bool(given) == bool(status):
        return Goal("condition", name=name, value=status or "true")
    if kind == "jsonpath" and equals:
        return _parse_jsonpath(text, rest)
    raise InvalidValue(f'unrecognized condition: "{text}"')


def _parse_jsonpath(text: str, rest: str) -> Goal:
    """Read ``{.path}[=VALUE]``; the phase becomes a goal of kind phase, of which more is known."""
    from kubectl_virt_clone.objects.jsonpath import parse_jsonpath, split_value

    path, value = split_value(rest)
    if path.strip("{}") == ".status.phase" and value in PHASES:
        return Goal("phase", value=value)
    return Goal("jsonpath", value=value, path=parse_jsonpath(path), text=text)


def phase_of(clone: Object | None) -> str:
    """``status.phase``; empty while the clone is pending or not looked at by its controller."""
    return text_at(clone, "status", "phase")


def reason_of(clone: Object | None) -> str:
    """KubeVirt's sentence in the clone's conditions; empty where they hold boilerplate only.

    It stands in the ``reason`` of the Ready condition; ``message`` is never set (KubeVirt 1.9).
    """
    reasons = (reason for kind, _, reason in conditions(clone) if kind == "Ready")
    return next((reason for reason in reasons if reason not in _BOILERPLATE), "")


def step_of(clone: Object | None) -> int:
    """How many of the four steps have begun: 0 while pending, 4 once Succeeded."""
    phase = phase_of(clone)
    return STEPS.index(phase) + 1 if phase in STEPS else 0


def verdict(clone: Object | None, goal: Goal) -> Verdict:
    """Judge one version of a clone; None stands for an object that is gone.

    Raises VirtCloneError where a goal's path finds more than one value, as kubectl wait does.
    """
    if goal.kind == "delete":
        return MET if clone is None else Verdict(Outcome.POSSIBLE)
    if goal.kind == "create":
        return Verdict(Outcome.POSSIBLE) if clone is None else MET
    if clone is None:
        return Verdict(Outcome.NEVER, gone_before(goal))
    if goal.kind == "phase":
        return _phase_verdict(clone, goal)
    if goal.kind == "volumes-bound":
        done = phase_of(clone) == SUCCEEDED and not has_children(clone)
        return MET if done else _unmet(clone)
    if goal.path is not None:
        return _path_verdict(clone, goal, goal.path)
    return _condition_verdict(clone, goal)


def gone_before(goal: Goal) -> str:
    """The sentence for a clone that was deleted before it reached ``goal``."""
    reached = "its volumes were bound" if goal == BOUND else f"it reached {goal}"
    return f"it was deleted before {reached}"


def target_of(clone: Object) -> str:
    """The name of the clone's target, as KubeVirt has it or as the spec asks for it."""
    return text_at(clone, "status", "targetName") or text_at(clone, "spec", "target", "name")


def has_children(clone: Object) -> bool:
    """Whether the temporary objects are still there: they go when every new volume is bound."""
    return bool(text_at(clone, "status", "snapshotName") or text_at(clone, "status", "restoreName"))


def _path_verdict(clone: Object, goal: Goal, path: Path) -> Verdict:
    from kubectl_virt_clone.objects.jsonpath import as_text

    found = path.find(clone)
    if len(found) > 1:
        raise VirtCloneError("given jsonpath expression matches more than one value")
    if found and (goal.value is None or as_text(found[0]) == goal.value):
        return MET
    # What a user writes may still come; a status is not written anew.
    return _unwritten(clone) if goal.of_status else Verdict(Outcome.POSSIBLE, reason_of(clone))


def _unmet(clone: Object) -> Verdict:
    if phase_of(clone) == FAILED:
        return Verdict(Outcome.NEVER, reason_of(clone) or "KubeVirt gives no reason")
    return Verdict(Outcome.POSSIBLE, reason_of(clone))


def _unwritten(clone: Object) -> Verdict:
    """Judge what the status lacks: after its end the controller only drops the children's names."""
    if phase_of(clone) == SUCCEEDED:
        return Verdict(Outcome.NEVER, f"its phase is already {SUCCEEDED}")
    return _unmet(clone)


def _phase_verdict(clone: Object, goal: Goal) -> Verdict:
    phase = phase_of(clone)
    if phase == goal.value:
        return MET
    if phase == SUCCEEDED or step_of(clone) > (
        STEPS.index(goal.value) + 1 if goal.value in STEPS else 4
    ):
        return Verdict(Outcome.NEVER, f"its phase is already {phase}")
    return _unmet(clone)


def _condition_verdict(clone: Object, goal: Goal) -> Verdict:
    wanted = (goal.value or "").lower()
    written = mappings_at(clone, "status", "conditions")
    fresh = [condition for condition in written if not _stale(clone, condition)]
    for condition in fresh:
        same = text_at(condition, "type").lower() == goal.name.lower()
        if same and text_at(condition, "status").lower() == wanted:
            return MET
    return _unwritten(clone) if fresh else _unmet(clone)


def _stale(clone: Object, condition: Object) -> bool:
    """Whether the condition speaks of an older spec, as kubectl wait judges it."""
    observed, generation = at(condition, "observedGeneration"), at(clone, "metadata", "generation")
    return isinstance(observed, int) and isinstance(generation, int) and observed < generation
