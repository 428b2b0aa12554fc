"""Rules about what the source holds: volumes and claims, TPM and EFI state, a running guest.

The modules beside this one judge what a clone changes on the way to the target.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from kubectl_virt_clone.clone.api import SNAPSHOT_CLASSES, conditions, target_name
from kubectl_virt_clone.clone.checks.facts import (
    INFO,
    Facts,
    Finding,
    error,
    from_snapshot,
    is_before,
    source_name,
    source_vm,
    storage_classes_used,
    warning,
)
from kubectl_virt_clone.clone.checks.sources import is_filling
from kubectl_virt_clone.clone.hint import Command, Hint, flag, kubectl
from kubectl_virt_clone.clone.spec.patches import value_patch
from kubectl_virt_clone.clone.target.restore_rules import disks_of
from kubectl_virt_clone.objects.fields import Object, at, mapping_at, mappings_at, name_of, text_at
from kubectl_virt_clone.objects.resource import Listing

_NOTHING = Listing()
_DOMAIN = ("spec", "template", "spec", "domain")
_CLOUD_INIT = ("cloudInitNoCloud", "cloudInitConfigDrive")
_STARTED = frozenset({"Always", "RerunOnFailure", "Once"})
_NO_CLASS, _SEVERAL = "No VolumeSnapshotClass", "matching VolumeSnapshotClasses"
_DEFAULT = "snapshot.storage.kubernetes.io/is-default-class=true"
_NO_CLAIM = "PVC not found"


def volume_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Claims of a source VM that are unbound, or that KubeVirt says it can't snapshot.

    KubeVirt lists in status.volumeSnapshotStatuses what it can snapshot. It also lists images and
    cloud-init, always as not enabled; they don't matter, because only claims are snapshotted.
    """
    vm = facts.source.object
    if vm is None or from_snapshot(clone):
        return
    listed = mappings_at(vm, "status", "volumeSnapshotStatuses")
    statuses = {text_at(status, "name"): status for status in listed}
    claims = {name_of(claim): claim for claim in facts.claims.objects} if facts.claims else {}
    for volume, claim in disks_of(vm).items():
        status = statuses.get(volume)
        if status is None:
            said = f'has not said yet whether the volume "{volume}" can be snapshotted, and'
            wait = ("--for=jsonpath={.status.volumeSnapshotStatuses}", f"vm/{name_of(vm)}")
            yield _awaited("volume-unknown", f"KubeVirt {said}", "it has", wait, facts)
        elif text_at(status, "reason") == _NO_CLAIM:
            # Its DataVolume is not imported yet.
            said = f'the claim "{claim}" of the volume "{volume}" is not there, and KubeVirt'
            for_claim = ("--for=create", f"pvc/{claim}", "--timeout=10m")
            yield _awaited("volume-not-snapshottable", said, "it is", for_claim, facts)
        elif at(status, "enabled") is not True:
            own = claims.get(claim, {"metadata": {"name": claim}})
            yield _not_snapshottable(vm, volume, own, facts)
        obj = claims.get(claim)
        if obj and text_at(obj, "status", "phase") != "Bound" and not is_filling(obj):
            yield _unbound(volume, claim, vm, facts)


def left_out_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """Claims of a snapshot's VM that the snapshot could not take: the clone fails."""
    if not from_snapshot(clone):
        return
    backups = mappings_at(facts.content.object, "spec", "volumeBackups")
    taken = {text_at(backup, "volumeName") for backup in backups}
    name = text_at(facts.source.object, "spec", "source", "name")
    for volume in disks_of(source_vm(clone, facts)):
        if volume not in taken:
            message = f'the volume "{volume}" is not in the snapshot "{source_name(clone)}"'
            hint = (flag("--source", f"vm/{name}"),)
            yield error("volume-not-snapshottable", message, *hint)


def _awaited(id_: str, said: str, until: str, wait: tuple[str, ...], facts: Facts) -> Finding:
    # Until 1.4 the clone's webhook refuses such a source; since then the clone waits.
    refused = is_before(facts, 1, 5)
    message = f"{said} {'refuses the clone' if refused else 'lets the clone wait'} until {until}"
    hint = kubectl("wait", *wait, namespace=facts.namespace)
    return (error if refused else warning)(id_, message, hint)


def misses_class(vm: Object | None) -> bool:
    """Whether KubeVirt finds no VolumeSnapshotClass for a volume, or several (recording 56)."""
    statuses = mappings_at(vm, "status", "volumeSnapshotStatuses")
    return any(text in _why_not(status) for status in statuses for text in (_NO_CLASS, _SEVERAL))


def _why_not(status: Object) -> str:
    return text_at(status, "reason") or "KubeVirt doesn't say why"


def _not_snapshottable(vm: Object, volume: str, claim: Object, facts: Facts) -> Finding:
    """A volume that KubeVirt can't snapshot, and with it the VM; a CD-ROM is better ejected."""
    listed = mappings_at(vm, "status", "volumeSnapshotStatuses")
    reason = next(_why_not(item) for item in listed if text_at(item, "name") == volume)
    known = {name_of(item): item for item in (facts.storage_classes or _NOTHING).objects}
    storage_class = text_at(claim, "spec", "storageClassName")
    driver = text_at(known.get(storage_class), "provisioner")
    disks = mappings_at(vm, *_DOMAIN, "devices", "disks")
    is_cdrom = any(text_at(disk, "name") == volume and "cdrom" in disk for disk in disks)
    message = f'the {"CD-ROM" if is_cdrom else "volume"} "{volume}" can\'t be snapshotted: {reason}'
    hint: Hint = (kubectl("describe", f"pvc/{name_of(claim)}", namespace=facts.namespace),)
    if _SEVERAL in reason and driver:
        hint = _default_class(driver, facts) or hint
    elif reason.startswith(_NO_CLASS) and driver and _takes_none(driver, facts):
        message += f"; {driver} is no CSI driver, and only these take snapshots"
        hint = ()
    elif reason.startswith(_NO_CLASS) and driver:
        message += f"; the hint makes one, if {driver} takes snapshots"
        hint = (_new_class(storage_class, driver),)
    if is_cdrom:
        hint = (_ejection(vm, volume, facts.namespace),)
    return error("volume-not-snapshottable", message, *hint)


def _takes_none(driver: str, facts: Facts) -> bool:
    """Whether a provisioner is none of the cluster's CSI drivers: only these take snapshots."""
    drivers = facts.drivers
    if drivers is None or drivers.unreadable:
        return False
    return driver not in map(name_of, drivers.objects)


def _default_class(driver: str, facts: Facts) -> Hint:
    """The command that makes one of the driver's classes the one to take."""
    classes = (facts.snapshot_classes or _NOTHING).objects
    names = sorted(name_of(item) for item in classes if text_at(item, "driver") == driver)
    kind = f"{SNAPSHOT_CLASSES.singular}.{SNAPSHOT_CLASSES.group}"
    words = (("annotate", f"{kind}/{name}", _DEFAULT) for name in names[:1])
    return tuple(Command(which, for_an_admin=True) for which in words)


def _new_class(name: str, driver: str) -> Command:
    wanted = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshotClass",
        "metadata": {"name": name},
        "driver": driver,
        "deletionPolicy": "Delete",
    }
    text = json.dumps(wanted, separators=(",", ":"))
    return Command(("create", "-f", "-"), stdin=text)


def _ejection(vm: Object, volume: str, namespace: str) -> Command:
    """What takes a volume and its disk out of a VM: a patch of the clone comes too late."""
    places = (("volumes",), ("domain", "devices", "disks"))
    removals = [
        {"op": "remove", "path": "/".join(("/spec/template/spec", *place, str(index)))}
        for place in places
        for index, item in enumerate(mappings_at(vm, "spec", "template", "spec", *place))
        if text_at(item, "name") == volume
    ]
    patch = json.dumps(removals, separators=(",", ":"))
    return kubectl("patch", f"vm/{name_of(vm)}", "--type=json", "-p", patch, namespace=namespace)


def _unbound(volume: str, claim: str, vm: Object, facts: Facts) -> Finding:
    if _runs(vm):
        words = ("wait", "--for=jsonpath={.status.phase}=Bound", f"pvc/{claim}")
        hint = kubectl(*words, namespace=facts.namespace)
    else:
        hint = _run(vm, facts.namespace, start=True)
    message = f'the claim "{claim}" of the volume "{volume}" is not bound: nothing to snapshot'
    return error("volume-unbound", message, hint)


def _runs(vm: Object) -> bool:
    return text_at(vm, "spec", "runStrategy") in _STARTED or at(vm, "spec", "running") is True


def _run(vm: Object, namespace: str, *, start: bool) -> Command:
    """The command that starts or stops a VM, by whichever of the two fields it has."""
    spec: dict[str, object] = {"runStrategy": "Always" if start else "Halted"}
    if at(vm, "spec", "running") is not None:
        spec = {"running": start}
    patch = json.dumps({"spec": spec}, separators=(",", ":"))
    return kubectl("patch", f"vm/{name_of(vm)}", "--type=merge", "-p", patch, namespace=namespace)


def backend_storage_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """TPM or EFI state in a volume of its own, which no release can clone."""
    vm = source_vm(clone, facts)
    domain = mapping_at(vm, *_DOMAIN)
    tpm = mapping_at(domain, "devices", "tpm")
    kept = []
    if tpm.get("persistent") is True and tpm.get("enabled") is not False:
        kept.append(("TPM", "devices/tpm/persistent"))
    if at(domain, "firmware", "bootloader", "efi", "persistent") is True:
        kept.append(("EFI", "firmware/bootloader/efi/persistent"))
    for what, path in kept:
        origin = text_at(facts.source.object, "spec", "source", "name")
        name = origin if from_snapshot(clone) else source_name(clone)
        removal = json.dumps([{"op": "remove", "path": f"/{'/'.join(_DOMAIN)}/{path}"}])
        words = ("patch", f"vm/{name}", "--type=json", "-p", removal)
        hint: Hint = (kubectl(*words, namespace=facts.namespace),)
        if from_snapshot(clone):
            hint = (*hint, ", then ", flag("--source", f"vm/{name}"))
        # Before 1.5 KubeVirt doesn't check, and leaves the state behind.
        lost = is_before(facts, 1, 5)
        verb = "leaves behind" if lost else "can't clone"
        message = (
            f"the source keeps its {what} state in a volume of its own, which KubeVirt"
            f" {verb}; the hint gives that state up"
        )
        yield (warning if lost else error)("backend-storage", message, *hint)


def first_consumer_findings(
    clone: Object, facts: Facts, projected: Mapping[str, object]
) -> Iterator[Finding]:
    """Storage that binds a claim at the first start: until then the target's data is not there."""
    waiting = {
        name_of(item)
        for item in (facts.storage_classes or _NOTHING).objects
        if text_at(item, "volumeBindingMode") == "WaitForFirstConsumer"
    }
    used = storage_classes_used(clone, facts)
    volumes = [f'"{volume}"' for volume, name in used.items() if name in waiting]
    if not volumes or _runs(projected):
        return
    message = (
        f"the storage of {', '.join(volumes)} binds when the target is first started; until then"
        " its data is not there and the temporary snapshot stays"
    )
    yield warning("first-consumer", message, *_started_target(facts, projected, target_name(clone)))


def _started_target(facts: Facts, projected: Mapping[str, object], target: str) -> Hint:
    """How to start the target, by whichever of the two fields it has from its source."""
    if facts.fields is not None and "patches" not in facts.fields:
        vm = {"metadata": {"name": target or "TARGET"}, "spec": mapping_at(projected, "spec")}
        return ("once the clone is done: ", _run(vm, facts.namespace, start=True))
    if at(projected, "spec", "running") is not None:
        return (flag("--patch", value_patch("replace", ("spec", "running"), True)),)
    return (flag("--start"),)


def cloud_init_findings(projected: Mapping[str, object]) -> Iterator[Finding]:
    """A target that gets cloud-init's volume takes the clone for a new machine (kubevirt#10797)."""
    volumes = mappings_at(projected, "spec", "template", "spec", "volumes")
    found = [i for i, volume in enumerate(volumes) if any(key in volume for key in _CLOUD_INIT)]
    if not found:
        return
    names = {text_at(volumes[index], "name") for index in found}
    disks = mappings_at(projected, *_DOMAIN, "devices", "disks")
    attached = [index for index, disk in enumerate(disks) if text_at(disk, "name") in names]
    paths = [f"/spec/template/spec/volumes/{index}" for index in reversed(found)]
    paths += [f"/{'/'.join(_DOMAIN)}/devices/disks/{index}" for index in reversed(attached)]
    removals = (json.dumps({"op": "remove", "path": p}, separators=(",", ":")) for p in paths)
    message = (
        "cloud-init runs again at the target's first start: it may set passwords, keys and the"
        " hostname anew"
    )
    yield Finding("cloud-init-reruns", INFO, message, (flag("--patch", *removals),))


def running_findings(clone: Object, facts: Facts) -> Iterator[Finding]:
    """A running guest that nobody can ask to flush its files before the snapshot."""
    vm = facts.source.object
    if vm is None or from_snapshot(clone) or at(vm, "status", "created") is not True:
        return
    if any(said == ["AgentConnected", "True"] for *said, _ in conditions(vm)):
        return
    message = (
        f'"{name_of(vm)}" runs without a guest agent: its disks are copied as after a power cut'
    )
    yield Finding("running-without-agent", INFO, message, (_run(vm, facts.namespace, start=False),))
