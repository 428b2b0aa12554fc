"""Why a clone is stuck or failed: the clone and its surroundings in, one cause out.

A clone rarely says so itself: the conditions of its snapshot and its restore do, in a ``reason`` as
everywhere in KubeVirt. If admission refuses the restore, only the events tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from kubectl_virt_clone.clone.api import (
    SNAPSHOTS,
    SOURCE_ALIASES,
    VMRESTORE,
    VMSNAPSHOT,
    conditions,
)
from kubectl_virt_clone.clone.hint import Command, kubectl
from kubectl_virt_clone.clone.progress import sentences
from kubectl_virt_clone.clone.progress.progress import (
    FAILED,
    SUCCEEDED,
    Cause,
    Goal,
    Surroundings,
    deletion,
    gone_before,
    kubectl_in,
    phase_of,
    reason_of,
    target_of,
)
from kubectl_virt_clone.clone.progress.provenance import (
    Origin,
    adopted_claims,
    is_marked,
    origin_of,
    restore_name,
)
from kubectl_virt_clone.clone.progress.sentences import Meaning
from kubectl_virt_clone.objects.fields import Object, at, mappings_at, name_of, text_at, time_at
from kubectl_virt_clone.objects.resource import Listing, Lookup

_TARGET_EXISTS = "restore target already exists"
_TARGET_RUNS = "Waiting for target VM to be powered off"
_IN_PROGRESS = re.compile(r'VirtualMachineRestore "([^"]*)" in progress')
# The patches that a restore lists in the midst of why one of them can't be applied.
_PATCHES = re.compile(r" \[\n.*?\n\](?=:)", re.DOTALL)
# And the whole VM, where what the patches made of it is none (recording 62).
_VM = re.compile(r"(cannot unmarshal modified marshalled vm) \{.*\}(?=:)", re.DOTALL)
_QUOTA = re.compile(r"exceeded quota: ([^,\s]+)")
# What a stopped VM's snapshot waits for, and the first of the claims (recording 55).
_USED = re.compile(r"pods using PVCs \[([^\]\s,]+)")
_NO_SNAPSHOT = re.compile(r"volume (\S+) does not support snapshots")
_LOG = "only the log of virt-controller says why"
AGAIN = "KubeVirt tries again by itself, after pauses that double up to 16m40s"


def snapshot_cause(clone: Object, around: Surroundings) -> Cause | None:
    """What holds up, or ended, the snapshot that a clone in SnapshotInProgress waits for."""
    snapshot = around.snapshot
    if snapshot is None or snapshot.unreadable:
        return None
    if snapshot.object is None:
        return _of_no_snapshot(clone, around)
    obj = snapshot.object
    name = name_of(obj)
    if sentence := snapshot_failure(obj):
        return Cause("snapshot-failed", sentence, deletion(clone), True)
    if sentence := snapshot_loss(obj):
        return Cause("snapshot-gone", sentence, deletion(clone), True)
    if at(obj, "status", "readyToUse") is True:
        return None
    show = kubectl_in(clone, "describe", f"{VMSNAPSHOT}/{name}")
    error = _flat(text_at(obj, "status", "error", "message"))
    if used := _USED.search(error or " ".join(text for *_, text in conditions(obj))):
        show = kubectl_in(clone, "describe", f"pvc/{used[1]}")  # it names the pods
    reasons = [reason for kind, _, reason in conditions(obj) if kind == "Progressing"]
    said = "".join(reasons[:1])
    because = error or said or "KubeVirt has not begun with it"
    if said == "Source not locked" and _is_going(around.source):
        because = f"its source is being deleted ({said})"
    passing = not error and (not said or sentences.of_snapshot(said) is Meaning.WORKING)
    sentence = f'the snapshot "{name}" is not ready{_deadline(obj)}: {because}'
    return Cause("snapshot-waiting", sentence, show, passing=passing)


def _of_no_snapshot(clone: Object, around: Surroundings) -> Cause | None:
    name = text_at(clone, "status", "snapshotName")
    if _is_through(clone, around):
        return None
    if name:
        sentence = f'its snapshot "{name}" was deleted, and KubeVirt takes no other'
        return Cause("snapshot-deleted", sentence, deletion(clone), final=True)
    if text_at(clone, "spec", "source", "kind") == SNAPSHOTS.kind:
        return None
    # A quota, or somebody's admission: the clone has neither a condition nor an event (26, 29).
    sentence = f"KubeVirt can't take its snapshot, and tries again; {_LOG}"
    log = kubectl("logs", "-l", "kubevirt.io=virt-controller", namespace="kubevirt")
    return Cause("snapshot-refused", sentence, (log,))


def _is_going(lookup: Lookup | None) -> bool:
    return bool(lookup and text_at(lookup.object, "metadata", "deletionTimestamp"))


def snapshot_failure(snapshot: Object) -> str:
    """The sentence for a snapshot that Failed; empty for any other."""
    if text_at(snapshot, "status", "phase") != "Failed":
        return ""
    error = _flat(text_at(snapshot, "status", "error", "message"))
    reasons = [reason for kind, _, reason in conditions(snapshot) if kind == "Failure"]
    because = ": ".join(dict.fromkeys(filter(None, [*reasons, error]))) or "it doesn't say why"
    return f'the snapshot "{name_of(snapshot)}" failed: {because}'


def snapshot_loss(snapshot: Object) -> str:
    """The sentence for a snapshot that was ready once, and never will be again; else empty."""
    error = _flat(text_at(snapshot, "status", "error", "message"))
    is_done = text_at(snapshot, "status", "phase") == "Succeeded"
    if not is_done or at(snapshot, "status", "readyToUse") is True or "missing" not in error:
        return ""
    return f'the snapshot "{name_of(snapshot)}" has lost its data, and will never be ready: {error}'


def _deadline(snapshot: Object) -> str:
    """How long KubeVirt tries; its default is 5 minutes, and 0 means forever."""
    given = at(snapshot, "spec", "failureDeadline")
    if given is None:
        return ", KubeVirt tries for 5m"
    return "" if given in ("0", "0s") else f", KubeVirt tries for {given}"


def _of_refusal(clone: Object, events: Listing) -> Cause | None:
    """The restore that admission refused, again and again.

    One refusal is passing: KubeVirt tries to create the restore a second time while its first try
    is in progress already. Where it names another restore, that one has the target for now.
    """
    own = restore_name(clone)
    for event in reversed(events.objects):
        if text_at(event, "reason") != "RestoreCreationFailed":
            continue
        message = _flat(text_at(event, "message"))
        refusal = message.partition(f"for clone {name_of(clone)}: ")[2] or message
        other = _IN_PROGRESS.search(refusal)
        if other and other[1] == own:
            return None
        if other:
            sentence = f'another restore, "{other[1]}", is making the same target'
            show = kubectl_in(clone, "describe", f"{VMRESTORE}/{other[1]}")
            return Cause("target-claimed", sentence, show)
        if sentences.of_restore(refusal) is Meaning.PENDING:
            return _held_up(clone, "its restore is refused", refusal)
        sentence = f"KubeVirt's admission refuses its restore: {refusal}"
        return Cause("restore-refused", sentence, deletion(clone), final=True)
    return None


def _of_restore(clone: Object, around: Surroundings) -> Cause | None:
    restore, name = around.restore, text_at(clone, "status", "restoreName")
    if restore is None or restore.unreadable:
        return None
    if restore.object is None:
        if phase_of(clone) != "RestoreInProgress" or _is_through(clone, around):
            return None
        sentence = f'its restore "{name}" was deleted, and KubeVirt makes no other'
        return Cause("restore-deleted", sentence, deletion(clone), final=True)
    for error, meaning in _errors_of(restore.object):
        if _TARGET_EXISTS in error:
            return _of_target(clone, around.target)
        if _TARGET_RUNS in error:
            return _of_running_target(clone, around)
        if meaning is Meaning.PENDING:
            return _held_up(clone, f'its restore "{name}" is held up', error)
        show = kubectl_in(clone, "describe", f"{VMRESTORE}/{name}")
        return Cause("restore-failing", f'its restore "{name}" fails: {error}', show, final=True)
    return None


def waits_for_claims(restore: Lookup | None) -> bool:
    """Whether only the claims of a restore can tell what it waits for (recording 57)."""
    said = conditions(restore.object) if restore and restore.object else ()
    return any(kind == "Ready" and reason == "Waiting for new PVCs" for kind, _, reason in said)


def _held_up(clone: Object, what: str, error: str) -> Cause:
    """What somebody can cure while KubeVirt tries again."""
    quota = _QUOTA.search(error)
    show = kubectl_in(clone, "describe", f"quota/{quota[1]}") if quota else ()
    return Cause("restore-pending", f"{what}: {error} ({AGAIN})", show)


def _is_through(clone: Object, around: Surroundings) -> bool:
    """Whether the target is made already.

    KubeVirt deletes the children of such a clone before it writes that it Succeeded.
    """
    target = around.target.object if around.target else None
    return target is not None and is_marked(clone, target)


def _of_target(clone: Object, target: Lookup | None) -> Cause | None:
    if target and target.object is None and not target.unreadable:
        return None
    name = text_at(clone, "spec", "target", "name")
    made = origin_of(clone, target.object) if target and target.object else Origin.OLDER
    if made is Origin.ANOTHER_CLONE:
        sentence = f'another clone made the target "{name}"'
        return Cause("target-claimed", sentence, deletion(clone), final=True)
    sentence = f'the target "{name}" exists already; KubeVirt goes on only if it is deleted'
    return Cause("target-exists", sentence, deletion(clone), final=True)


def _of_running_target(clone: Object, around: Surroundings) -> Cause:
    """A restore that waits for its target to stop; if it does, only the snapshot's own VM is one.

    For any other VM KubeVirt gives up after 5 minutes, and then calls the clone Succeeded.
    """
    name = text_at(clone, "spec", "target", "name")
    snapshot = around.snapshot.object if around.snapshot else None
    sentence = f'the target "{name}" exists already and runs'
    from_snapshot = text_at(clone, "spec", "source", "kind") == SNAPSHOTS.kind
    if from_snapshot and text_at(snapshot, "spec", "source", "name") == name:
        sentence += "; KubeVirt overwrites it as soon as it stops"
    # A snapshot that may not be read doesn't tell which VM it is of.
    final = not from_snapshot or text_at(snapshot, "spec", "source", "name") not in ("", name)
    return Cause("target-running", sentence, deletion(clone), final)


def _errors_of(restore: Object) -> Iterator[tuple[str, Meaning]]:
    """Why a restore failed, or what its Ready condition says if that is no step on its way."""
    said = list(conditions(restore))
    for kind, status, reason in said:
        if (kind, status) == ("Failure", "True"):
            yield reason, Meaning.FINAL
    for kind, status, reason in said:
        meaning = sentences.of_restore(reason)
        if kind == "Ready" and status != "True" and reason and meaning is not Meaning.WORKING:
            yield _flat(_VM.sub(r"\1", _PATCHES.sub("", reason))), meaning


def _flat(text: str) -> str:
    return " ".join(text.split())


SILENT_SECONDS = 5.0
"""A controller at work writes a status much sooner, unless it has a queue to work off."""

# What the clone controller's failure events are called, and the cause that each stands for.
_FAILURE_EVENTS = {
    "SnapshotContentInvalid": "content-invalid",
    "SnapshotDeleted": "snapshot-deleted",
    "SourceDoesNotExist": "source-missing",
    "SourceVMWithBackendStorageInvalid": "backend-storage",
    "VMVolumeSnapshotsInvalid": "volume-not-snapshottable",
}
# The sentences of the clone's own conditions (KubeVirt 1.5 to 1.9), by what is found in them.
_SENTENCES = (
    ("Source doesnt exist", "source-missing"),
    ("does not support snapshots", "volume-not-snapshottable"),
    ("snapshot support unknown", "volume-unknown"),
    ("backendstorage", "backend-storage"),
    ("is not backed up in snapshot", "content-invalid"),
    ("does not exist anymore", "snapshot-deleted"),
    ("snapshot content", "content-invalid"),
)


def diagnose(clone: Object, around: Surroundings, now: datetime | None) -> Cause | None:
    """What holds ``clone`` up or made it fail; None if that is not known.

    ``around`` may lack anything. Without ``now``, nothing follows from how long a clone has had no
    status.
    """
    phase = phase_of(clone)
    if phase == FAILED:
        return clone_cause(clone, around.events.objects)
    if phase == SUCCEEDED:
        return _of_success(clone, around)
    own = _with_reason(clone_cause(clone), around)
    below = snapshot_cause(clone, around) if phase == "SnapshotInProgress" else None
    if below and below.id in ("snapshot-failed", "snapshot-gone"):
        return below  # whatever the clone says of its source, no snapshot revives (28)
    if own or not phase:
        return own or (silence_cause(clone, around, now) if now else None)
    if phase == "SnapshotInProgress":
        return below
    if text_at(clone, "status", "restoreName"):
        below = _of_changed_spec(clone) or _of_restore(clone, around)
    else:
        below = _of_changed_spec(clone) or _of_refusal(clone, around.events)
    return below or _of_claims(clone, around)


def _with_reason(cause: Cause | None, around: Surroundings) -> Cause | None:
    """The cause with what the source says of the volume that KubeVirt can't snapshot (56)."""
    volume = _NO_SNAPSHOT.search(cause.sentence) if cause else None
    vm = around.source.object if around.source else None
    for status in mappings_at(vm, "status", "volumeSnapshotStatuses") if volume else ():
        reason = _flat(text_at(status, "reason"))
        if cause and volume and reason and text_at(status, "name") == volume[1]:
            return replace(cause, sentence=f"{cause.sentence}: {reason}")
    return cause


def _of_changed_spec(clone: Object) -> Cause | None:
    """A target that was renamed after KubeVirt had begun: it waits for neither (39)."""
    made, wanted = text_at(clone, "status", "targetName"), text_at(clone, "spec", "target", "name")
    if phase_of(clone) != "CreatingTargetVM" or not made or not wanted or made == wanted:
        return None
    sentence = f'its target was changed from "{made}" to "{wanted}" after KubeVirt had begun'
    return Cause("target-changed", sentence, deletion(clone), final=True)


def clone_cause(clone: Object, events: Iterable[Object] = ()) -> Cause | None:
    """The cause that the clone itself tells, or, if it Failed, its events.

    After a failure KubeVirt may overwrite the conditions with boilerplate: the events still know.
    """
    failed = phase_of(clone) == FAILED
    if sentence := reason_of(clone):
        ids = (cause for text, cause in _SENTENCES if text in sentence)
        return _told(clone, next(ids, "clone-failed"), sentence, final=failed)
    if not failed:
        return None
    for event in reversed(list(events)):
        if known := _FAILURE_EVENTS.get(text_at(event, "reason")):
            return _told(clone, known, text_at(event, "message"), final=True)
    return _told(clone, "clone-failed", "", final=True)


def deleted_cause(goal: Goal) -> Cause:
    """The cause for a clone that was gone before it reached ``goal``."""
    return Cause("clone-deleted", gone_before(goal), final=True)


def silence_cause(obj: Object, around: Surroundings, now: datetime) -> Cause | None:
    """The cause for a clone or a snapshot that has no status although it was created long ago."""
    created = time_at(obj, "metadata", "creationTimestamp")
    if created is None or at(obj, "status") or around.events.objects:
        return None
    if now - created < timedelta(seconds=SILENT_SECONDS):
        return None
    found = "no status" if around.events.unreadable else "no status and no event"
    sentence = f"KubeVirt has not looked at it yet, there is {found}:"
    hint = kubectl("get", "pods", "-A", "-l", "kubevirt.io=virt-controller")
    sentence += " virt-controller is busy, or does not run"
    return Cause("controller-silent", sentence, (hint,))


def _told(clone: Object, id_: str, sentence: str, *, final: bool) -> Cause:
    """A cause in KubeVirt's own words, with the command that shows or mends it."""
    if id_ == "source-missing":
        resource = SOURCE_ALIASES.get(text_at(clone, "spec", "source", "kind").lower())
        hint = (
            kubectl_in(clone, "get", VMSNAPSHOT if resource == SNAPSHOTS else "vm")
            if resource
            else ()
        )
    elif id_.startswith("volume-"):
        source = text_at(clone, "spec", "source", "name")
        path = "jsonpath={.status.volumeSnapshotStatuses}"
        hint = kubectl_in(clone, "get", f"vm/{source}", "-o", path)
    else:
        hint = deletion(clone) if final else ()
    told = "; ".join(sentence.splitlines()) or "KubeVirt gives no reason"
    return Cause(id_, told, hint, final)


def _of_success(clone: Object, around: Surroundings) -> Cause | None:
    target = around.target.object if around.target else None
    if target and origin_of(clone, target, around.events.objects) is not Origin.THIS_CLONE:
        return not_cloned(clone, target_of(clone))
    adopted = claim_not_cloned(clone, target, around) if target else None
    return adopted or _of_claims(clone, around, target_of(clone))


def claim_not_cloned(clone: Object, target: Object, around: Surroundings) -> Cause | None:
    """The false success with PrefixTargetName: a claim of that name was there already."""
    names = adopted_claims(clone, target, around.claims)
    if not names:
        return None
    which = f'the claim "{names[0]}" was' if len(names) == 1 else f"{len(names)} claims were"
    sentence = f"KubeVirt says {SUCCEEDED}, but {which} there before, and not filled by this clone"
    show = kubectl_in(clone, "get", "pvc", *names, "-o", "yaml")
    return Cause("claim-not-cloned", sentence, show, final=True)


def _of_claims(clone: Object, around: Surroundings, target: str = "") -> Cause | None:
    """The restored volume that is not bound: the restore, or the end of the children, waits for it.

    A volume that waits for its first consumer holds up the end only; there is a ``target`` then.
    """
    for name, lookup in around.claims.items():
        phase = text_at(lookup.object, "status", "phase")
        later = lookup.object is not None and around.waits_for_consumer(lookup.object)
        if lookup.object is None or phase == "Bound" or (later and not target):
            continue
        if later:
            sentence = f'the volume "{name}" is bound only when the VM "{target}" starts'
            namespace = text_at(clone, "metadata", "namespace")
            start = Command(("start", target), namespace, program="virtctl")
            return Cause("first-consumer", sentence, (start,))
        sentence = f'the volume "{name}" is not bound: it is {phase or "new"}'
        # The newest, be it a warning or not: an older failure may be over (recording 57).
        for event in around.claim_events.get(name, Listing()).objects[-1:]:
            sentence += f" ({text_at(event, 'reason')}: {_flat(text_at(event, 'message'))})"
        show = kubectl_in(clone, "describe", f"pvc/{name}")
        return Cause("volume-unbound", sentence, show, passing=True)
    return None


def not_cloned(clone: Object, target: str) -> Cause:
    """The false success of KubeVirt 1.5 to 1.9: the target was there before, and stayed as it was.

    A restore whose target runs fails after 5 minutes, and the clone goes on as if it were done.
    """
    sentence = f'KubeVirt says {SUCCEEDED}, but the VM "{target}" was not made by this clone'
    show = kubectl_in(clone, "get", f"vm/{target}", "-o", "yaml")
    return Cause("not-cloned", sentence, show, final=True)
