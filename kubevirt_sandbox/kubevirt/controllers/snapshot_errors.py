"""Why a snapshot can't be taken now: a guest that can't be frozen, a driver that fails.

Reads only; how long a snapshot waits for either, and what it then says, is in ``snapshots``.
"""

from __future__ import annotations

from kubevirt_sandbox.kubevirt.controllers.controller import Client
from kubevirt_sandbox.kubevirt.controllers.virtualmachines import agent_of
from kubevirt_sandbox.kubevirt.controllers.volumes import Snapshots, snapshots_of
from kubevirt_sandbox.kubevirt.objects import Obj, annotations_of, entries, location, text
from kubevirt_sandbox.kubevirt.resources import PERSISTENT_VOLUME_CLAIMS
from kubevirt_sandbox.kubevirt.run_strategy import is_started

FREEZE_ERROR = "virt-clone-sandbox/freeze-error"
"""Annotation of a VM whose guest can't be frozen: what its agent answers."""

_FREEZE_FAILED = (
    "Internal error occurred: unexpected return code 400 (400 Bad Request), message: server error."
    " command Freeze failed: \"LibvirtError(Code=1, Domain=10, Message='internal error: unable to"
    " execute QEMU agent command 'guest-fsfreeze-freeze': {}')\""
)
_DRIVER_FAILED = (
    "Failed to check and update snapshot content: failed to take snapshot of the volume {}: "
    '"rpc error: code = ResourceExhausted desc = no space left on device"'
)


def error_of(client: Client, content: Obj, vm: Obj | None) -> str:
    """What a snapshot's ``status.error`` says, empty when all goes well; ``vm`` as it is now.

    The sentences are KubeVirt 1.9's, read from its source: none was recorded on a live cluster.
    """
    backups = entries(content, "spec", "volumeBackups")
    refused = annotations_of(vm or {}).get(FREEZE_ERROR)
    # Without a volume to be snapshotted, and without an agent, nothing is frozen.
    if backups and vm and refused and is_started(vm) and agent_of(vm):
        return _FREEZE_FAILED.format(refused)
    namespace, _ = location(content)
    for backup in backups:
        name = text(backup, "persistentVolumeClaim", "metadata", "name")
        claim = client.read(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        if claim and snapshots_of(claim, client) is Snapshots.FAILING:
            failed = _DRIVER_FAILED.format(text(claim, "spec", "volumeName"))
            return f"VolumeSnapshot {text(backup, 'volumeSnapshotName')} error: {failed}"
    return ""


def indications_of(vm: Obj) -> list[str]:
    """How the guest took part in a snapshot; empty for a VM that does not run."""
    if not is_started(vm):
        return []
    return ["GuestAgent" if agent_of(vm) else "NoGuestAgent", "Online"]
