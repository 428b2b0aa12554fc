"""The objects a sandbox starts with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.api import LocalApi
from kubevirt_sandbox.kubevirt.seed.planting import (
    NAMED_DIRECTORY,
    SEED_DIRECTORY,
    load_seed,
    named_seeds,
    plant,
    seed_names,
)

from .world import CLONES, KUBEVIRTS, VMS, World


def test_every_seed_says_in_its_first_line_what_it_shows() -> None:
    assert len(seed_names()) >= 12
    paths = [SEED_DIRECTORY / f"{name}.yaml" for name in seed_names()]
    for path in [*paths, *(NAMED_DIRECTORY / f"{name}.yaml" for name in named_seeds())]:
        first = path.read_text().splitlines()[0]
        assert first.startswith("# "), path
        assert first.endswith("."), path


def test_no_two_seeds_hold_the_same_object() -> None:
    objects = [obj for name in (*seed_names(), *named_seeds()) for obj in load_seed(name)]
    keys = [(obj["kind"], obj["metadata"]["name"]) for obj in objects]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", named_seeds())
def test_a_seed_that_is_planted_by_name_goes_beside_the_others(name: str) -> None:
    with ControlPlane(seeds=[*seed_names(), name], speed=float("inf")) as plane:
        assert plane.url


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
