"""Older releases: what they serve and what their webhooks refuse.

Recordings 70 and 71 are played elsewhere; what they do not show was read in the source.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.kubevirt.pace import Pace
from kubevirt_sandbox.kubevirt.releases import RELEASES, catalogue_of, release_named
from kubevirt_sandbox.storage.status import ApiError
from kubevirt_sandbox.storage.webhooks import Write

from .world import (
    CLAIMS,
    CLONES,
    NAMESPACE,
    RESTORES,
    SNAPSHOTS,
    VMS,
    World,
    a_clone,
    a_snapshot,
    a_vm,
)

SPEC_FIELDS = {
    "annotationFilters",
    "labelFilters",
    "newMacAddresses",
    "newSMBiosSerial",
    "source",
    "target",
    "template",
}
CLONE_WEBHOOK = 'admission webhook "vm-clone-validator.kubevirt.io" denied the request: '
RESTORE_WEBHOOK = (
    'admission webhook "virtualmachinerestore-validator.snapshot.kubevirt.io" denied the request: '
)
ENDLESS = Pace(speed=100, slow_snapshot=1e6)
MakeWorld = Callable[..., World]


@pytest.fixture
def old_world(make_world: MakeWorld) -> MakeWorld:
    """Makes running worlds of an older release."""
    return partial(make_world, release="1.4")


@pytest.mark.parametrize(
    ("name", "versions", "storage", "more"),
    [
        ("1.4", ("v1alpha1",), "v1alpha1", set()),
        ("1.6", ("v1beta1", "v1alpha1"), "v1beta1", {"patches"}),
        ("1.9", ("v1beta1", "v1alpha1"), "v1beta1", {"patches", "volumeNamePolicy"}),
    ],
)
def test_a_release_serves_its_versions_with_its_fields(
    name: str, versions: tuple[str, ...], storage: str, more: set[str]
) -> None:
    catalogue = catalogue_of(RELEASES[name])
    served = catalogue[CLONES]
    assert (served.versions, served.storage_version) == (versions, storage)
    assert served.schema["properties"]["spec"]["properties"].keys() == SPEC_FIELDS | more
    [crd] = [item for item in catalogue.crds if item["metadata"]["name"] == CLONES]
    assert {item["name"] for item in crd["spec"]["versions"]} == set(versions)


def test_a_release_that_is_not_known_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^KubeVirt 0\.1 is none of 1\.4, 1\.6, 1\.9$"):
        release_named("0.1")


@pytest.mark.parametrize("name", RELEASES)
def test_a_control_plane_says_its_release_and_takes_all_seeds(name: str) -> None:
    with ControlPlane(kubevirt=name, speed=float("inf")) as plane:
        stored = plane.registry.get("kubevirts.kubevirt.io", "kubevirt", "kubevirt")
    assert stored["status"] == {"observedKubeVirtVersion": f"v{name}.0", "phase": "Deployed"}


@pytest.mark.parametrize(
    ("release", "listed", "accepted"),
    [("1.6", True, True), ("1.6", False, False), ("1.4", False, False), ("1.9", False, True)],
)
def test_before_1_9_the_snapshot_gate_has_to_be_listed(
    release: str, listed: bool, accepted: bool
) -> None:
    world = World(release=release)
    world.gates(featureGates=["Snapshot"] if listed else [])
    if accepted:
        world.clone("c", target="t")
        return
    with pytest.raises(ApiError) as caught:
        world.clone("c", target="t")
    assert str(caught.value) == CLONE_WEBHOOK + "snapshot feature gate is not enabled"


@pytest.mark.parametrize("release", RELEASES)
def test_the_gate_is_asked_for_at_creation_only(release: str) -> None:
    world = World(release=release)
    world.clone("c", target="t")
    world.gates(featureGates=[], disabledFeatureGates=["Snapshot"])
    world.annotate(CLONES, "c", touch="1")
    assert world.get(CLONES, "c")["metadata"]["annotations"] == {"touch": "1"}


@pytest.mark.parametrize(
    ("seed", "source", "complaint"),
    [
        ("vm-cirros", "nosuch", "VirtualMachine nosuch does not exist in namespace default"),
        (
            "vm-cirros",
            "vmsnapshot/nosuch",
            "VirtualMachineSnapshot nosuch does not exist in namespace default",
        ),
    ],
)
def test_1_4_refuses_a_source_that_is_missing(
    old_world: MakeWorld, seed: str, source: str, complaint: str
) -> None:
    with pytest.raises(ApiError) as caught:
        old_world(seed).clone("c", source, "t")
    assert str(caught.value) == CLONE_WEBHOOK + complaint
    assert caught.value.code == 422
    assert [item["field"] for item in caught.value.status["details"]["causes"]] == ["spec.Source"]


def test_1_4_refuses_volumes_that_cant_be_snapshotted(old_world: MakeWorld) -> None:
    world = old_world("vm-no-snapshot-class")
    [name] = world.names(VMS)
    world.until(lambda: world.get(VMS, name).get("status", {}).get("volumeSnapshotStatuses"))
    with pytest.raises(ApiError) as caught:
        world.clone("c", name, "t")
    sentence = "Virtual Machine volume data does not support snapshots"
    assert str(caught.value) == CLONE_WEBHOOK + sentence


def test_1_4_refuses_a_snapshot_that_is_not_there_yet() -> None:
    world = World(release="1.4")
    world.registry.create(SNAPSHOTS, NAMESPACE, a_snapshot("s", "vm-cirros"))
    with pytest.raises(ApiError) as caught:
        world.clone("c", "vmsnapshot/s", "t")
    assert str(caught.value) == (
        CLONE_WEBHOOK
        + "cannot get snapshot contents: VirtualMachineSnapshot s has nil contents name"
    )


def test_1_4_refuses_what_1_9_refuses_in_the_same_order(old_world: MakeWorld) -> None:
    clone = a_clone("c", "vm-cirros", "vm-cirros", newMacAddresses={"x": "zz"})
    clone["apiVersion"] = "clone.kubevirt.io/v1alpha1"
    clone["spec"]["source"]["kind"] = "Pod"
    world = old_world()
    with pytest.raises(ApiError) as caught:
        world.registry.create(CLONES, NAMESPACE, clone)
    messages = [item["message"] for item in caught.value.status["details"]["causes"]]
    assert messages == [
        "Source kind is not supported",
        "Source's Kind is invalid",
        "interface x has malformed MAC address (zz).",
    ]


def test_a_clone_of_1_4_succeeds_in_its_own_version(old_world: MakeWorld) -> None:
    world = old_world()
    uid = world.clone("c", target="t")["metadata"]["uid"]
    clone = world.until_phase("c", "Succeeded")
    assert clone["apiVersion"] == "clone.kubevirt.io/v1alpha1"
    mark = world.get(VMS, "t")["metadata"]["annotations"]["restore.kubevirt.io/lastRestoreUID"]
    assert mark.startswith(f"tmp-restore-{uid}-")


def test_the_children_of_1_4_belong_to_a_v1alpha1_clone(old_world: MakeWorld) -> None:
    world = old_world("vm-slow-storage", pace=ENDLESS)
    world.clone("c", "vm-slow", "t")
    world.until_phase("c", "SnapshotInProgress")
    [name] = world.names(SNAPSHOTS)
    [owner] = world.get(SNAPSHOTS, name)["metadata"]["ownerReferences"]
    assert owner["apiVersion"] == "clone.kubevirt.io/v1alpha1"


def test_1_4_drops_the_fields_it_does_not_know() -> None:
    world = World(release="1.4")
    clone = a_clone("c", target="t", patches=["{}"], volumeNamePolicy="PrefixTargetName")
    write = Write(field_validation="Warn", version="v1alpha1")
    clone["apiVersion"] = "clone.kubevirt.io/v1alpha1"
    created = world.registry.create(CLONES, NAMESPACE, clone, write=write)
    assert created["spec"].keys() == {"source", "target"}
    unknown = [f'unknown field "spec.{name}"' for name in ("patches", "volumeNamePolicy")]
    assert write.warnings == unknown


@pytest.mark.parametrize(
    ("seeds", "target", "complaints"),
    [
        pytest.param(
            ("vm-cirros", "targets"),
            "taken",
            "when snapshot source and restore target VMs are different - target VM must not exist",
            id="stopped",
        ),
        pytest.param(
            ("vm-cirros", "targets"),
            "run-1",
            'VirtualMachine "run-1" run strategy has to be Halted, when snapshot source and '
            "restore target VMs are different - target VM must not exist",
            id="running",
        ),
    ],
)
def test_1_4_never_creates_the_restore_of_an_existing_target(
    old_world: MakeWorld, seeds: tuple[str, ...], target: str, complaints: str
) -> None:
    world = old_world(*seeds)
    # The snapshot's own VM is told by its uid, which a snapshot has once it was taken.
    uid = world.clone("c", target=target)["metadata"]["uid"]
    world.until_event("c", "RestoreCreationFailed", 2)
    assert world.events("c")[-1][3] == (
        f"failed creating restore tmp-restore-{uid} for clone c: {RESTORE_WEBHOOK}{complaints}"
    )
    assert (world.phase("c"), world.names(RESTORES)) == ("RestoreInProgress", [])


def test_1_4_judges_patches_as_1_9_does(old_world: MakeWorld) -> None:
    world = old_world()
    uid = world.clone("c", target="t", newMacAddresses={"default": "02:00:00:00:00:78"})[
        "metadata"
    ]["uid"]
    world.until_event("c", "RestoreCreationFailed")
    assert world.events("c")[-1][3] == (
        f"failed creating restore tmp-restore-{uid} for clone c: {RESTORE_WEBHOOK}patch format is "
        'not valid - one ":" expected in a single key-value json patch: '
        '"value":"02:00:00:00:00:78"'
    )


def test_1_4_fails_a_clone_whose_source_vanishes(old_world: MakeWorld) -> None:
    world = old_world("vm-slow-storage", pace=ENDLESS)
    world.clone("c", "vm-slow", "t")
    world.until_phase("c", "SnapshotInProgress")
    world.delete(VMS, "vm-slow")
    world.until_phase("c", "Failed")
    world.until_event("c", "SourceDoesNotExist", 2)
    assert world.events("c")[-1][:2] + world.events("c")[-1][3:] == (
        "Normal",
        "SourceDoesNotExist",
        "VirtualMachine vm-slow does not exist in namespace default",
    )
    # KubeVirt 1.4 writes the conditions of a failure and then overwrites them in the same pass.
    assert world.reasons(CLONES, "c") == [
        "Progressing=True:Still processing",
        "Ready=False:Still processing",
    ]


def test_1_4_refuses_a_vm_with_backend_storage(old_world: MakeWorld) -> None:
    world = old_world("vm-backend-storage")
    with pytest.raises(ApiError) as caught:
        world.clone("c", "vm-tpm", "t")
    assert str(caught.value) == (
        CLONE_WEBHOOK + "Virtual Machine requires backend storage, operation not supported"
    )


@pytest.mark.parametrize(
    ("release", "generated", "stamped"),
    [("1.4", False, True), ("1.6", True, True), ("1.9", True, False)],
)
def test_a_release_writes_a_vm_in_its_own_way(release: str, generated: bool, stamped: bool) -> None:
    world = World(release=release)
    templates = [{"metadata": {"name": "d"}, "spec": {}}]
    vm = world.registry.create(VMS, NAMESPACE, a_vm("x", dataVolumeTemplates=templates))
    for changed in (
        vm,
        world.change(VMS, "x", lambda obj: obj["spec"].update(runStrategy="Manual")),
    ):
        template = changed["spec"]["template"]
        annotations = {"kubevirt.io/pci-topology-version": "v3"}
        stamp = {"creationTimestamp": None} if stamped else {}
        assert template.get("metadata") == (
            stamp | ({"annotations": annotations} if generated else {}) or None
        )
        assert changed["spec"]["dataVolumeTemplates"][0]["metadata"] == {"name": "d", **stamp}
        firmware = template["spec"]["domain"].get("firmware", {})
        assert set(firmware) == ({"serial", "uuid"} if generated else set())


def test_1_4_drops_the_firmware_that_a_clone_empties(old_world: MakeWorld) -> None:
    world = old_world()
    world.clone("c", target="t", newSMBiosSerial="mine")
    world.clone("d", target="u")
    for name, target, firmware in (("c", "t", {"serial": "mine"}), ("d", "u", {})):
        world.until_phase(name, "Succeeded")
        domain = world.get(VMS, target)["spec"]["template"]["spec"]["domain"]
        assert domain["firmware"] == firmware


def test_1_6_names_no_claims_after_the_target(old_world: MakeWorld) -> None:
    world = old_world("vm-data", release="1.6")
    world.clone("c", "vm-data", "t", volumeNamePolicy="PrefixTargetName")
    world.until_phase("c", "Succeeded")
    assert [name for name in world.names(CLAIMS) if name.startswith("t-")] == []
