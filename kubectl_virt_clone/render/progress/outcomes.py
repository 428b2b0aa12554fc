"""How a wait ended, in kubectl's words, or how to take it up again where the user ended it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from kubectl_virt_clone.clone.api import CLONES, named
from kubectl_virt_clone.clone.progress.progress import STEPS, SUCCESS, Goal, Outcome, Result
from kubectl_virt_clone.errors import ExitCode, WaitFailed
from kubectl_virt_clone.objects.fields import Key
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access, Selection
from kubectl_virt_clone.render.durations import human
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.formats import formatted
from kubectl_virt_clone.render.hints import written

_TENTHS = 60.0  # seconds up to which tenths are shown


class Met:
    """What to print for each clone that reached its goal: kubectl's line, or the object.

    As in kubectl, a clone that was gone from the start has no line, and one that was named several
    times has as many.
    """

    def __init__(self, output: str | None = None, selection: Selection | None = None) -> None:
        self._output = output
        self._times = _times(selection)
        self._before = ""

    def __call__(self, result: Result) -> str:
        """The text for the next clone; empty or with a newline at its end."""
        if result.clone is None:
            return ""
        times = self._times[result.key[1]] or 1
        if self._output is None:
            return f"{escaped(named(result.clone))} condition met\n" * times
        text = formatted([result.clone], self._output)
        between = "---\n" if self._output == "yaml" else ""
        before, self._before = self._before, between
        return before + between.join([text] * times)


def failure(
    results: Sequence[Result],
    goal: Goal,
    *,
    looked_once: bool,
    selection: Selection | None = None,
    access: Access = NO_FLAGS,
) -> WaitFailed | None:
    """The error for all clones that did not reach ``goal``; None if all did.

    Names have their namespace if there are several, or if ``selection`` asks for all. Hints act by
    ``access``.
    """
    times = _times(selection)
    several = bool(selection and selection.all_namespaces)
    several = several or len({result.key[0] for result in results}) > 1
    failed = [
        (_line(r, label(r.key, several=several), goal, looked_once, access), _code(r))
        for r in results
        for _ in range(times[r.key[1]] or 1)
        if not r.met
    ]
    if not failed:
        return None
    return WaitFailed([line for line, _ in failed], max(code for _, code in failed))


def _times(selection: Selection | None) -> Counter[str]:
    """How often each clone was named: kubectl has as many lines for it."""
    return Counter(selection.names if selection else ())


def _code(result: Result) -> ExitCode:
    if result.missing:
        return ExitCode.ERROR
    never = result.verdict.outcome is Outcome.NEVER
    return ExitCode.CLONE_FAILED if never else ExitCode.TIMED_OUT


def _line(result: Result, name: str, goal: Goal, looked_once: bool, access: Access) -> str:
    if result.missing:
        return f'Error from server (NotFound): {CLONES.qualified} "{name}" not found'
    why = result.cause.sentence if result.cause else result.verdict.reason
    told = written(result.cause.hint, access) if result.cause else ""
    hint = f"\nhint: {told}" if told else ""
    because = f": {why}{hint}" if why else ""
    if result.verdict.outcome is Outcome.NEVER:
        obj = named({"metadata": {"name": name}})
        return f"error: {obj} will not reach {goal}{because}"
    what = "condition not met for" if looked_once else "timed out waiting for the condition on"
    return f"error: {what} {CLONES.plural}/{name}{because}"


def interrupted(
    keys: Sequence[Key],
    goals: Sequence[Goal],
    access: Access,
    selection: Selection,
    *,
    fail_on_pending: bool = False,
) -> str:
    """The message for an interrupted wait for ``keys``, with the commands that take it up again.

    They choose the clones by the ``selection`` if it has no names; otherwise by name, with a
    command for each namespace.
    """
    names: dict[str, list[str]] = {}
    for namespace, name in keys:
        names.setdefault(namespace, []).append(name)
    what = f"the clone {keys[0][1]} goes" if len(keys) == 1 else f"{len(keys) or 'the'} clones go"
    chosen = [(_selected(selection) or selection.names, access.namespace)]
    if names and not _selected(selection):
        chosen = [(some, space) for space, some in names.items()]
    how = [f"--for={goal}" for goal in goals if [*goals] != [SUCCESS]]
    how += ["--fail-on-pending"] if fail_on_pending else []
    commands = ""
    for which, namespace in chosen:
        where = ("-n", namespace) if namespace else ()
        line = ("kubectl", "virt-clone", "wait", *which, *where, *access.words, *how)
        commands += f"\n  {shlex.join(line)}"
    return f"interrupted; {what} on without us. To wait again:{commands}"


def _selected(selection: Selection) -> list[str]:
    """The flags that choose clones other than by name."""
    words = []
    if selection.label_selector:
        words += ["-l", selection.label_selector]
    if selection.field_selector:
        words += ["--field-selector", selection.field_selector]
    if selection.everything:
        words.append("--all")
    return [*words, "-A"] if words and selection.all_namespaces else words


def label(key: Key, *, several: bool) -> str:
    """``NAME``, or ``NAMESPACE/NAME`` if there are several namespaces."""
    return "/".join(key) if several else key[1]


def state(phase: str) -> str:
    """``PHASE n/4``; only the phase if it isn't a step on the way to success."""
    if phase and phase not in STEPS:
        return phase
    return f"{phase or 'Pending'} {step(phase)}/{len(STEPS)}"


def step(phase: str) -> int:
    """How many of the four steps have begun."""
    return STEPS.index(phase) + 1 if phase in STEPS else 0


def span_of_time(seconds: float) -> str:
    """``3.2s``; from a minute on as kubectl prints it."""
    return f"{seconds:.1f}s" if seconds < _TENTHS else human(seconds)
