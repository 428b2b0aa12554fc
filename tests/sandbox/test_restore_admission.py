"""What the webhook of restores refuses; texts as recorded on KubeVirt v1.9."""

from __future__ import annotations

from typing import Any

import pytest

from kubevirt_sandbox.storage.status import ApiError

from .world import NAMESPACE, RESTORES, World

DENIED = (
    'admission webhook "virtualmachinerestore-validator.snapshot.kubevirt.io" denied the request: '
)
ONE_COLON = 'patch format is not valid - one ":" expected in a single key-value json patch: '


def a_restore(name: str = "r", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "snapshot.kubevirt.io/v1beta1",
        "kind": "VirtualMachineRestore",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "target": {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "t"},
            "virtualMachineSnapshotName": "s",
            **spec,
        },
    }


def refusal(world: World, restore: dict[str, Any]) -> ApiError:
    with pytest.raises(ApiError) as caught:
        world.registry.create(RESTORES, NAMESPACE, restore)
    return caught.value


@pytest.mark.parametrize(
    "patch",
    [
        '{"op":"replace","path":"/spec/runStrategy","value":"Always"}',
        '{ "op": "replace", "path": "/spec/runStrategy", "value": "Always" }',
        '{"op":"remove","path":"/metadata/labels/app"}',
        '{"op":"remove","path":"/metadata/annotations/note"}',
        '[{"op":"remove","path":"/spec/runStrategy"}]',
    ],
)
def test_patches_that_pass(still_world: World, patch: str) -> None:
    still_world.registry.create(RESTORES, NAMESPACE, a_restore(patches=[patch]))


@pytest.mark.parametrize(
    ("patch", "complaints"),
    [
        ("5", [ONE_COLON + "5"]),
        ('{"value":"02:00:00:00:00:99"}', [ONE_COLON + '"value":"02:00:00:00:00:99"']),
        ('{"value":"SN,1"}', [ONE_COLON + '1"']),
        ('{"value":{"zone":"a"}}', [ONE_COLON + '"value":{"zone":"a"']),
        ('{"value":"a,b,c"}', [ONE_COLON + "b", ONE_COLON + 'c"']),
        (
            '{"path":"/metadata/name"}',
            ['patching is valid only for elements under /spec/ only: "path":"/metadata/name"'],
        ),
    ],
)
def test_patches_that_do_not_pass(still_world: World, patch: str, complaints: list[str]) -> None:
    error = refusal(still_world, a_restore(patches=[patch]))
    assert (error.code, error.reason) == (422, "Invalid")
    assert str(error) == DENIED + ", ".join(complaints)


def test_a_target_may_have_one_unfinished_restore(still_world: World) -> None:
    still_world.registry.create(RESTORES, NAMESPACE, a_restore("first"))
    error = refusal(still_world, a_restore("second"))
    assert str(error) == DENIED + 'VirtualMachineRestore "first" in progress'
    first = still_world.get(RESTORES, "first")
    first["status"] = {"complete": True}
    still_world.registry.update(RESTORES, NAMESPACE, "first", first, subresource="status")
    still_world.registry.create(RESTORES, NAMESPACE, a_restore("second"))


def test_a_dry_run_claims_no_target(still_world: World) -> None:
    still_world.registry.create(RESTORES, NAMESPACE, a_restore("first"), dry_run=True)
    elsewhere = {"apiGroup": "kubevirt.io", "kind": "VirtualMachine", "name": "elsewhere"}
    still_world.registry.create(RESTORES, NAMESPACE, a_restore("first", target=elsewhere))
    still_world.registry.create(RESTORES, NAMESPACE, a_restore("second"))


def test_a_restore_needs_the_snapshot_gate(still_world: World) -> None:
    still_world.gates(disabledFeatureGates=["Snapshot"])
    error = refusal(still_world, a_restore())
    assert (error.code, error.reason) == (400, "")
    assert str(error) == DENIED + "Snapshot/Restore feature gate not enabled"
