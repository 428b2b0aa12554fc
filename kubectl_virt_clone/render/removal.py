"""What ``delete`` says: a line for each object that is gone, and what stays behind.

``clone/removal.py`` finds out what stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubectl_virt_clone.clone.api import VMSNAPSHOT, named
from kubectl_virt_clone.clone.hint import Command, kubectl
from kubectl_virt_clone.clone.removal import Remains, unfinished
from kubectl_virt_clone.objects.fields import Key, Object, key_of, name_of, text_at
from kubectl_virt_clone.objects.resource import NO_FLAGS, Access
from kubectl_virt_clone.render.escaping import escaped
from kubectl_virt_clone.render.formats import DRY_RUNS
from kubectl_virt_clone.render.hints import written

NAMES_IN_A_LINE = 5
"""Names that one line holds."""


def deleted(obj: Object, output: str | None, dry_run: str) -> str:
    """kubectl's line for a deleted object."""
    if output == "name":
        return escaped(named(obj))
    kind, _, name = named(obj).partition("/")
    namespace = f" from {key_of(obj)[0]} namespace" if key_of(obj)[0] else ""
    return escaped(f'{kind} "{name}" deleted{namespace}{DRY_RUNS.get(dry_run, "")}')


def loss(clone: Object) -> str:
    """What is lost with an unfinished clone; empty if it is finished."""
    why = unfinished(clone)
    return escaped(f"{name_of(clone)}: {why}") if why else ""


def kept(clones: Sequence[Object], which: str, access: Access = NO_FLAGS) -> str:
    """Why clones are not deleted whose targets wait for their volumes; ``which`` names them."""
    one = len(clones) == 1
    whose, how = "their targets", "start the targets to bind them"
    if one:
        namespace, target = key_of(clones[0])[0], text_at(clones[0], "status", "targetName")
        start = Command(("start", target), namespace, program="virtctl")
        whose, how = f"its target {target}", f"{written((start,), access)} binds them"
    return (
        f"{which} {'is' if one else 'are'} not deleted: not all volumes of {whose} are bound, and"
        " what they are to be filled from would go\n"
        f"hint: {how}, or use --skip-check claims-unbound"
    )


def question(count: int, spared: int, namespace: str) -> str:
    """The question before ``count`` clones are deleted and others ``spared``."""
    what = f"{count} of {count + spared} clones" if spared else f"all {count} clones"
    what = "the only clone" if (count, spared) == (1, 0) else what
    where = f"the namespace {escaped(namespace)}" if namespace else "all namespaces"
    return f"delete {what} of {where}?"


def spared(count: int) -> str:
    """The line about clones that are not finished, or not old enough."""
    what = "1 clone is" if count == 1 else f"{count} clones are"
    return f"{what} not finished, or not old enough, and left alone"


def staying(left: Remains, *, access: Access = NO_FLAGS) -> Iterator[str]:
    """Lines about what stays, with commands that show it by ``access``."""
    for vms, single, several in (
        (left.targets, "stays, with its volumes", "stay, with their volumes"),
        (left.begun, "stays, and may not be complete", "stay, and may not be complete"),
    ):
        if vms:
            who, stay = ("target VM", single) if len(vms) == 1 else ("target VMs", several)
            names, command = _shown("vm", vms, access)
            yield f"{who} {names} {stay}; hint: {command}"
    if left.claims:
        names, command = _shown("pvc", left.claims, access)
        yield f"restored and of no VM, but still there: {names}; hint: {command}"
    for plural in left.unread:
        yield unread(plural)


def young(snapshot: Object, *, access: Access = NO_FLAGS) -> str:
    """Why a snapshot that no clone owns or names stays."""
    namespace, name = key_of(snapshot)
    why = "it is younger than an hour, and a create may still need it"
    command = written((kubectl("delete", VMSNAPSHOT, name, namespace=namespace),), access)
    return escaped(f"{named(snapshot)} stays: {why}; hint: {command}")


def unread(plural: str) -> str:
    """What follows if these can't be read."""
    return f"{plural} can't be read: more may have stayed than is said here"


def _shown(resource: str, keys: Sequence[Key], access: Access) -> tuple[str, str]:
    """The first of these objects, and the command that shows them."""
    namespaces = {namespace for namespace, _ in keys}
    names = [name if len(namespaces) == 1 else f"{where}/{name}" for where, name in keys]
    more = len(keys) - NAMES_IN_A_LINE
    text = ", ".join(names[:NAMES_IN_A_LINE]) + (f" and {more} more" if more > 0 else "")
    if len(namespaces) > 1:
        command = kubectl("get", resource, "-A")
    else:
        shown = names if more <= 0 else ()
        command = kubectl("get", resource, *shown, namespace=keys[0][0])
    return escaped(text), escaped(written((command,), access))
