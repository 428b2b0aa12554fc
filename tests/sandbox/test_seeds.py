"""The objects a sandbox starts with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.api import LocalApi
from kubevirt_sandbox.kubevirt.pace import NEVER, Pace
from kubevirt_sandbox.kubevirt.seed.planting import (
    SEED_DIRECTORY,
    further_seed_names,
    load_seed,
    plant,
    seed_names,
)

from .world import CLAIMS, CLONES, KUBEVIRTS, RESTORES, SNAPSHOTS, VMS, World


def test_every_seed_says_in_its_first_line_what_it_shows() -> None:
    assert len(seed_names()) >= 12
    for name in (*seed_names(), *further_seed_names()):
        first = (SEED_DIRECTORY / f"{name}.yaml").read_text().splitlines()[0]
        assert first.startswith("# "), name
        assert first.endswith("."), name


def test_no_two_seeds_hold_the_same_object() -> None:
    names = (*seed_names(), *further_seed_names())
    objects = [obj for name in names for obj in load_seed(name)]
    keys = [(obj["kind"], obj["metadata"]["name"]) for obj in objects]
    assert len(keys) == len(set(keys))


def test_kubevirt_says_its_version_and_gates(still_world: World) -> None:
    kubevirt = still_world.registry.get(KUBEVIRTS, "kubevirt", "kubevirt")
    assert kubevirt["status"] == {"observedKubeVirtVersion": "v1.9.0", "phase": "Deployed"}
    developer = kubevirt["spec"]["configuration"]["developerConfiguration"]
    assert developer == {"featureGates": ["Snapshot"]}


@pytest.mark.parametrize(
    ("source", "phase"),
    [
        ("vm-cirros", "Succeeded"),
        ("web-1", "Succeeded"),
        ("vm-nofw", "Succeeded"),
        ("vm-two-nics", "Succeeded"),
        ("vm-ovn", "Succeeded"),
        ("vm-data", "Succeeded"),
        ("vm-slow", "Succeeded"),
        ("vm-later", "Succeeded"),
        ("run-1", "Succeeded"),
        ("vmsnapshot/snap-1", "Succeeded"),
        ("vmsnapshot/snap-2", "SnapshotInProgress"),
        ("vmsnapshot/snap-3", "SnapshotInProgress"),
        ("vm-tpm", "Failed"),
        ("vm-efi", "Failed"),
    ],
)
def test_a_clone_of_each_source_ends_as_its_family_says(
    make_world: Callable[..., World], source: str, phase: str
) -> None:
    world = make_world(*(name for name in seed_names() if name != "kubevirt"))
    world.clone("c", source, "t")
    world.until_phase("c", phase)


RESTORE, SNAPSHOT = "RestoreInProgress", "SnapshotInProgress"
NO_ROOM = (
    "exceeded quota: claims, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=1, "
    "limited: persistentvolumeclaims=1"
)
LONG_NAME = "vm-with-a-name-that-fits-no-label-" + 30 * "x"
AFTERWARDS = {
    "storage/claim-exists": ("vm-shop", "cart", RESTORE, "StorageClass absent does not exist"),
    "storage/claim-refused": ("vm-refused", "t", RESTORE, "Waiting for new PVCs"),
    "storage/long-name": (LONG_NAME, "t", SNAPSHOT, "Source locked and operation in progress"),
    "storage/memory-dump": ("vm-dumped", "t", "Succeeded", "Ready"),
    "storage/no-driver": (
        *("vm-local", "t", ""),
        "Virtual Machine volume data does not support snapshots",
    ),
    "storage/partial-snapshot": ("vmsnapshot/partial", "t", "Failed", "Still processing"),
    "storage/pod-uses-claim": (
        *("vm-busy", "t", SNAPSHOT),
        "Source not locked source is offline but 1 pods using PVCs [disk-busy]",
    ),
    "storage/provisioner-down": ("vm-stalled", "t", RESTORE, "Waiting for new PVCs"),
    "storage/quota-claims": ("vm-full-house", "t", RESTORE, NO_ROOM),
    "storage/quota-snapshots": (
        *("vm-no-room", "t", SNAPSHOT),
        "Source locked and operation in progress",
    ),
    "storage/snapshot-refused": ("vm-unsnappable", "t", SNAPSHOT, "In error state"),
    "storage/snapshotter-down": (
        *("vm-unattended", "t", SNAPSHOT),
        "Source locked and operation in progress",
    ),
    "storage/two-snapshot-classes": (
        *("vm-ambiguous", "t", ""),
        "Virtual Machine volume data does not support snapshots",
    ),
    "storage/unbound-source": (
        *("vm-unbound", "t", SNAPSHOT),
        "Source not locked source default/vm-unbound volume not bound: disk-unbound",
    ),
}
"""Seed → what is cloned, the target, the phase that stays, what is said by whom it depends on."""


def test_every_seed_of_a_failure_is_tried() -> None:
    of_storage = [name for name in further_seed_names() if name.startswith("storage/")]
    assert list(AFTERWARDS) == of_storage


@pytest.mark.parametrize(
    "name", [name for name in further_seed_names() if name.startswith("sources/")]
)
def test_a_seed_of_sources_goes_beside_the_others(name: str) -> None:
    with ControlPlane(seeds=[*seed_names(), name], speed=float("inf")) as plane:
        assert plane.url


@pytest.mark.parametrize("seed", AFTERWARDS)
def test_a_clone_of_a_source_with_such_storage_says_why_it_waits(
    make_world: Callable[..., World], seed: str
) -> None:
    source, target, phase, why = AFTERWARDS[seed]
    world = make_world(*("storage-classes", seed), pace=Pace(speed=200.0, failure_deadline=NEVER))
    if source.startswith("vmsnapshot/"):
        snapshot = source.removeprefix("vmsnapshot/")
        world.until(lambda: world.reasons(SNAPSHOTS, snapshot)[1:] == ["Ready=True:Ready"])
    clone = world.clone("c", source, target, volumeNamePolicy="PrefixTargetName")
    world.until(lambda: world.phase("c") == phase)
    uid = clone["metadata"]["uid"]
    by = {RESTORE: (RESTORES, f"tmp-restore-{uid}"), SNAPSHOT: (SNAPSHOTS, f"tmp-snapshot-{uid}")}
    told_by = by.get(phase, (CLONES, "c"))
    world.until(lambda: any(reason.endswith(why) for reason in world.reasons(*told_by)))
    assert world.phase("c") == phase


def test_all_claims_of_the_targets_names_are_adopted(make_world: Callable[..., World]) -> None:
    world = make_world("storage-classes", "storage/claim-exists", pace=Pace(speed=200.0))
    claims = sorted(world.names(CLAIMS))
    for name in ("web", "till"):
        world.clone(name, "vm-shop", name, volumeNamePolicy="PrefixTargetName")
        world.until_phase(name, "Succeeded")
    assert sorted(world.names(CLAIMS)) == claims
    assert world.get(CLAIMS, "till-data")["status"] == {"phase": "Pending"}


def test_a_vm_without_snapshot_class_stays_pending(make_world: Callable[..., World]) -> None:
    world = make_world("vm-no-snapshot-class")
    world.clone("c", "vm-pvc", "t")
    world.until(lambda: world.reasons(CLONES, "c")[:1] == ["Progressing=False:Pending"])


def test_a_file_of_the_users_own_may_be_a_seed(still_world: World, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "apiVersion: v1\nkind: List\nitems:\n"
        "- apiVersion: kubevirt.io/v1\n  kind: VirtualMachine\n  metadata: {name: mine}\n"
        "  spec: {runStrategy: Halted, template: {spec: {domain: {}}}}\n---\n"
    )
    plant(LocalApi(still_world.registry), load_seed(path))
    assert "mine" in still_world.names(VMS)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("5", "not a Kubernetes object with a name"),
        ("kind: X", "not a Kubernetes object with a name"),
        ("metadata: {name: x}", "needs apiVersion and kind"),
    ],
)
def test_a_file_that_is_no_seed_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(content)
    with pytest.raises(ValueError, match=complaint):
        load_seed(path)


def test_a_kind_that_is_not_served_is_refused(still_world: World) -> None:
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "x"}}
    with pytest.raises(ValueError, match="v1 Node is not served"):
        plant(LocalApi(still_world.registry), [node])
