"""Map patches to flags and flags to fields, so that a hint names what the user gave.

``spec/target_patches.py`` makes the patches; the other modules here judge them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import astuple
from operator import itemgetter
from typing import Any

from kubectl_virt_clone.clone.api import VIRTUAL_MACHINES, Reference
from kubectl_virt_clone.clone.hint import Field, Flag, Hint, Part, flag, kubectl, leave_out
from kubectl_virt_clone.clone.spec.patches import parse
from kubectl_virt_clone.clone.spec.target_patches import (
    RUN_STRATEGIES,
    START,
    annotation_patch,
    hostname_patch,
    label_patch,
    run_strategy_patch,
)
from kubectl_virt_clone.errors import InvalidValue

_STARTING: Hint = (flag("--start"), " or ", flag("--run-strategy", START))


def _label(pair: str) -> str:
    return label_patch(pair)[1]


def _annotation(pair: str) -> str:
    return annotation_patch(pair)[1]


_KEYED = (
    ("/metadata/labels/", "--label", "label", _label),
    ("/metadata/annotations/", "--annotation", "annotate", _annotation),
)


def _reference(text: str) -> dict[str, str]:
    return Reference(VIRTUAL_MACHINES, text.rpartition("/")[2]).typed


_last = itemgetter(-1)
_FIELDS: dict[str, tuple[str, Callable[[str], object], Callable[[Sequence[Any]], object]]] = {
    "--name": ("metadata.name", str, _last),
    "--source": ("spec.source", _reference, _last),
    "--target": ("spec.target", _reference, _last),
    "--label-filter": ("spec.labelFilters", str, list),
    "--annotation-filter": ("spec.annotationFilters", str, list),
    "--template-label-filter": ("spec.template.labelFilters", str, list),
    "--template-annotation-filter": ("spec.template.annotationFilters", str, list),
    "--new-mac-address": ("spec.newMacAddresses", lambda text: text.partition("=")[::2], dict),
    "--new-smbios-serial": ("spec.newSMBiosSerial", str, _last),
    "--volume-name-policy": ("spec.volumeNamePolicy", str, _last),
    "--patch": ("spec.patches", str, list),
    "--run-strategy": ("spec.patches", run_strategy_patch, list),
    "--hostname": ("spec.patches", hostname_patch, list),
    "--label": ("spec.patches", _label, list),
    "--annotation": ("spec.patches", _annotation, list),
}
"""Flag → the field that it becomes, what it becomes there, and how several of it do."""


def in_manifest(hint: Hint) -> Hint:
    """The hint with the fields of a manifest in place of our flags; the rest stays."""
    parts: list[Part] = []
    for part in hint:
        shown = _field(part) if isinstance(part, Flag) else part
        if parts[-1:] == [" or "] and parts[-2:-1] == [shown]:
            parts.pop()  # two flags that are the same field
        else:
            parts.append(shown)
    return tuple(parts)


def _field(given: Flag) -> Flag | Field:
    """``spec.labelFilters: ["a"]`` for ``--label-filter a``; without a value the field alone."""
    name, values = ("--run-strategy", (START,)) if given.name == "--start" else astuple(given)
    if name not in _FIELDS:
        return given
    field, made, together = _FIELDS[name]
    try:
        return Field(field, together([*map(made, values)]) if values else None)
    except InvalidValue:
        return given


def given_as(patch: str) -> Hint:
    """``--label app=web``: the flag that becomes this very patch, or ``--patch`` with its text."""
    value = _member(patch, "value")
    for name, made in (("--run-strategy", _strategy), ("--hostname", hostname_patch)):
        if _makes(made, value, patch):
            return _STARTING if (name, value) == ("--run-strategy", START) else (flag(name, value),)
    for _, name, _, _ in _KEYED:
        if pair := _pair(patch, name):
            return (flag(name, pair),)
    return (flag("--patch", patch),)


def left_out(patch: str, patches: Sequence[str], target: str, namespace: str) -> Hint:
    """Which flag to leave out for a patch that does not apply, and how to get what it wanted.

    A label can only be set if the source has labels, and likewise for annotations; once the clone
    is done, all can be set.
    """
    for _, name, verb, _ in _KEYED:
        if _pair(patch, name):
            pairs = [pair for other in patches if (pair := _pair(other, name))]
            later = kubectl(verb, f"vm/{target or 'TARGET'}", *pairs, namespace=namespace)
            return (*leave_out(flag(name, *pairs)), ", and once the clone is done: ", later)
    return leave_out(*given_as(patch))


def _pair(patch: str, wanted: str) -> str:
    """``KEY=VALUE`` if the patch is what the flag ``wanted`` makes of it; else empty."""
    path = _member(patch, "path")
    for prefix, name, _, made in _KEYED:
        if name == wanted and path.startswith(prefix):
            key = path.removeprefix(prefix).replace("~1", "/")
            pair = f"{key}={_member(patch, 'value')}"
            return pair if _makes(made, pair, patch) else ""
    return ""


def _strategy(value: str) -> str:
    return run_strategy_patch(value) if value in RUN_STRATEGIES else ""


def _makes(made: Callable[[str], str], value: str, patch: str) -> bool:
    try:
        return made(value) == patch
    except InvalidValue:
        return False


def _member(patch: str, name: str) -> str:
    """The operation's member if it is a string; else, or if there is no operation, empty."""
    try:
        member = parse(patch).get(name)
    except InvalidValue:
        return ""
    return member if isinstance(member, str) else ""
