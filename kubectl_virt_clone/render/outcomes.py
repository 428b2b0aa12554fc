"""How waiting ended, in kubectl's words: one line for each clone that is not where it should be."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_virt_clone.errors import ExitCode, WaitFailed
from kubectl_virt_clone.model.api import CLONES
from kubectl_virt_clone.model.manifest import named, target_name
from kubectl_virt_clone.model.objects import Object, name_of, text_at
from kubectl_virt_clone.model.progress import Goal, Outcome, Result
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.formats import formatted


def answer(
    clones: Sequence[Object], requested: Sequence[Object], output: str | None, dry_run: str
) -> str:
    """What ``create`` prints for the clones it created, in kubectl's shape or in a format of -o.

    The name of a target that KubeVirt chose stands behind its clone.
    """
    if output:
        return formatted(clones, output) if clones else ""
    unnamed = {_asked_as(clone) for clone in requested if not target_name(clone)}
    suffix = {"client": " (dry run)", "server": " (server dry run)"}.get(dry_run, "")
    lines = []
    for clone in clones:
        target = target_name(clone) if _asked_as(clone) in unnamed else ""
        chosen = f", target {target}" if target else ""
        lines.append(f"{named(clone)} created{suffix}{chosen}")
    return "".join(f"{escaped(line)}\n" for line in lines)


def _asked_as(clone: Object) -> str:
    """What a clone was called in the request; the server keeps a generateName beside the name."""
    return text_at(clone, "metadata", "generateName") or name_of(clone)


def failure(results: Sequence[Result], goal: Goal, *, looked_once: bool) -> WaitFailed | None:
    """The error that stands for all clones that did not reach ``goal``; None if all did."""
    failed = [(_line(r, goal, looked_once), _code(r)) for r in results if not _met(r)]
    if not failed:
        return None
    return WaitFailed([line for line, _ in failed], max(code for _, code in failed))


def _met(result: Result) -> bool:
    return result.verdict.outcome is Outcome.MET


def _missing(result: Result) -> bool:
    never = result.verdict.outcome is Outcome.NEVER
    return never and result.clone is None and not result.known


def _code(result: Result) -> ExitCode:
    if _missing(result):
        return ExitCode.ERROR
    never = result.verdict.outcome is Outcome.NEVER
    return ExitCode.CLONE_FAILED if never else ExitCode.TIMED_OUT


def _line(result: Result, goal: Goal, looked_once: bool) -> str:
    name, why = result.name, result.verdict.reason
    if _missing(result):
        return f'Error from server (NotFound): {CLONES.qualified} "{name}" not found'
    because = f": {why}" if why else ""
    if result.verdict.outcome is Outcome.NEVER:
        obj = named({"metadata": {"name": name}})
        return f"error: {obj} will not reach {goal}{because}"
    if looked_once:
        return f"error: condition not met for {CLONES.plural}/{name}{because}"
    return f"error: timed out waiting for the condition on {CLONES.plural}/{name}{because}"
