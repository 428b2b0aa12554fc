"""What KubeVirt 1.4's webhooks asked of a clone's source and of a restore's target.

Later releases leave these questions to the controllers. Recorded are the source that is missing,
can't be snapshotted or keeps backend storage, and the target that exists; the other texts were
read from its source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kubevirt_sandbox.kubevirt.controllers.clone_sources import (
    has_backend_storage,
    unbacked_volumes,
    volume_troubles,
)
from kubevirt_sandbox.kubevirt.objects import Obj, section, text
from kubevirt_sandbox.kubevirt.resources import (
    SNAPSHOT_CONTENTS,
    SNAPSHOTS,
    VIRTUAL_MACHINES,
    Resource,
)
from kubevirt_sandbox.kubevirt.run_strategy import run_strategy_of
from kubevirt_sandbox.storage.status import Cause, cause

Find = Callable[[Resource, str, str], "Obj | None"]
"""A stored object by resource, namespace and name, or None."""

SOURCE = "spec.Source"
BACKEND_STORAGE = "Virtual Machine requires backend storage, operation not supported"
TARGET_EXISTS = (
    "when snapshot source and restore target VMs are different - target VM must not exist"
)


def source_causes(find: Find, namespace: str, source: Obj) -> Iterator[Cause]:
    """What the clone webhook finds in the source: that it is missing, or can't be snapshotted."""
    kind, name = text(source, "kind"), text(source, "name")
    resource = {item.kind: item for item in (VIRTUAL_MACHINES, SNAPSHOTS)}.get(kind)
    if not kind or not name:
        return
    if resource is None:
        yield _invalid("Source's Kind is invalid", SOURCE)
        return
    found = find(resource, namespace, name)
    if found is None:
        yield _invalid(f"{kind} {name} does not exist in namespace {namespace}", SOURCE)
    elif resource is VIRTUAL_MACHINES:
        if has_backend_storage(found):
            yield _invalid(BACKEND_STORAGE, SOURCE)
        yield from (_invalid(sentence, SOURCE) for sentence in volume_troubles(found))
    else:
        yield from _content_causes(find, namespace, found)


def _content_causes(find: Find, namespace: str, snapshot: Obj) -> Iterator[Cause]:
    name = text(snapshot, "metadata", "name")
    content_name = text(snapshot, "status", "virtualMachineSnapshotContentName")
    content = find(SNAPSHOT_CONTENTS, namespace, content_name) if content_name else None
    if content is None:
        why = f"VirtualMachineSnapshot {name} has nil contents name"
        if content_name:
            why = f'{SNAPSHOT_CONTENTS.qualified} "{content_name}" not found'
        yield _invalid(f"cannot get snapshot contents: {why}", SOURCE)
        return
    yield from (_invalid(sentence, SOURCE) for sentence in unbacked_volumes(content))


def target_of(find: Find, namespace: str, restore: Obj) -> Obj | None:
    """The VM that a restore is to write, where there is one already."""
    return find(VIRTUAL_MACHINES, namespace, text(restore, "spec", "target", "name"))


def run_strategy_causes(vm: Obj) -> Iterator[Cause]:
    """That an existing target has to be halted."""
    if run_strategy_of(vm) == "Halted":
        return
    name = text(vm, "metadata", "name")
    message = f'VirtualMachine "{name}" run strategy has to be Halted'
    if section(vm, "spec").get("running"):
        message = f'VirtualMachine "{name}" is not stopped'
    yield _invalid(message, "spec.target")


def snapshot_causes(find: Find, namespace: str, restore: Obj) -> Iterator[Cause]:
    """That the snapshot has to be ready, and the target new or the snapshot's own VM."""
    name, field = (
        text(restore, "spec", "virtualMachineSnapshotName"),
        "spec.virtualMachineSnapshotName",
    )
    snapshot = find(SNAPSHOTS, namespace, name)
    if snapshot is None:
        yield _invalid(f'VirtualMachineSnapshot "{name}" does not exist', field)
        return
    status = section(snapshot, "status")
    if status.get("phase") == "Failed":
        message = f'VirtualMachineSnapshot "{name}" has failed and is invalid to use'
        yield _invalid(message, field)
    if status.get("readyToUse") is not True:
        yield _invalid(f'VirtualMachineSnapshot "{name}" is not ready to use', field)
    vm, source_uid = target_of(find, namespace, restore), status.get("sourceUID")
    if vm is not None and source_uid and text(vm, "metadata", "uid") != source_uid:
        yield _invalid(TARGET_EXISTS, field)


def _invalid(message: str, field: str) -> Cause:
    return cause("FieldValueInvalid", message, field)
