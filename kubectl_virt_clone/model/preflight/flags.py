"""Which flag stands behind a patch of a clone: a hint names what its reader gave.

The flags' own patches are ``model.target_patches``'; which patch is at fault is judged beside this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kubectl_virt_clone.errors import InvalidValue
from kubectl_virt_clone.model.finding import flag, kubectl
from kubectl_virt_clone.model.patches import parse
from kubectl_virt_clone.model.target_patches import (
    RUN_STRATEGIES,
    START,
    annotation_patch,
    hostname_patch,
    label_patch,
    run_strategy_patch,
)

_STARTING = f"--start or {flag('--run-strategy', START)}"


def _label(pair: str) -> str:
    return label_patch(pair)[1]


def _annotation(pair: str) -> str:
    return annotation_patch(pair)[1]


_KEYED = (
    ("/metadata/labels/", "--label", "label", _label),
    ("/metadata/annotations/", "--annotation", "annotate", _annotation),
)


def given_as(patch: str) -> str:
    """``--label app=web``: the flag that becomes this very patch, or ``--patch`` with its text."""
    value = _member(patch, "value")
    for name, made in (("--run-strategy", _strategy), ("--hostname", hostname_patch)):
        if _makes(made, value, patch):
            return _STARTING if (name, value) == ("--run-strategy", START) else flag(name, value)
    for _, name, _, _ in _KEYED:
        if pair := _pair(patch, name):
            return flag(name, pair)
    return flag("--patch", patch)


def left_out(patch: str, patches: Sequence[str], target: str, namespace: str) -> str:
    """Which flag to leave out for a patch that does not apply, and how to get what it wanted.

    A label needs others on the source, as an annotation does: without them none can be set, and
    all can once the clone is done.
    """
    for _, name, verb, _ in _KEYED:
        if _pair(patch, name):
            pairs = [pair for other in patches if (pair := _pair(other, name))]
            later = kubectl(verb, f"vm/{target or 'TARGET'}", *pairs, namespace=namespace)
            return f"leave out {flag(name, *pairs)}, and once the clone is done: {later}"
    return f"leave out {given_as(patch)}"


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
    """A member of the operation that is a string; empty for every other, and for no operation."""
    try:
        member = parse(patch).get(name)
    except InvalidValue:
        return ""
    return member if isinstance(member, str) else ""
