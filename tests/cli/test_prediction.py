"""What ``preview`` foretells is what the sandbox then makes, for generated sources and clones."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Sequence
from itertools import count
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kubevirt_sandbox.controlplane import ControlPlane
from kubevirt_sandbox.storage.registry import Registry
from kubevirt_sandbox.storage.status import ApiError
from tests.cli.conftest import Kvc, Planes
from tests.cli.test_check import settled
from tests.fuzz.effort import TIMES
from tests.predictions import (
    DETERMINISTIC,
    Case,
    Object,
    a_clone_of,
    a_source,
    cases,
    claims_of,
    comparable,
    with_generated,
)
from tests.sandbox.test_revisions import change_guest, start
from tests.sandbox.world import World

NAMESPACE = "default"
CLONES = "virtualmachineclones.clone.kubevirt.io"
VMS = "virtualmachines.kubevirt.io"
PATIENCE = 60.0
# 20 cases, or FUZZ times 50; those of a batch are previewed by one run of the program.
BATCHES, BATCH = 5 * TIMES or 2, 10


def test_the_preview_is_the_target_that_the_sandbox_makes(make_plane: Planes, kvc: Kvc) -> None:
    plane = make_plane(seeds=["kubevirt"])
    numbers = count()
    seen: list[Case] = []

    @settings(DETERMINISTIC, max_examples=BATCHES)
    @given(st.lists(cases(), min_size=BATCH, max_size=BATCH))
    def foretold(batch: Sequence[Case]) -> None:
        seen.extend(batch)
        named = [(case, f"vm-{next(numbers)}") for case in batch]
        for case, name in named:
            _plant(plane.registry, a_source(case, name, NAMESPACE))
        clones = [a_clone_of(case, name, NAMESPACE) for case, name in named]

        documents = json.dumps({"kind": "List", "items": clones})
        previewed = yaml.safe_load(kvc("preview", "-f", "-", "-o", "yaml", stdin=documents).out)
        targets = _cloned(plane, clones)

        for predicted, target in zip(previewed["items"], targets, strict=True):
            assert yaml.safe_dump(with_generated(predicted, target)) == yaml.safe_dump(target)

    foretold()
    assert len(seen) >= BATCHES * BATCH


def test_the_preview_of_a_snapshot_is_the_target_too(plane: ControlPlane, kvc: Kvc) -> None:
    settled(plane)
    registry = plane.registry
    _relabel(registry, "vm-cirros", {"edited": "yes"})
    flags = ("--source=vmsnapshot/snap-1", "--target=copy", "--annotation-filter=!note")

    predicted = yaml.safe_load(kvc("preview", *flags, "-o", "yaml").out)
    kvc("create", *flags, "--wait")

    target = comparable(registry.get(VMS, NAMESPACE, "copy"))
    assert with_generated(predicted, target) == target


@pytest.mark.parametrize("release", ["1.4", "1.6"])
@pytest.mark.parametrize("source", ["vm-cirros", "vm-nofw", "vm-data", "web-1"])
def test_the_preview_is_the_target_of_older_releases_too(
    make_plane: Planes, kvc: Kvc, release: str, source: str
) -> None:  # recordings 70 and 71
    plane = make_plane(kubevirt=release)
    world = World.of(plane)
    world.until(lambda: world.get(VMS, source).get("status"))
    flags = (f"--source={source}", "--target=copy", "--label-filter=*", "--new-smbios-serial=S1")

    predicted = yaml.safe_load(kvc("preview", *flags, "-o", "yaml").out)
    kvc("create", *flags, "--wait")

    target = comparable(world.get(VMS, "copy"))
    assert with_generated(predicted, target) == target
    assert predicted["spec"]["template"]["metadata"]["creationTimestamp"] is None


def test_the_preview_of_a_vm_that_was_changed_since_its_start_is_the_target_too(
    plane: ControlPlane, kvc: Kvc
) -> None:
    world = World.of(plane)
    start(world, "vm-cirros")
    world.change(VMS, "vm-cirros", change_guest)
    world.until(lambda: world.get(VMS, "vm-cirros")["status"].get("desiredGeneration") == 3)
    flags = ("--source=vm-cirros", "--target=copy")

    predicted = yaml.safe_load(kvc("preview", *flags, "-o", "yaml").out)
    told = kvc("check", *flags).out
    kvc("create", *flags, "--wait")

    target = comparable(world.get(VMS, "copy"))
    assert with_generated(predicted, target) == target
    assert "cpu" not in target["spec"]["template"]["spec"]["domain"]
    assert "source-changed-since-start" in told


def _relabel(registry: Registry, name: str, labels: dict[str, str]) -> None:
    """Change a VM's labels, again when a controller has written it meanwhile."""
    while True:
        vm = registry.get(VMS, NAMESPACE, name)
        vm["metadata"]["labels"] = labels
        with contextlib.suppress(ApiError):
            registry.update(VMS, NAMESPACE, name, vm)
            return


def _plant(registry: Registry, source: Object) -> None:
    for name in claims_of(source):
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "standard",
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
        registry.create("persistentvolumeclaims", NAMESPACE, claim)
    registry.create(VMS, NAMESPACE, source)


def _cloned(plane: ControlPlane, clones: Sequence[Object]) -> list[Object]:
    """Create the clones and wait until all have succeeded; their targets in this order."""
    registry = plane.registry
    created = [registry.create(CLONES, NAMESPACE, clone) for clone in clones]
    names = [clone["metadata"]["name"] for clone in created]
    deadline = time.monotonic() + PATIENCE
    while unfinished := [name for name in names if _phase(registry, name) != "Succeeded"]:
        version = registry.store.version
        if any(_phase(registry, name) == "Succeeded" for name in unfinished):
            continue
        assert time.monotonic() < deadline, f"{unfinished} did not succeed"
        registry.store.changes_since(version, 0.02)
    targets = [clone["spec"]["target"]["name"] for clone in created]
    return [comparable(registry.get(VMS, NAMESPACE, name)) for name in targets]


def _phase(registry: Registry, name: str) -> Any:
    return registry.get(CLONES, NAMESPACE, name).get("status", {}).get("phase")
