"""What a restored claim and its VM carry, as recorded of KubeVirt 1.4, 1.6 and 1.9 with storage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .world import CLAIMS, CLONES, CONTENTS, NAMESPACE, RESTORES, SNAPSHOTS, VMS, World

Obj = dict[str, Any]
BOUND = {
    "pv.kubernetes.io/bind-completed": "yes",
    "pv.kubernetes.io/bound-by-controller": "yes",
    "volume.beta.kubernetes.io/storage-provisioner": "csi.example.com",
    "volume.kubernetes.io/storage-provisioner": "csi.example.com",
}
NOTE = {"example.com/note": "hello"}
ORIGIN = {
    "restore.kubevirt.io/source-vm-name": "vm-data",
    "restore.kubevirt.io/source-vm-namespace": NAMESPACE,
}
MARK = "restore.kubevirt.io/lastRestoreUID"


@pytest.fixture(params=["1.4", "1.6", "1.9"])
def marked_world(request: pytest.FixtureRequest, make_world: Callable[..., World]) -> World:
    """A world of each release; its source's claim has a label and a note."""
    world = make_world("storage-classes", "vm-data", release=request.param)

    def edit(claim: Obj) -> None:
        claim["metadata"]["labels"] = {"team": "red"}
        claim["metadata"].setdefault("annotations", {}).update(NOTE)

    world.until(lambda: world.get(CLAIMS, "disk-good").get("status", {}).get("phase") == "Bound")
    world.change(CLAIMS, "disk-good", edit)
    # 1.4 refuses a clone of a VM until that says whether its volumes can be snapshotted.
    world.until(lambda: world.get(VMS, "vm-data").get("status", {}).get("volumeSnapshotStatuses"))
    return world


def restored(world: World) -> Obj:
    [name] = [item for item in world.names(CLAIMS) if item.startswith("restore-")]
    return world.get(CLAIMS, name)


def test_a_restored_claim_says_which_restore_and_which_source_it_has(marked_world: World) -> None:
    world = marked_world
    uid = world.clone("first", "vm-data", "copy")["metadata"]["uid"]
    world.until_phase("first", "Succeeded")
    claim = restored(world)
    restore_uid = claim["metadata"]["name"].removeprefix("restore-").removesuffix("-data")
    mark = f"tmp-restore-{uid}-{restore_uid}"
    own = {"restore.kubevirt.io/name": f"tmp-restore-{uid}"}
    if world.release.name != "1.4":
        own[MARK] = mark
    assert claim["metadata"]["annotations"] == {**NOTE, **BOUND, **own}
    assert claim["metadata"]["labels"] == {"team": "red", **ORIGIN}
    assert "ownerReferences" not in claim["metadata"]
    assert claim["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    source = {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": claim["spec"]["dataSource"]["name"],
    }
    assert claim["spec"] == {
        "accessModes": ["ReadWriteOnce"],
        "dataSource": source,
        "dataSourceRef": source,
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "standard",
        "volumeMode": "Filesystem",
        "volumeName": f"pvc-{claim['metadata']['uid']}",
    }
    assert world.get(VMS, "copy")["metadata"]["annotations"] == {
        "kubevirt.io/latest-observed-api-version": "v1",
        "kubevirt.io/storage-observed-api-version": "v1",
        MARK: mark,
    }


def test_what_lasts_of_a_clone_is_on_its_vm_and_its_claim(marked_world: World) -> None:
    world = marked_world
    world.clone("first", "vm-data", "copy")
    world.until_phase("first", "Succeeded")
    claim, metadata = restored(world), world.get(VMS, "copy")["metadata"]
    world.until(lambda: not any(world.names(key) for key in (SNAPSHOTS, CONTENTS, RESTORES)))
    world.delete(CLONES, "first")
    kept = world.get(VMS, "copy")["metadata"]
    assert (restored(world), kept["annotations"]) == (claim, metadata["annotations"])
    # The source's claim has no owner, so the copy has none: it outlives its VM.
    world.delete(VMS, "copy")
    world.until(lambda: world.find(VMS, "copy") is None)
    assert restored(world) == claim


def test_a_claim_that_waits_has_nothing_of_the_binding_of_its_source(
    make_world: Callable[..., World],
) -> None:
    world = make_world("storage-classes", "vm-first-consumer")
    [vm], [source] = world.names(VMS), world.names(CLAIMS)

    def bind(claim: Obj) -> None:
        claim["spec"]["volumeName"] = "by-hand"
        claim["metadata"]["annotations"] = {**NOTE, **BOUND, "cdi.kubevirt.io/clonePhase": "x"}

    world.change(CLAIMS, source, bind)
    world.until(lambda: world.get(CLAIMS, source)["status"]["phase"] == "Bound")
    uid = world.clone("second", vm, "latecopy")["metadata"]["uid"]
    world.until_phase("second", "Succeeded")
    claim, restore = restored(world), f"tmp-restore-{uid}"
    assert claim["metadata"]["annotations"] == {
        **NOTE,
        "restore.kubevirt.io/name": restore,
        MARK: f"{restore}-{world.get(RESTORES, restore)['metadata']['uid']}",
    }
    assert (claim["status"], "volumeName" in claim["spec"]) == ({"phase": "Pending"}, False)


def test_the_target_owns_its_claim_where_the_source_owns_its_own(marked_world: World) -> None:
    world = marked_world

    def owner(vm: str) -> Obj:
        return {
            "apiVersion": "kubevirt.io/v1",
            "blockOwnerDeletion": True,
            "controller": True,
            "kind": "VirtualMachine",
            "name": vm,
            "uid": world.get(VMS, vm)["metadata"]["uid"],
        }

    def own(claim: Obj) -> None:
        claim["metadata"]["ownerReferences"] = [owner("vm-data")]

    world.change(CLAIMS, "disk-good", own)
    world.clone("first", "vm-data", "copy")
    world.until_phase("first", "Succeeded")
    assert restored(world)["metadata"]["ownerReferences"] == [owner("copy")]
    world.delete(VMS, "copy")
    world.until(lambda: world.names(CLAIMS) == ["disk-good"])


def test_an_adopted_claim_keeps_the_marks_of_the_restore_that_made_it(
    make_world: Callable[..., World],
) -> None:
    world = make_world("storage-classes", "vm-data")
    for name in ("first", "second"):
        world.clone(name, "vm-data", "web", volumeNamePolicy="PrefixTargetName")
        world.until_phase(name, "Succeeded")
        marks = world.get(CLAIMS, "web-data")["metadata"]
        if name == "first":
            before = marks
            world.delete(VMS, "web")
            world.until(lambda: world.find(VMS, "web") is None)
    assert marks == before


@pytest.mark.parametrize(("length", "phase"), [(63, "Succeeded"), (64, "SnapshotInProgress")])
def test_a_vm_whose_name_fits_no_label_gets_no_snapshot_of_its_claims(
    make_world: Callable[..., World], length: int, phase: str
) -> None:
    world = make_world("storage-classes", "vm-data")
    vm = world.get(VMS, "vm-data")
    vm["metadata"] = {"name": "x" * length, "namespace": NAMESPACE}
    vm.pop("status", None)
    world.registry.create(VMS, NAMESPACE, vm)
    world.clone("long", "x" * length, "short")
    world.until_phase("long", phase)
    if phase == "SnapshotInProgress":
        [snapshot] = world.names(SNAPSHOTS)
        # The deadline of five minutes, which passes at once here.
        world.until(
            lambda: world.get(SNAPSHOTS, snapshot).get("status", {}).get("phase") == "Failed"
        )
        return
    assert restored(world)["metadata"]["labels"] == {
        **ORIGIN,
        "restore.kubevirt.io/source-vm-name": "x" * length,
    }
