"""What storage drivers do with claims and snapshots, and what they tell: recordings 40 to 74."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubevirt_sandbox.kubevirt.drivers.provisioner import (
    EXTERNAL_PROVISIONING,
    WAITING_FOR_CONSUMER,
)
from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.storage.status import ApiError

from .world import (
    CLAIMS,
    CLONES,
    CONTENTS,
    NAMESPACE,
    RESTORES,
    SNAPSHOTS,
    STORAGE_CLASSES,
    VMS,
    VOLUME_SNAPSHOTS,
    World,
    a_snapshot,
)

Obj = dict[str, Any]
DRIVER = "csi.example.com"
EXTERNAL = ("Normal", "ExternalProvisioning", EXTERNAL_PROVISIONING.format(DRIVER))
FAST = Pace(speed=200.0)
"""Fast enough to see it end, and slow enough that no deadline passes at once."""


def a_claim(name: str, storage_class: str = "standard", **spec: Any) -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


def said(world: World, name: str) -> list[tuple[str, str, str]]:
    """The events about an object, without how often."""
    return [(kind, reason, message) for kind, reason, _, message in world.events(name)]


def provisioning(name: str) -> tuple[str, str, str]:
    message = f'External provisioner is provisioning volume for claim "{NAMESPACE}/{name}"'
    return ("Normal", "Provisioning", message)


def break_class(world: World, name: str, **annotations: str) -> None:
    """Annotates a storage class, ``snapshot_error`` as ``virt-clone-sandbox/snapshot-error``."""

    def edit(obj: Obj) -> Obj:
        wanted = {f"virt-clone-sandbox/{key.replace('_', '-')}": value for key, value in items}
        return {**obj, "metadata": {**obj["metadata"], "annotations": wanted}}

    items = annotations.items()
    world.registry.patch(STORAGE_CLASSES, "", name, edit)


def is_bound(world: World, name: str) -> bool:
    return bool(world.get(CLAIMS, name)["status"]["phase"] == "Bound")


def restored(world: World) -> str:
    [name] = [item for item in world.names(CLAIMS) if item.startswith("restore-")]
    return name


@pytest.fixture
def storage(make_world: Callable[..., World]) -> World:
    """A world with classes, and vm-data with its claim bound."""
    world = make_world("storage-classes", "vm-data", pace=FAST)
    world.until(lambda: is_bound(world, "disk-good"))
    return world


def test_a_claim_tells_how_it_gets_its_volume(storage: World) -> None:
    uid = storage.get(CLAIMS, "disk-good")["metadata"]["uid"]
    done = f"Successfully provisioned volume pvc-{uid}"
    assert said(storage, "disk-good") == [
        EXTERNAL,
        provisioning("disk-good"),
        ("Normal", "ProvisioningSucceeded", done),
    ]


def test_a_claim_is_protected_until_no_pod_uses_it(storage: World) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "rescue"},
        "spec": {
            "nodeName": "lab-node",
            "volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "disk-good"}}],
        },
    }
    storage.registry.create("pods", NAMESPACE, pod)
    storage.delete(CLAIMS, "disk-good")
    assert storage.get(CLAIMS, "disk-good")["metadata"]["deletionTimestamp"]
    storage.delete("pods", "rescue")
    storage.until(lambda: storage.find(CLAIMS, "disk-good") is None)


def test_a_snapshot_of_a_vm_is_one_of_each_claim(storage: World) -> None:
    storage.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-data"))
    storage.until(lambda: storage.reasons(SNAPSHOTS, "s")[1:] == ["Ready=True:Ready"])
    uid = storage.get(SNAPSHOTS, "s")["metadata"]["uid"]
    content = storage.get(CONTENTS, f"vmsnapshot-content-{uid}")
    name = f"vmsnapshot-{uid}-volume-data"
    taken = storage.get(VOLUME_SNAPSHOTS, name)
    assert taken["metadata"]["labels"] == {
        "snapshot.kubevirt.io/source-vm-name": "vm-data",
        "snapshot.kubevirt.io/source-vm-namespace": NAMESPACE,
    }
    [owner] = taken["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == (
        "VirtualMachineSnapshotContent",
        content["metadata"]["uid"],
    )
    assert taken["spec"] == {
        "source": {"persistentVolumeClaimName": "disk-good"},
        "volumeSnapshotClassName": "csi",
    }
    assert taken["status"] == {
        "boundVolumeSnapshotContentName": f"snapcontent-{taken['metadata']['uid']}",
        "creationTime": taken["status"]["creationTime"],
        "readyToUse": True,
        "restoreSize": "1Gi",
    }
    times = {"creationTime": taken["status"]["creationTime"], "readyToUse": True}
    assert content["status"] == {
        **times,
        "volumeSnapshotStatus": [{**times, "volumeSnapshotName": name}],
    }
    assert said(storage, content["metadata"]["name"]) == [
        ("Normal", "SuccessfulVolumeSnapshotCreate", f"Successfully created VolumeSnapshot {name}")
    ]
    place = f"{NAMESPACE}/{name}"
    assert [message for _, _, message in said(storage, name)] == [
        f"Waiting for a snapshot {place} to be created by the CSI driver.",
        f"Snapshot {place} was successfully created by the CSI driver.",
        f"Snapshot {place} is ready to use.",
    ]
    storage.delete(SNAPSHOTS, "s")
    storage.until(lambda: storage.names(VOLUME_SNAPSHOTS) == [])


def test_a_claim_whose_class_does_not_exist_waits_for_it(storage: World) -> None:
    storage.registry.create(CLAIMS, NAMESPACE, a_claim("cold", "cold"))
    missing = 'storageclass.storage.k8s.io "cold" not found'
    storage.until(lambda: said(storage, "cold") == [("Warning", "ProvisioningFailed", missing)])
    made = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "cold"},
        "provisioner": DRIVER,
    }
    storage.registry.create(STORAGE_CLASSES, "", made)
    storage.until(lambda: is_bound(storage, "cold"))


def test_a_class_that_binds_late_waits_for_a_node(storage: World) -> None:
    storage.registry.create(CLAIMS, NAMESPACE, a_claim("late", "first-consumer"))
    waiting = ("Normal", "WaitForFirstConsumer", WAITING_FOR_CONSUMER)
    storage.until(lambda: said(storage, "late") == [waiting])
    storage.annotate(CLAIMS, "late", **{"volume.kubernetes.io/selected-node": "lab-node"})
    storage.until(lambda: is_bound(storage, "late"))


def test_a_quota_counts_claims_and_what_they_ask_for(storage: World) -> None:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "q"},
        "spec": {"hard": {"persistentvolumeclaims": "2", "requests.storage": "1536Mi"}},
    }
    storage.registry.create("resourcequotas", NAMESPACE, quota)
    used = {"persistentvolumeclaims": "1", "requests.storage": "1Gi"}
    assert storage.get("resourcequotas", "q")["status"] == {**quota["spec"], "used": used}
    with pytest.raises(ApiError) as refused:
        storage.registry.create(CLAIMS, NAMESPACE, a_claim("more"))
    assert (refused.value.code, str(refused.value)) == (
        403,
        'persistentvolumeclaims "more" is forbidden: exceeded quota: q, requested: '
        "requests.storage=1Gi, used: requests.storage=1Gi, limited: requests.storage=1536Mi",
    )
    storage.delete(CLAIMS, "disk-good")
    storage.until(lambda: storage.find(CLAIMS, "disk-good") is None)
    none = {"persistentvolumeclaims": "0", "requests.storage": "0"}
    assert storage.get("resourcequotas", "q")["status"]["used"] == none
    storage.registry.create(CLAIMS, NAMESPACE, a_claim("more"))
    assert storage.get("resourcequotas", "q")["status"]["used"] == used


def test_a_provisioner_that_is_down_is_waited_for(storage: World) -> None:
    break_class(storage, "standard", provisioner="down")
    uid = storage.clone("c", "vm-data", "t")["metadata"]["uid"]
    storage.until(lambda: any(name.startswith("restore-") for name in storage.names(CLAIMS)))
    name = restored(storage)
    storage.until(lambda: said(storage, name) == [EXTERNAL])
    storage.until(
        lambda: (
            storage.reasons(RESTORES, f"tmp-restore-{uid}")
            == ["Progressing=True:Creating new PVCs", "Ready=False:Waiting for new PVCs"]
        )
    )
    assert storage.phase("c") == "RestoreInProgress"
    break_class(storage, "standard")
    storage.until_phase("c", "Succeeded")
    assert provisioning(name) in said(storage, name)


def test_a_provisioner_that_refuses_says_so_again_and_again(storage: World) -> None:
    error = "rpc error: code = Unknown desc = failed pre-populate data from snapshot"
    break_class(storage, "standard", provision_error=error)
    storage.clone("c", "vm-data", "t")
    storage.until(lambda: any(name.startswith("restore-") for name in storage.names(CLAIMS)))
    name = restored(storage)

    def told() -> int:
        return next((n for _, _, n, message in storage.events(name) if message == error), 0)

    storage.until(lambda: told() >= 2)
    failed = ("Warning", "ProvisioningFailed", error)
    assert said(storage, name) == [EXTERNAL, provisioning(name), failed]
    break_class(storage, "standard")
    storage.until_phase("c", "Succeeded")


def test_a_snapshotter_that_is_down_is_waited_for_until_the_deadline(storage: World) -> None:
    break_class(storage, "standard", snapshotter="down")
    first = storage.clone("c", "vm-data", "t")["metadata"]["uid"]
    [snapshot] = storage.names(SNAPSHOTS) or [f"tmp-snapshot-{first}"]
    storage.until(lambda: len(storage.reasons(SNAPSHOTS, snapshot)) == 3)
    assert storage.reasons(SNAPSHOTS, snapshot) == [
        "Progressing=False:Operation failed",
        "Ready=False:Not ready",
        "Failure=True:snapshot deadline exceeded",
    ]
    # Its content is gone; the VolumeSnapshot goes when somebody is there to delete it.
    assert storage.names(CONTENTS) == []
    [left] = storage.names(VOLUME_SNAPSHOTS)
    assert storage.get(VOLUME_SNAPSHOTS, left)["metadata"]["deletionTimestamp"]
    break_class(storage, "standard")
    storage.until(lambda: storage.names(VOLUME_SNAPSHOTS) == [])
    assert storage.phase("c") == "SnapshotInProgress"
    storage.clone("again", "vm-data", "t")
    storage.until_phase("again", "Succeeded")


def test_a_driver_that_refuses_snapshots_may_be_repaired(make_world: Callable[..., World]) -> None:
    world = make_world("storage-classes", "vm-data", pace=Pace(speed=1.0))
    error = "rpc error: code = Unknown desc = failed create snapshot"
    break_class(world, "standard", snapshot_error=error)
    uid = world.clone("c", "vm-data", "t")["metadata"]["uid"]
    snapshot = f"tmp-snapshot-{uid}"
    failing = ["Progressing=False:In error state", "Ready=False:Not ready"]
    world.until(lambda: world.reasons(SNAPSHOTS, snapshot) == failing)
    status = world.get(SNAPSHOTS, snapshot)["status"]
    volume = world.get(CLAIMS, "disk-good")["spec"]["volumeName"]
    assert status["error"]["message"] == (
        f"VolumeSnapshot vmsnapshot-{world.get(SNAPSHOTS, snapshot)['metadata']['uid']}-volume-data"
        " error: Failed to check and update snapshot content: failed to take snapshot of the "
        f'volume {volume}: "{error}"'
    )
    assert (status["phase"], status["readyToUse"]) == ("InProgress", False)
    protected = world.get(CLAIMS, "disk-good")["metadata"]["finalizers"]
    assert "snapshot.storage.kubernetes.io/pvc-as-source-protection" in protected
    break_class(world, "standard")
    world.until_phase("c", "Succeeded")
    kept = world.get(CLAIMS, "disk-good")["metadata"]["finalizers"]
    assert kept == ["kubernetes.io/pvc-protection"]


def test_volume_snapshots_that_are_gone_make_a_snapshot_useless(storage: World) -> None:
    storage.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("golden", "vm-data"))
    storage.until(lambda: storage.reasons(SNAPSHOTS, "golden")[1:] == ["Ready=True:Ready"])
    [name] = storage.names(VOLUME_SNAPSHOTS)
    storage.delete(VOLUME_SNAPSHOTS, name)
    lost = ["Progressing=False:In error state", "Ready=False:Not ready"]
    storage.until(lambda: storage.reasons(SNAPSHOTS, "golden") == lost)
    status = storage.get(SNAPSHOTS, "golden")["status"]
    assert (status["phase"], status["readyToUse"]) == ("Succeeded", False)
    assert status["error"]["message"] == f"VolumeSnapshots ({name}) missing"
    content = status["virtualMachineSnapshotContentName"]
    gone = ("Warning", "VolumeSnapshotMissing", f"VolumeSnapshot {name} no longer exists")
    assert gone in said(storage, content)
    storage.clone("c", "vmsnapshot/golden", "t")
    storage.until_phase("c", "SnapshotInProgress")
    assert storage.events("c") == []
    # Of the VM itself there may be as many clones as ever.
    storage.clone("other", "vm-data", "u")
    storage.until_phase("other", "Succeeded")


def test_a_clone_that_is_deleted_too_early_leaves_a_claim_that_is_never_filled(
    make_world: Callable[..., World],
) -> None:
    world = make_world("storage-classes", "vm-first-consumer", pace=FAST)
    world.until(lambda: is_bound(world, "disk-later"))
    uid = world.clone("c", "vm-later", "t")["metadata"]["uid"]
    world.until_phase("c", "Succeeded")
    name = restored(world)
    assert world.get(CLONES, "c")["status"]["restoreName"] == f"tmp-restore-{uid}"
    assert world.names(SNAPSHOTS) == [f"tmp-snapshot-{uid}"]
    [taken] = world.names(VOLUME_SNAPSHOTS)
    world.delete(CLONES, "c")
    world.until(lambda: world.names(SNAPSHOTS) == [])
    world.until(lambda: "deletionTimestamp" in world.get(VOLUME_SNAPSHOTS, taken)["metadata"])
    used = ("Warning", "SnapshotDeletePending", "Snapshot is being used to restore a PVC")
    world.until(lambda: used in said(world, taken))
    world.annotate(CLAIMS, name, **{"volume.kubernetes.io/selected-node": "lab-node"})
    why = (
        f"error getting handle for DataSource Type VolumeSnapshot by Name {taken}: snapshot "
        f"{taken} is being deleted"
    )
    world.until(lambda: ("Warning", "ProvisioningFailed", why) in said(world, name))
    assert world.get(CLAIMS, name)["status"]["phase"] == "Pending"
    assert world.get(VMS, "t")["status"]["printableStatus"] == "Stopped"
