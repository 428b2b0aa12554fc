"""Rules about what keeps KubeVirt from taking the source now, and claims that are in the way.

What is in the source's volumes is judged in ``volumes``, what the clone changes in ``values``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubectl_virt_clone.clone.api import (
    VIRTUAL_MACHINES,
    VMSNAPSHOT,
    VOLUME_NAME_POLICIES,
    target_name,
)
from kubectl_virt_clone.clone.checks.facts import (
    INFO,
    UNKNOWN,
    Facts,
    Finding,
    as_started,
    error,
    from_snapshot,
    source_resource,
    source_vm,
    warning,
)
from kubectl_virt_clone.clone.hint import Command, Hint, flag, kubectl
from kubectl_virt_clone.clone.progress.diagnosis import snapshot_loss
from kubectl_virt_clone.clone.target.restore_rules import GENERATED, claim_name, disks_of
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, mappings_at, name_of, text_at

RANDOM = VOLUME_NAME_POLICIES[0]
_LONGEST_LABEL = 63
_TRACKED = ("Initializing", "Enabled")
_POPULATION = "cdi.kubevirt.io/storage.pod.phase"


def source_state_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A source that is going, or that another snapshot holds (recordings 22, 28, 65)."""
    source, resource = facts.source.object, source_resource(clone)
    if source is None or resource is None:
        return
    name = name_of(source)
    if text_at(source, "metadata", "deletionTimestamp"):
        message = f'the {resource.kind} "{name}" {_going(source)}: KubeVirt takes no snapshot of it'
        yield error("source-deleting", message)
    if resource == VIRTUAL_MACHINES:
        yield from _tracking(source, facts)
        if other := text_at(source, "status", "snapshotInProgress"):
            message = f'the snapshot "{other}" of the VM is in progress, and the clone waits for it'
            wait = ("wait", "--for=condition=Ready", f"{VMSNAPSHOT}/{other}", "--timeout=10m")
            hint = (kubectl(*wait, namespace=facts.namespace),)
            yield warning("source-locked", message, *hint)
    vm = source_vm(clone, facts)
    # A label of each VolumeSnapshot has it as its value; only virt-controller's log says so.
    if vm is not None and len(name_of(vm)) > _LONGEST_LABEL and disks_of(vm):
        message = (
            f"the name of the source VM has {len(name_of(vm))} characters: KubeVirt can't snapshot"
            f" the volumes of a VM whose name has more than {_LONGEST_LABEL}"
        )
        yield error("source-name-too-long", message)


def started_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A VM that was changed while it runs: KubeVirt clones it as it was started (recording 24)."""
    vm, revision = facts.source.object, facts.revision
    if vm is None or from_snapshot(clone) or revision is None:
        return
    name = name_of(vm)
    if revision.object is None:
        why = revision.unreadable or "it does not exist"
        message = f"the VM was changed since its start; what it was then can't be read: {why}"
        yield Finding("source-changed-since-start", UNKNOWN, message)
    elif as_started(vm, revision)["spec"].get("template") != at(vm, "spec", "template"):
        message = (
            f'the VM "{name}" was changed since its start: its clone is what it was then, with the'
            " disks, volumes and metadata of now"
        )
        restart = Command(("restart", name), facts.namespace, program="virtctl")
        yield Finding("source-changed-since-start", INFO, message, (restart,))


def _going(obj: Object) -> str:
    """Since when an object is being deleted, and who holds it."""
    since = text_at(obj, "metadata", "deletionTimestamp")
    held = at(obj, "metadata", "finalizers")
    by = ", ".join(map(str, held)) if isinstance(held, list) else ""
    return f"is being deleted since {since}" + (f", held by {by}" if by else "")


def _tracking(vm: Object, facts: Facts) -> Iterator[Finding]:
    """Changed block tracking: its state is backend storage, which KubeVirt refuses to clone."""
    state = text_at(vm, "status", "changedBlockTracking", "state")
    if state not in _TRACKED:
        return
    message = f"changed block tracking of the VM is {state}: KubeVirt refuses to clone such a VM, "
    if state == "Enabled":
        message += (
            "but not a snapshot of it, though each such clone leaves a claim that nobody uses"
        )
    else:
        message += "and can't take a snapshot of it until it was started once"
    yield error("tracking-state", message, *_untracked(vm, facts))


def _untracked(vm: Object, facts: Facts) -> Hint:
    """How to take away the labels by which KubeVirt tracks a VM, where these are plain."""
    selectors = ("spec", "configuration", "changedBlockTrackingLabelSelectors")
    for kubevirt in facts.kubevirt.objects:
        labels = mapping_at(kubevirt, *selectors, "virtualMachineLabelSelector", "matchLabels")
        mine = [key for key in labels if key in mapping_at(vm, "metadata", "labels")]
        if mine:
            removed = (f"{key}-" for key in mine)
            return (kubectl("label", f"vm/{name_of(vm)}", *removed, namespace=facts.namespace),)
    return ()


def loss_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A snapshot that was ready once and never will be again, or that lacks volumes (41, 64)."""
    snapshot = facts.source.object
    if snapshot is None or not from_snapshot(clone):
        return
    fresh = (flag("--source", f"vm/{text_at(snapshot, 'spec', 'source', 'name') or 'NAME'}"),)
    if sentence := snapshot_loss(snapshot):
        yield error("snapshot-gone", sentence, *fresh)
    left_out = at(snapshot, "status", "snapshotVolumes", "excludedVolumes")
    claims = disks_of(source_vm(clone, facts))
    # Images and cloud-init are no claims: every snapshot leaves them out.
    volumes = [f'"{v}"' for v in left_out if v in claims] if isinstance(left_out, list) else []
    if volumes:
        message = f'the snapshot "{name_of(snapshot)}" was taken without {", ".join(volumes)}'
        yield warning("snapshot-partial", message, *fresh)


def claim_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Claims of a source VM that are going, or are being filled (recordings 4e, 54)."""
    if from_snapshot(clone) or facts.claims is None:
        return
    claims = {name_of(claim): claim for claim in facts.claims.objects}
    for volume, name in disks_of(facts.source.object).items():
        claim = claims.get(name)
        if claim is None:
            continue
        if text_at(claim, "metadata", "deletionTimestamp"):
            message = f'the claim "{name}" of the volume "{volume}" {_going(claim)}'
            yield error("claim-deleting", message)
        elif is_filling(claim):
            owner = text_at(data_volume_of(claim), "name")
            message = f'the DataVolume "{owner}" of the volume "{volume}" is still being filled'
            wait = kubectl(
                *("wait", "--for=jsonpath={.status.phase}=Succeeded", f"datavolume/{owner}"),
                "--timeout=30m",
                namespace=facts.namespace,
            )
            yield warning("claim-filling", message, wait)


def use_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Pods on the claims of a stopped VM; only one that has Succeeded is none (recording 55)."""
    vm = facts.source.object
    if vm is None or facts.pods is None or from_snapshot(clone):
        return
    claims = set(disks_of(vm).values())
    for pod in facts.pods.objects:
        used = [
            text_at(volume, "persistentVolumeClaim", "claimName")
            for volume in mappings_at(pod, "spec", "volumes")
        ]
        name = next((claim for claim in used if claim in claims), "")
        if not name or text_at(pod, "status", "phase") == "Succeeded":
            continue
        message = (
            f'the pod "{name_of(pod)}" uses the claim "{name}": KubeVirt waits for its end, and'
            " gives up after 5 minutes"
        )
        gone = ("wait", "--for=delete", f"pod/{name_of(pod)}", "--timeout=10m")
        yield warning("claim-in-use", message, kubectl(*gone, namespace=facts.namespace))


def data_volume_of(claim: Object) -> Object:
    """The owner reference of a claim to its DataVolume; empty where it has none."""
    owners = mappings_at(claim, "metadata", "ownerReferences")
    return next((item for item in owners if text_at(item, "kind") == "DataVolume"), {})


def is_filling(claim: Object) -> bool:
    """Whether CDI has begun to fill a claim, and has not ended."""
    phase = text_at(claim, "metadata", "annotations", _POPULATION)
    return bool(data_volume_of(claim)) and phase not in ("", "Succeeded")


def prefixed_claims(clone: Object, vm: Object | None) -> dict[str, str]:
    """Volume → the claim that the restore will make, where the name can be known before."""
    policy, target = text_at(clone, "spec", "volumeNamePolicy"), target_name(clone)
    named = (
        {volume: claim_name(target, volume, policy) for volume in disks_of(vm)} if target else {}
    )
    return {volume: name for volume, name in named.items() if GENERATED not in name}


def taken_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Claims of the names that the target's will have: KubeVirt takes them as they are.

    Whatever is in them (recordings 44, 45, 50 to 52); also one that an earlier clone of the same
    request will make.
    """
    names = prefixed_claims(clone, source_vm(clone, facts))
    there = {name_of(claim) for claim in facts.claims.objects} if facts.claims else set()
    for volume, name in names.items():
        if name in there:
            message = (
                f'there is a claim "{name}" already: KubeVirt would take it, with what is in it,'
                f' for the volume "{volume}" of the target'
            )
        elif name in facts.claimed:
            message = (
                f'the claim "{name}" of the volume "{volume}" would be that of'
                f" {facts.claimed[name]} too"
            )
        else:
            continue
        yield error("claim-exists", message, flag("--volume-name-policy", RANDOM))


def claimed_by(clone: Object, vm: Object | None) -> Mapping[str, str]:
    """The claims that ``clone`` will make, each with how a finding calls their maker."""
    names = prefixed_claims(clone, vm).values()
    return dict.fromkeys(names, f'the target "{target_name(clone)}"')
