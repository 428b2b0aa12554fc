"""Storage classes: what their drivers do with claims and snapshots, and how they fail.

Reads only. Annotations of a StorageClass break its driver, and repair it when they are taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from kubevirt_sandbox.kubevirt.controllers.controller import Client
from kubevirt_sandbox.kubevirt.objects import Obj, annotations_of, text
from kubevirt_sandbox.kubevirt.resources import SNAPSHOT_CLASSES, STORAGE_CLASSES

PROVISIONER = "virt-clone-sandbox/provisioner"
"""``down``: claims of the class wait until it is back."""
PROVISION_ERROR = "virt-clone-sandbox/provision-error"
"""What the driver answers to whoever asks for a volume."""
SNAPSHOTTER = "virt-clone-sandbox/snapshotter"
"""``down``: snapshots of the class wait until it is back; ``slow``: they take ten seconds."""
SNAPSHOT_ERROR = "virt-clone-sandbox/snapshot-error"
"""What the driver answers to whoever asks for a snapshot."""
DEFAULT_SNAPSHOT_CLASS = "snapshot.storage.kubernetes.io/is-default-class"


class Snapshots(Enum):
    """How the driver of a storage class takes snapshots."""

    PROMPT = "prompt"
    SLOW = "slow"
    DOWN = "down"
    FAILING = "failing"
    UNSUPPORTED = "unsupported"


NO_SPACE = "rpc error: code = ResourceExhausted desc = no space left on device"


@dataclass(frozen=True)
class Driver:
    """How the driver of one storage class fares; ``name`` is empty where no class says it."""

    name: str = ""
    first_consumer: bool = False
    provisions: bool = True
    provision_error: str = ""
    snapshots: Snapshots = Snapshots.PROMPT
    snapshot_error: str = NO_SPACE


@dataclass(frozen=True)
class SnapshotSupport:
    """Whether claims of a class can be snapshotted; ``complaint`` is KubeVirt's when it can't tell.

    ``snapshot_class`` is empty where the storage is described by no class.
    """

    enabled: bool
    snapshot_class: str = ""
    complaint: str = ""


BY_NAME = {
    "nosnap": Driver(snapshots=Snapshots.UNSUPPORTED),
    "none": Driver(snapshots=Snapshots.UNSUPPORTED),
    "slow": Driver(snapshots=Snapshots.SLOW),
    "never": Driver(snapshots=Snapshots.DOWN),
    "full": Driver(snapshots=Snapshots.FAILING),
    "first-consumer": Driver(first_consumer=True),
}
"""What the names of classes say, whether there is such an object or not.

Claims of any other class, or of none, are bound and snapshotted at once in a cluster without a
single StorageClass: it has storage that nobody has described.
"""


def class_of(claim: Obj) -> str:
    """The name of a claim's class, or an empty one."""
    return text(claim, "spec", "storageClassName")


def driver_of(claim: Obj, client: Client) -> Driver | None:
    """The driver that serves a claim; None when its class does not exist."""
    name = class_of(claim)
    stored = client.read(STORAGE_CLASSES, "", name)
    named = BY_NAME.get(name, Driver())
    if stored is None:
        return None if name and client.read_all(STORAGE_CLASSES) else named
    annotations = annotations_of(stored)
    snapshots = named.snapshots
    if annotations.get(SNAPSHOT_ERROR):
        snapshots = Snapshots.FAILING
    elif annotations.get(SNAPSHOTTER):
        snapshots = Snapshots(annotations[SNAPSHOTTER])
    return Driver(
        name=text(stored, "provisioner"),
        first_consumer=stored.get("volumeBindingMode") == "WaitForFirstConsumer",
        provisions=annotations.get(PROVISIONER) != "down",
        provision_error=annotations.get(PROVISION_ERROR, ""),
        snapshots=snapshots,
        snapshot_error=annotations.get(SNAPSHOT_ERROR) or NO_SPACE,
    )


def snapshot_support(name: str, client: Client) -> SnapshotSupport:
    """How KubeVirt finds the VolumeSnapshotClass of a storage class: by the driver.

    Of several it takes one that is annotated as the default, whatever the annotation says. Which
    of two such is open in KubeVirt; here it is the last by name.
    """
    stored = client.read(STORAGE_CLASSES, "", name)
    if stored is None:
        named = BY_NAME.get(name, Driver())
        described = bool(client.read_all(STORAGE_CLASSES))
        return SnapshotSupport(not described and named.snapshots is not Snapshots.UNSUPPORTED)
    driver = text(stored, "provisioner")
    matches = [item for item in client.read_all(SNAPSHOT_CLASSES) if text(item, "driver") == driver]
    default = [item for item in matches if DEFAULT_SNAPSHOT_CLASS in annotations_of(item)]
    if len(matches) > 1 and not default:
        return SnapshotSupport(
            False, complaint=f"{len(matches)} matching VolumeSnapshotClasses for {name}"
        )
    chosen = matches if len(matches) == 1 else default
    return SnapshotSupport(bool(chosen), text(chosen[-1], "metadata", "name") if chosen else "")
