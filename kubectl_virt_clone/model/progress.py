"""Where a clone is, and whether a goal is met, still possible, or out of reach.

Pure verdicts on one version of an object; waiting and looking is ``cluster/``'s work.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.model.objects import Key, Object, at, mappings_at, text_at

SUCCEEDED, FAILED = "Succeeded", "Failed"
STEPS = ("SnapshotInProgress", "RestoreInProgress", "CreatingTargetVM", SUCCEEDED)
"""The phases on the way to success, in their order (KubeVirt's clone controller)."""

PHASES = (*STEPS, FAILED)

# Reasons that the clone controller writes whatever the case.
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
    to have existed all the same, because it was created just before.
    """

    key: Key
    verdict: Verdict
    clone: Object | None
    known: bool = False

    @property
    def name(self) -> str:
        """The clone's name, without its namespace."""
        return self.key[1]


@dataclass(frozen=True)
class Goal:
    """What is waited for: ``kind`` is ``phase``, ``condition`` or ``delete``.

    ``name`` is the condition's type; ``value`` the phase, or the condition's status.
    """

    kind: str
    name: str = ""
    value: str = ""

    def __str__(self) -> str:
        if self.kind == "condition":
            return f"condition={self.name}={self.value}"
        return f"phase={self.value}" if self.kind == "phase" else self.kind


SUCCESS = Goal("phase", value=SUCCEEDED)


def parse_goal(text: str) -> Goal:
    """Read ``phase=P``, ``condition=TYPE[=STATUS]`` or ``delete``, in any case of letters.

    Raises InvalidValue with kubectl's words for anything else.
    """
    kind, equals, rest = text.partition("=")
    kind = kind.lower()
    if kind == "delete" and not equals:
        return Goal("delete")
    if kind == "phase":
        phases = {phase.lower(): phase for phase in PHASES}
        if rest.lower() not in phases:
            raise InvalidValue(
                f'unknown phase "{rest}"; a clone has the phases {", ".join(PHASES)}'
            )
        return Goal("phase", value=phases[rest.lower()])
    if kind == "condition" and rest:
        name, _, status = rest.partition("=")
        if not name:
            raise InvalidValue(f'unrecognized condition: "{text}"')
        return Goal("condition", name=name, value=status or "true")
    raise InvalidValue(f'unrecognized condition: "{text}"')


def phase_of(clone: Object | None) -> str:
    """``status.phase``; empty while the clone is pending or not looked at by its controller."""
    return text_at(clone, "status", "phase")


def reason_of(clone: Object | None) -> str:
    """KubeVirt's sentence in the clone's conditions; empty where they hold boilerplate only.

    It stands in the ``reason`` of the Ready condition; ``message`` is never set (KubeVirt 1.9).
    """
    for condition in mappings_at(clone, "status", "conditions"):
        reason = text_at(condition, "reason")
        if text_at(condition, "type") == "Ready" and reason not in _BOILERPLATE:
            return reason
    return ""


def step_of(clone: Object | None) -> int:
    """How many of the four steps have begun: 0 while pending, 4 once Succeeded."""
    phase = phase_of(clone)
    return STEPS.index(phase) + 1 if phase in STEPS else 0


def verdict(clone: Object | None, goal: Goal) -> Verdict:
    """Judge one version of a clone; None stands for an object that is gone."""
    if goal.kind == "delete":
        return MET if clone is None else Verdict(Outcome.POSSIBLE)
    if clone is None:
        return Verdict(Outcome.NEVER, f"it was deleted before it reached {goal}")
    if goal.kind == "phase":
        return _phase_verdict(clone, goal)
    return _condition_verdict(clone, goal)


def _phase_verdict(clone: Object, goal: Goal) -> Verdict:
    phase, sentence = phase_of(clone), reason_of(clone)
    if phase == goal.value:
        return MET
    if phase == FAILED:
        return Verdict(Outcome.NEVER, sentence or "KubeVirt gives no reason")
    if phase == SUCCEEDED or step_of(clone) > (
        STEPS.index(goal.value) + 1 if goal.value in STEPS else 4
    ):
        return Verdict(Outcome.NEVER, f"its phase is already {phase}")
    return Verdict(Outcome.POSSIBLE, sentence)


def _condition_verdict(clone: Object, goal: Goal) -> Verdict:
    for condition in mappings_at(clone, "status", "conditions"):
        same = text_at(condition, "type").lower() == goal.name.lower()
        status = text_at(condition, "status").lower()
        if same and status == goal.value.lower() and not _stale(clone, condition):
            return MET
    if phase_of(clone) == FAILED and (goal.name.lower(), goal.value.lower()) == ("ready", "true"):
        return Verdict(Outcome.NEVER, reason_of(clone) or "KubeVirt gives no reason")
    return Verdict(Outcome.POSSIBLE, reason_of(clone))


def _stale(clone: Object, condition: Object) -> bool:
    """Whether the condition speaks of an older spec, as kubectl wait judges it."""
    observed, generation = at(condition, "observedGeneration"), at(clone, "metadata", "generation")
    return isinstance(observed, int) and isinstance(generation, int) and observed < generation
