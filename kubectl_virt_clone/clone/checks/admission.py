"""Rules about what the server says of the target when it is asked to create it as a dry run.

One request has KubeVirt's webhooks, everybody else's admission, quotas and the schema judge it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from kubectl_virt_clone.clone.api import target_name
from kubectl_virt_clone.clone.checks.facts import (
    UNKNOWN,
    DryRun,
    Facts,
    Finding,
    error,
    kubevirt_version,
    source_vm,
    warning,
)
from kubectl_virt_clone.clone.checks.flags import given_as, left_out
from kubectl_virt_clone.clone.checks.references import is_name
from kubectl_virt_clone.clone.checks.values import feasible, patches_of
from kubectl_virt_clone.clone.hint import Hint, kubectl
from kubectl_virt_clone.clone.progress.sentences import is_own_refusal
from kubectl_virt_clone.clone.spec.patches import parse
from kubectl_virt_clone.clone.target.projection import project
from kubectl_virt_clone.clone.target.restore_rules import GENERATED
from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.objects.fields import Object, text_at

_QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")
_UNKNOWN_FIELD = re.compile(r'unknown field "([^"]+)"')
_NO_RIGHT = re.compile(r'User "[^"]*" cannot create resource')
_NO_DRY_RUN = "does not support dry run"
# Go could not read it, so that the restore's patch leaves no VM (recording 62).
_UNREADABLE = re.compile(r"quantities must match|unmarshal|json: |Invalid value")
_INVALID = 422  # the code of what the schema or a webhook finds wrong in the object itself
_SOMETHING = "00000"


def tried_target(clone: Object, facts: Facts) -> dict[str, Any] | None:
    """The target to have created as a dry run; None where it can't be known, or can't be made.

    What KubeVirt generates is left out, or stands for some value.
    """
    vm, name = source_vm(clone, facts), target_name(clone)
    if vm is None or (name and not is_name(name)):
        return None
    projection = project(vm, feasible(clone), kubevirt_version(facts))
    return None if projection.problems else _filled(projection.target)


def _filled(value: Any) -> Any:
    if isinstance(value, list):
        return [_filled(item) for item in value if item != GENERATED]
    if isinstance(value, dict):
        return {key: _filled(item) for key, item in value.items() if item != GENERATED}
    return value.replace(GENERATED, _SOMETHING) if isinstance(value, str) else value


def unknown_fields(message: str) -> tuple[str, ...]:
    """The fields that a strict server does not know, ``spec.template.spec.domain.nope``."""
    return tuple(dict.fromkeys(_UNKNOWN_FIELD.findall(message)))


def admission_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """What keeps the server from storing the target, now or for good, and what it drops."""
    said = facts.dry_run
    if said is None:
        return
    for path in said.dropped:
        message = f'KubeVirt has no field "{path}": it drops what the clone puts there'
        yield warning("patch-unknown-field", message, *_without(path, clone, facts))
    if said.unasked:
        why = f"the target can't be tried on the server: {said.unasked}"
        yield Finding("not-admissible", UNKNOWN, why)
    elif said.refusal:
        yield _refused(said, clone, facts)


def _refused(said: DryRun, clone: Object, facts: Facts) -> Finding:
    message = said.refusal
    if quota := _QUOTA.search(message):
        show = kubectl("describe", f"quota/{quota[1]}", namespace=facts.namespace)
        return warning("quota", f"the target exceeds a quota now: {message}", show)
    if _NO_RIGHT.search(message) or _NO_DRY_RUN in message:
        why = f"the target can't be tried on the server: {message}"
        return Finding("not-admissible", UNKNOWN, why)
    if patches_of(clone) and _UNREADABLE.search(message):
        parts = (part for patch in patches_of(clone) for part in given_as(patch))
        hint = ("leave out ", *parts)
        return error("patch-invalid", f"the clone would hang: {message}", *hint)
    if is_own_refusal(message) or said.code == _INVALID:
        return error("not-admissible", f"KubeVirt would refuse the target: {message}")
    return warning("not-admissible", f"the target would be refused now: {message}")


def _without(path: str, clone: Object, facts: Facts) -> Hint:
    """The patch to leave out that puts something to a path."""
    pointer = "/" + re.sub(r"\[(\d+)\]", r".\1", path).replace(".", "/")
    patches = patches_of(clone)
    for patch in patches:
        written = _path_of(patch)
        if written and (
            f"{written}/".startswith(f"{pointer}/") or pointer.startswith(f"{written}/")
        ):
            return left_out(patch, patches, target_name(clone), facts.namespace)
    return ()


def _path_of(patch: str) -> str:
    try:
        return text_at(parse(patch), "path")
    except InvalidValue:
        return ""
