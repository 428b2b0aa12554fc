"""Rules about names: the clone's own, its source, its target, and who else wants that target.

The modules beside this one judge what the source is made of.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from kubectl_virt_clone.clone.api import (
    SHORT_NAMES,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    VMSNAPSHOT,
    conditions,
    target_name,
)
from kubectl_virt_clone.clone.checks.facts import (
    SERIES,
    Facts,
    Finding,
    error,
    from_snapshot,
    is_before,
    source_name,
    source_resource,
    source_vm,
    warning,
)
from kubectl_virt_clone.clone.hint import Hint, flag, kubectl, leave_out
from kubectl_virt_clone.clone.progress.diagnosis import snapshot_loss
from kubectl_virt_clone.objects.fields import (
    Object,
    at,
    mapping_at,
    name_of,
    text_at,
    uid_of,
)
from kubectl_virt_clone.objects.resource import Lookup, Resource

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 253
_SUFFIX = 5  # of the name that KubeVirt makes for a target: clone-<source>-<5 characters>
_SHOWN = 60
_SKIP = flag("--skip-check", "source-missing")
_WAIT = ("wait", "--for=condition=Ready", "--timeout=10m")
_FINISHED = ("Succeeded", "Failed")


def is_name(text: str) -> bool:
    """Whether an object can have this name: a lower-case RFC 1123 subdomain."""
    return len(text) <= _LONGEST_NAME and _SUBDOMAIN.fullmatch(text) is not None


def _corrected(text: str) -> str:
    plain = re.sub(r"[^a-z0-9.-]+", "-", text.lower())
    parts = [part.strip("-") for part in plain[:_LONGEST_NAME].split(".")]
    return ".".join(part for part in parts if part) or "copy"


def own_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A clone of this name that exists already: the server refuses another."""
    name = name_of(clone)
    if name and any(name_of(other) == name for other in facts.clones.objects):
        message = f'there is a clone "{name}" already'
        yield error("clone-exists", message, flag("--name", f"{name}-2"))


def name_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Names that no object can have. KubeVirt accepts such a target, and then the restore hangs."""
    for what, option, name in (
        ("clone", "--name", name_of(clone)),
        ("target", "--target", target_name(clone)),
    ):
        if name and not is_name(name):
            shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
            instead = _corrected(name)
            hint: Hint = (flag(option, instead),)
            if facts.form == SERIES:
                hint = (flag(option), f" with {instead} in place of {shown}")
            message = (
                f'the {what} can\'t be called "{shown}": a name has at most'
                f" {_LONGEST_NAME} lower-case letters, digits, '-' and '.', and begins and ends"
                " with a letter or digit"
            )
            yield error("invalid-name", message, *hint)
    source = source_name(clone)
    generated = len("clone--") + len(source) + _SUFFIX
    if not target_name(clone) and generated > _LONGEST_NAME:
        message = f"KubeVirt would give the target a name of {generated} characters, and then hang"
        yield error("invalid-name", message, flag("--target", f"copy-of-{source[:_SHOWN]}"))


def kind_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """References of a kind or group that can't be a source or a target.

    KubeVirt finds a source by its kind alone, but follows one that comes later by its group
    (recordings 73, 74). It refuses the target's only in the restore, and the
    clone then waits for that forever.
    """
    source, target = at(clone, "spec", "source"), at(clone, "spec", "target")
    if source_resource(clone) is None or not text_at(source, "apiGroup"):
        what = text_at(source, "kind") or "nothing"
        group = text_at(source, "apiGroup") or "no API group"
        message = (
            f"the source is {what} of {group}; only a {VIRTUAL_MACHINES.kind} of"
            f" {VIRTUAL_MACHINES.group} or a {SNAPSHOTS.kind} of {SNAPSHOTS.group} can be cloned"
        )
        yield error("source-kind", message, flag("--source", f"vm/{source_name(clone) or 'NAME'}"))
    elif (resource := source_resource(clone)) and text_at(source, "apiGroup") != resource.group:
        message = (
            f"the source is a {resource.kind} of {text_at(source, 'apiGroup')}, not of"
            f" {resource.group}: KubeVirt clones it only if it is there before the clone"
        )
        kind = SHORT_NAMES[resource.kind]
        hint = flag("--source", f"{kind}/{source_name(clone) or 'NAME'}")
        missing = facts.source == Lookup()
        yield (error if missing else warning)("source-group", message, hint)
    wanted = (VIRTUAL_MACHINES.group, VIRTUAL_MACHINES.kind)
    given = (text_at(target, "apiGroup"), text_at(target, "kind"))
    if mapping_at(clone, "spec", "target") and given != wanted:
        group, kind = (given[0] or "no API group"), (given[1] or "no kind")
        message = f"the target is {kind} of {group}; a clone makes a {wanted[1]} of {wanted[0]}"
        yield error("source-kind", message, flag("--target", f"vm/{target_name(clone) or 'NAME'}"))


def source_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A source that does not exist."""
    resource, name = source_resource(clone), source_name(clone)
    if resource is None or not name or facts.source != Lookup():
        return
    maker = next((o for o in facts.clones.objects if _claims(o, name)), None)
    if maker is not None and not is_before(facts, 1, 5):
        message = f'the source "{name}" is yet to be made by the clone "{_called(maker)}"'
        yield warning("source-missing", message, _SKIP)
    elif facts.own_namespace == Lookup():
        message = f'there is no namespace "{facts.namespace}"'
        yield error("source-missing", message, kubectl("get", "namespaces"))
    else:
        message = f'there is no {resource.kind} "{name}" in the namespace {facts.namespace}'
        yield error("source-missing", message, *_another_source(resource, name, facts))


def _another_source(resource: Resource, name: str, facts: Facts) -> Hint:
    """The VM that is probably meant, or how to wait for the source, or to see what there is."""
    names = [name_of(vm) for vm in facts.vms.objects] if facts.vms else []
    close = [] if resource == SNAPSHOTS else difflib.get_close_matches(name, names, n=1)
    if close:
        return (flag("--source", *(f"vm/{other}" for other in close)),)
    # Until 1.4 the clone's webhook refuses a source that does not exist.
    if is_name(name) and not is_before(facts, 1, 5):
        return (_SKIP, " lets the clone wait for it")
    return (
        kubectl("get", VMSNAPSHOT if resource == SNAPSHOTS else "vm", namespace=facts.namespace),
    )


def snapshot_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A source that is a snapshot, and is not ready or never will be."""
    snapshot = facts.source.object
    if snapshot is None or not from_snapshot(clone):
        return
    name = name_of(snapshot)
    fresh = (flag("--source", f"vm/{text_at(snapshot, 'spec', 'source', 'name') or 'NAME'}"),)
    if text_at(snapshot, "status", "phase") == "Failed":
        because = _reason_of(snapshot, "Failure", "True") or "KubeVirt doesn't say why"
        yield error("snapshot-failed", f'the snapshot "{name}" failed: {because}', *fresh)
    elif at(snapshot, "status", "readyToUse") is not True:
        if snapshot_loss(snapshot):
            return  # another finding tells of it
        reasons = (_reason_of(snapshot, "Progressing", status) for status in ("True", "False"))
        because = next((f": {reason}" for reason in reasons if reason), "")
        message = f'the snapshot "{name}" is not ready, the clone waits for it{because}'
        hint = kubectl(*_WAIT, f"{VMSNAPSHOT}/{name}", namespace=facts.namespace)
        yield warning("snapshot-not-ready", message, hint)
    elif not facts.content.unreadable and source_vm(clone, facts) is None:
        message = f'the snapshot "{name}" is ready, but has no content with a VM in it'
        yield error("snapshot-failed", message, *fresh)


def _reason_of(obj: Object, kind: str, status: str) -> str:
    found = (reason for *given, reason in conditions(obj) if given == [kind, status])
    return next(found, "")


def target_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A target that exists already, or is the source."""
    target = target_name(clone)
    if not target:
        return
    another = _another_target(target, facts)
    if source_resource(clone) == VIRTUAL_MACHINES and target == source_name(clone):
        message = f'the target "{target}" is the source itself'
        yield error("target-is-source", message, *another)
    elif _overwritten(clone, facts, target):
        message = (
            f'the snapshot "{source_name(clone)}" was taken from the VM "{target}": KubeVirt would'
            " put that VM back to the snapshot, and what changed since would be lost"
        )
        yield error("target-overwritten", message, *another)
    elif facts.target.object is not None:
        message = f'there is a VM "{target}" already; KubeVirt clones only to a new one'
        yield error("target-exists", message, *another)


def claimed_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A target that another clone works on."""
    target = target_name(clone)
    for other in facts.clones.objects if target else ():
        if _claims(other, target):
            message = f'the unfinished clone "{_called(other)}" has the target "{target}" too'
            yield error("target-claimed", message, *_another_target(target, facts))


def _another_target(target: str, facts: Facts) -> Hint:
    if facts.form == SERIES:
        return ("another ", flag("--target"), f" than {target}")
    return (*leave_out(flag("--target")), ": KubeVirt then names the VM")


def _called(clone: Object) -> str:
    return name_of(clone) or text_at(clone, "metadata", "generateName")


def _overwritten(clone: Object, facts: Facts, target: str) -> bool:
    """Whether the target is the VM of the snapshot; when in doubt, yes, because data would be lost.

    KubeVirt leaves alone a VM that was made anew under that name, with another uid.
    """
    if not from_snapshot(clone) or text_at(facts.source.object, "spec", "source", "name") != target:
        return False
    if facts.target.object is None:
        return bool(facts.target.unreadable)
    uid = text_at(facts.source.object, "status", "sourceUID")
    return not uid or uid == uid_of(facts.target.object)


def _claims(other: Object, target: str) -> bool:
    return target_name(other) == target and text_at(other, "status", "phase") not in _FINISHED
